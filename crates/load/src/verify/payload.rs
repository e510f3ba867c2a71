//! What is published: who it is for, its number, when it was due, and a checksum over all of it.
//!
//! It is plain letters, so that it fits into JSON, a URL or a text frame as it is: `sbl:` and 40
//! letters of base64 with the stamp, then letters up to the requested size. It is found even within
//! an envelope that the server puts around it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use memchr::memmem;

const MARK: &[u8] = b"sbl:";
const STAMP_BYTES: usize = 30;
const CHECKED_BYTES: usize = 26;
const STAMP_LETTERS: usize = 40;

/// The smallest payload in bytes.
pub(crate) const SIZE_MIN: usize = MARK.len() + STAMP_LETTERS;

/// What fills a payload up, from a place that depends on the sequence number.
const FILLER: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// What a payload says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Differs from run to run.
    pub(crate) run: u32,
    /// The number of the channel, or of the connection that sent it.
    pub(crate) channel: u32,
    /// From 1, without a hole, in each channel; 48 bits.
    pub(crate) sequence: u64,
    /// When it was due to be sent, in nanoseconds of the monotonic clock.
    pub(crate) due_ns: u64,
}

/// The payloads of an answer that may have several, each from its mark to the next one, to be read by
/// [`Stamp::read`]; the whole answer where there is none.
pub(crate) fn each(answer: &[u8]) -> impl Iterator<Item = &[u8]> {
    let first = memmem::find(answer, MARK).unwrap_or(0);
    let marks = memmem::find_iter(answer, MARK).skip(1).chain([answer.len()]);
    marks.scan(first, |begin, end| Some(&answer[std::mem::replace(begin, end)..end]))
}

/// Why a message is not what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Damage {
    #[error("a message without a stamp of this tool")]
    NoStamp,
    #[error("a message whose stamp is cut or has wrong letters")]
    BadStamp,
    #[error("a message that is shorter than its stamp says")]
    Cut,
    #[error("a message with a wrong checksum")]
    Checksum,
}

impl Stamp {
    /// Appends a payload of `size` bytes, at least [`SIZE_MIN`].
    pub(crate) fn write(&self, size: usize, out: &mut Vec<u8>) {
        let size = size.max(SIZE_MIN);
        let start = out.len();
        out.reserve(size);
        out.extend_from_slice(MARK);
        out.resize(start + SIZE_MIN, 0);
        let mut rest = size - SIZE_MIN;
        let from = (self.sequence % 64) as usize;
        let head = rest.min(64 - from);
        out.extend_from_slice(&FILLER[from..from + head]);
        rest -= head;
        while rest > 0 {
            let piece = rest.min(64);
            out.extend_from_slice(&FILLER[..piece]);
            rest -= piece;
        }
        let mut stamp = [0; STAMP_BYTES];
        stamp[..4].copy_from_slice(&self.run.to_be_bytes());
        stamp[4..8].copy_from_slice(&self.channel.to_be_bytes());
        stamp[8..14].copy_from_slice(&self.sequence.to_be_bytes()[2..]);
        stamp[14..22].copy_from_slice(&self.due_ns.to_be_bytes());
        stamp[22..26].copy_from_slice(&(size as u32).to_be_bytes());
        let sum = checksum(&stamp[..CHECKED_BYTES], &out[start + SIZE_MIN..]);
        stamp[CHECKED_BYTES..].copy_from_slice(&sum.to_be_bytes());
        let letters = &mut out[start + MARK.len()..start + SIZE_MIN];
        let written = URL_SAFE_NO_PAD.encode_slice(stamp, letters);
        debug_assert_eq!(written, Ok(STAMP_LETTERS));
    }

    /// Reads the payload in a message and checks it.
    pub(crate) fn read(message: &[u8]) -> Result<Self, Damage> {
        let payload = if message.starts_with(MARK) {
            message
        } else {
            let at = memmem::find(message, MARK).ok_or(Damage::NoStamp)?;
            &message[at..]
        };
        let letters = payload.get(MARK.len()..SIZE_MIN).ok_or(Damage::BadStamp)?;
        // One more than needed: the decoder asks for room by an estimate.
        let mut stamp = [0; STAMP_BYTES];
        match URL_SAFE_NO_PAD.decode_slice(letters, &mut stamp) {
            Ok(STAMP_BYTES) => {}
            _ => return Err(Damage::BadStamp),
        }
        let size = number(&stamp[22..26]) as usize;
        let filler = payload.get(SIZE_MIN..size).ok_or(Damage::Cut)?;
        if checksum(&stamp[..CHECKED_BYTES], filler) != number(&stamp[CHECKED_BYTES..]) as u32 {
            return Err(Damage::Checksum);
        }
        Ok(Self {
            run: number(&stamp[..4]) as u32,
            channel: number(&stamp[4..8]) as u32,
            sequence: number(&stamp[8..14]),
            due_ns: number(&stamp[14..22]),
        })
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn checksum(stamp: &[u8], filler: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(stamp);
    hasher.update(filler);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: Stamp =
        Stamp { run: 0xdead_beef, channel: 77, sequence: (1 << 40) + 5, due_ns: 1 << 60 };

    fn payload(size: usize) -> Vec<u8> {
        let mut out = Vec::new();
        STAMP.write(size, &mut out);
        out
    }

    #[test]
    fn what_is_written_is_read_at_any_size_and_in_any_envelope() {
        for size in [SIZE_MIN, SIZE_MIN + 1, 64, 100, 108, 109, 1_000, 70_000] {
            let bytes = payload(size);
            assert_eq!(bytes.len(), size);
            assert_eq!(Stamp::read(&bytes), Ok(STAMP), "{size}");
            let text = String::from_utf8(bytes).unwrap();
            assert!(text.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\'));
            let wrapped = format!(r#"{{"push":{{"data":"{text}"}}}}"#);
            assert_eq!(Stamp::read(wrapped.as_bytes()), Ok(STAMP), "{size}");
        }
        assert_eq!(payload(0).len(), SIZE_MIN);
    }

    #[test]
    fn an_answer_may_have_several() {
        let text = |size| String::from_utf8(payload(size)).unwrap();
        let answer = format!(r#"{{"news":[{{"text":"{}"}},{{"text":"{}"}}]}}"#, text(44), text(99));
        let read: Vec<_> = each(answer.as_bytes()).map(Stamp::read).collect();
        assert_eq!(read, [Ok(STAMP), Ok(STAMP)]);
        assert_eq!(each(&payload(60)).collect::<Vec<_>>(), [&payload(60)]);
        assert_eq!(each(b"hello").map(Stamp::read).collect::<Vec<_>>(), [Err(Damage::NoStamp)]);
    }

    #[test]
    fn every_changed_bit_and_every_cut_is_found() {
        let whole = payload(120);
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut changed = whole.clone();
                changed[at] ^= 1 << bit;
                assert!(Stamp::read(&changed).is_err(), "byte {at} bit {bit}");
            }
            assert!(Stamp::read(&whole[..at]).is_err(), "cut at {at}");
        }
        assert_eq!(Stamp::read(b"hello"), Err(Damage::NoStamp));
        assert_eq!(Stamp::read(&whole[..SIZE_MIN - 1]), Err(Damage::BadStamp));
        assert_eq!(Stamp::read(&whole[..119]), Err(Damage::Cut));
    }
}
