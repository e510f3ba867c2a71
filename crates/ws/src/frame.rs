//! Frame headers and whole frames (RFC 6455 section 5.2).

use crate::error::ProtocolError;
use crate::mask;

/// Longest header: 2 bytes, a 64-bit length, a masking key.
pub const HEADER_BYTES_MAX: usize = 14;

/// Longest payload of a control frame in bytes (section 5.5).
pub const CONTROL_PAYLOAD_MAX: usize = 125;

/// The seven-bit length that says "16 bits follow".
const LENGTH_16: u8 = 126;
/// The seven-bit length that says "64 bits follow".
const LENGTH_64: u8 = 127;

/// Which side of the connection this is: it decides whether frames from the peer must be masked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Frames from the peer (a client) must be masked.
    Server,
    /// Frames from the peer (a server) must not be masked.
    Client,
}

/// What a frame is. The numbers are those on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Opcode {
    /// A further fragment of a message.
    Continuation = 0,
    /// A text message or its first fragment.
    Text = 1,
    /// A binary message or its first fragment.
    Binary = 2,
    /// The end of the connection.
    Close = 8,
    /// The peer answers it with a Pong that has the same payload.
    Ping = 9,
    /// The answer to a Ping, or a sign of life.
    Pong = 10,
}

impl Opcode {
    /// The opcode with this number, if it is one.
    pub const fn from_bits(bits: u8) -> Option<Self> {
        match bits {
            0 => Some(Self::Continuation),
            1 => Some(Self::Text),
            2 => Some(Self::Binary),
            8 => Some(Self::Close),
            9 => Some(Self::Ping),
            10 => Some(Self::Pong),
            _ => None,
        }
    }

    /// Close, Ping or Pong.
    pub const fn is_control(self) -> bool {
        self as u8 & 0x8 != 0
    }
}

/// A decoded frame header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The last frame of its message.
    pub fin: bool,
    /// What the frame is.
    pub opcode: Opcode,
    /// The masking key, when the payload is masked.
    pub mask: Option<[u8; 4]>,
    /// Length of the payload in bytes, below 2^63.
    pub len: u64,
}

/// The answer of [`decode`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decoded {
    /// A whole header and the number of bytes it took.
    Header(Header, usize),
    /// Nothing wrong so far; more bytes are needed.
    Incomplete,
}

/// Decodes the header at the front of `bytes` and checks all rules that one header can break.
///
/// A broken rule is reported as soon as the byte that breaks it is there, so that the answer does
/// not depend on where the bytes were split.
#[inline]
pub fn decode(bytes: &[u8], role: Role) -> Result<Decoded, ProtocolError> {
    let Some(&first) = bytes.first() else {
        return Ok(Decoded::Incomplete);
    };
    let (fin, opcode) = decode_first(first)?;
    let Some(&second) = bytes.get(1) else {
        return Ok(Decoded::Incomplete);
    };
    match (role, second & 0x80 != 0) {
        (Role::Server, false) => return Err(ProtocolError::NotMasked),
        (Role::Client, true) => return Err(ProtocolError::Masked),
        _ => {}
    }
    let short = second & 0x7f;
    if opcode.is_control() && usize::from(short) > CONTROL_PAYLOAD_MAX {
        return Err(ProtocolError::ControlTooLong);
    }
    let Some((len, after_len)) = decode_length(bytes, short)? else {
        return Ok(Decoded::Incomplete);
    };
    let (mask, used) = match role {
        Role::Client => (None, after_len),
        Role::Server => match bytes[after_len..].first_chunk::<4>() {
            Some(key) => (Some(*key), after_len + 4),
            None => return Ok(Decoded::Incomplete),
        },
    };
    Ok(Decoded::Header(Header { fin, opcode, mask, len }, used))
}

/// The rules of the first byte: FIN, three reserved bits, opcode.
#[inline]
fn decode_first(first: u8) -> Result<(bool, Opcode), ProtocolError> {
    if first & 0x70 != 0 {
        return Err(ProtocolError::ReservedBit);
    }
    let opcode = Opcode::from_bits(first & 0x0f).ok_or(ProtocolError::UnknownOpcode)?;
    let fin = first & 0x80 != 0;
    if opcode.is_control() && !fin {
        return Err(ProtocolError::ControlFragmented);
    }
    Ok((fin, opcode))
}

/// The payload's length and where it ends in the header; `None` when bytes are missing.
#[inline]
fn decode_length(bytes: &[u8], short: u8) -> Result<Option<(u64, usize)>, ProtocolError> {
    let rest = &bytes[2..];
    match short {
        LENGTH_16 => {
            let Some(extended) = rest.first_chunk::<2>() else {
                return Ok(None);
            };
            let len = u64::from(u16::from_be_bytes(*extended));
            if len < u64::from(LENGTH_16) {
                return Err(ProtocolError::LengthNotMinimal);
            }
            Ok(Some((len, 4)))
        }
        LENGTH_64 => {
            // The top bit and the leading zeros are in the first bytes, but only the whole length
            // decides which rule is broken, whatever the split.
            let Some(extended) = rest.first_chunk::<8>() else {
                return Ok(None);
            };
            let len = u64::from_be_bytes(*extended);
            if len >> 63 != 0 {
                return Err(ProtocolError::LengthTopBit);
            }
            if u16::try_from(len).is_ok() {
                return Err(ProtocolError::LengthNotMinimal);
            }
            Ok(Some((len, 10)))
        }
        short => Ok(Some((u64::from(short), 2))),
    }
}

/// Writes a frame header to the front of `out` and returns its length in bytes. `len` is the
/// payload's length and must be below 2^63.
#[inline]
pub fn encode_header(
    out: &mut [u8; HEADER_BYTES_MAX],
    fin: bool,
    opcode: Opcode,
    len: u64,
    mask: Option<[u8; 4]>,
) -> usize {
    debug_assert!(len >> 63 == 0, "frame length {len} has its top bit set");
    let mask_bit = u8::from(mask.is_some()) << 7;
    out[0] = u8::from(fin) << 7 | opcode as u8;
    let mut at = if len < u64::from(LENGTH_16) {
        out[1] = mask_bit | len as u8;
        2
    } else if let Ok(len) = u16::try_from(len) {
        out[1] = mask_bit | LENGTH_16;
        out[2..4].copy_from_slice(&len.to_be_bytes());
        4
    } else {
        out[1] = mask_bit | LENGTH_64;
        out[2..10].copy_from_slice(&len.to_be_bytes());
        10
    };
    if let Some(key) = mask {
        out[at..at + 4].copy_from_slice(&key);
        at += 4;
    }
    at
}

/// Appends one whole frame with FIN set. `mask` is the key of a client; a server gives `None`.
pub fn write(out: &mut Vec<u8>, opcode: Opcode, payload: &[u8], mask: Option<[u8; 4]>) {
    write_fragment(out, true, opcode, payload, mask);
}

/// Appends one frame of a message; `fin` marks the last one.
pub fn write_fragment(
    out: &mut Vec<u8>,
    fin: bool,
    opcode: Opcode,
    payload: &[u8],
    mask: Option<[u8; 4]>,
) {
    let mut header = [0; HEADER_BYTES_MAX];
    let used = encode_header(&mut header, fin, opcode, payload.len() as u64, mask);
    out.reserve(used + payload.len());
    out.extend_from_slice(&header[..used]);
    let start = out.len();
    out.extend_from_slice(payload);
    if let Some(key) = mask {
        mask::unmask(&mut out[start..], key, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_decodes_in_no_fewer_bytes() {
        let lengths = [0, 1, 125, 126, 127, 255, 256, 65535, 65536, 1 << 32, (1 << 63) - 1];
        let opcodes = [Opcode::Continuation, Opcode::Text, Opcode::Binary];
        for len in lengths {
            for opcode in opcodes {
                for (fin, mask) in [(true, None), (false, Some([1, 2, 3, 4]))] {
                    let mut bytes = [0; HEADER_BYTES_MAX];
                    let used = encode_header(&mut bytes, fin, opcode, len, mask);
                    let role = if mask.is_some() { Role::Server } else { Role::Client };
                    let header = Header { fin, opcode, mask, len };
                    assert_eq!(decode(&bytes[..used], role), Ok(Decoded::Header(header, used)));
                    assert_eq!(decode(&bytes, role), Ok(Decoded::Header(header, used)));
                    for short in 0..used {
                        assert_eq!(decode(&bytes[..short], role), Ok(Decoded::Incomplete));
                    }
                }
            }
        }
    }

    #[test]
    fn opcodes_are_their_numbers() {
        for bits in 0..=255 {
            let opcode = Opcode::from_bits(bits);
            assert_eq!(opcode.is_some(), matches!(bits, 0..=2 | 8..=10), "{bits}");
            assert!(opcode.is_none_or(|opcode| opcode as u8 == bits));
            assert!(opcode.is_none_or(|opcode| opcode.is_control() == (bits >= 8)));
        }
    }

    #[test]
    fn frames_are_written_as_in_the_rfc() {
        let mut out = Vec::new();
        write(&mut out, Opcode::Text, b"Hello", None);
        assert_eq!(out, b"\x81\x05Hello");
        out.clear();
        write(&mut out, Opcode::Text, b"Hello", Some([0x37, 0xfa, 0x21, 0x3d]));
        assert_eq!(out, b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
        out.clear();
        write_fragment(&mut out, false, Opcode::Text, b"Hel", None);
        write_fragment(&mut out, true, Opcode::Continuation, b"lo", None);
        assert_eq!(out, b"\x01\x03Hel\x80\x02lo");
    }
}
