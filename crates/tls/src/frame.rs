//! Records on the wire (RFC 8446 5.1, 5.2): five bytes of header, and what they say the length is.

use crate::error::RecordError;

/// Bytes of a record's header.
pub(crate) const HEADER_BYTES: usize = 5;
/// Bytes of the authentication tag of all our AEADs.
pub(crate) const TAG_BYTES: usize = 16;
/// Bytes of plaintext in one record (RFC 8446 5.1).
pub const PLAINTEXT_BYTES_MAX: usize = 1 << 14;
/// Bytes behind the header of an encrypted record (RFC 8446 5.2): 255 of padding and a tag may be in it, or
/// what TLS 1.2 adds, which may be more.
const CIPHERTEXT_BYTES_MAX: usize = PLAINTEXT_BYTES_MAX + 2_048;
/// The longest record, with its header: what must be held until it is whole.
pub const RECORD_BYTES_MAX: usize = HEADER_BYTES + CIPHERTEXT_BYTES_MAX;

/// What a record says that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum ContentType {
    ChangeCipherSpec = 20,
    Alert = 21,
    Handshake = 22,
    ApplicationData = 23,
}

impl ContentType {
    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            20 => Self::ChangeCipherSpec,
            21 => Self::Alert,
            22 => Self::Handshake,
            23 => Self::ApplicationData,
            _ => return None,
        })
    }
}

/// What stands at the beginning of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) content_type: ContentType,
    /// With the header.
    pub(crate) bytes: usize,
}

impl Frame {
    /// The record at the beginning of `bytes`, which may not be whole yet; none while its header is not. The
    /// version is not looked at (RFC 8446 5.1: it "MUST be ignored for all purposes").
    pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Self>, RecordError> {
        let Some(first) = bytes.first() else { return Ok(None) };
        let content_type = ContentType::from_byte(*first).ok_or(RecordError::UnknownType)?;
        let Some(length) = bytes.get(3..HEADER_BYTES) else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
        if length > CIPHERTEXT_BYTES_MAX {
            return Err(RecordError::TooLong);
        }
        Ok(Some(Self { content_type, bytes: HEADER_BYTES + length }))
    }
}

/// The header of an encrypted record with so many bytes behind it.
pub(crate) fn header(length: usize) -> [u8; HEADER_BYTES] {
    let [high, low] = (length as u16).to_be_bytes();
    [ContentType::ApplicationData as u8, 3, 3, high, low]
}

/// What so many bytes of plaintext take on the wire of TLS 1.3.
pub fn sealed_bytes(plaintext: usize) -> usize {
    let records = plaintext.div_ceil(PLAINTEXT_BYTES_MAX).max(1);
    plaintext + records * (HEADER_BYTES + 1 + TAG_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_known_by_its_header() {
        let parse = Frame::parse;
        assert_eq!(parse(&[]), Ok(None));
        assert_eq!(parse(&[22, 3, 1, 0]), Ok(None));
        let hello = Frame { content_type: ContentType::Handshake, bytes: 5 + 0x0203 };
        assert_eq!(parse(&[22, 3, 1, 2, 3]), Ok(Some(hello)));
        assert_eq!(parse(b"GET / HTTP/1.1"), Err(RecordError::UnknownType));
        assert_eq!(parse(b"G"), Err(RecordError::UnknownType), "at the first byte");
        assert_eq!(parse(&[23, 9, 9, 0x48, 0]).unwrap().unwrap().bytes, RECORD_BYTES_MAX);
        assert_eq!(parse(&[23, 3, 3, 0x48, 1]), Err(RecordError::TooLong));
    }

    #[test]
    fn what_is_sealed_takes_22_bytes_more_a_record() {
        assert_eq!([0, 1, 16_384, 16_385].map(sealed_bytes), [22, 23, 16_406, 16_385 + 44]);
    }
}
