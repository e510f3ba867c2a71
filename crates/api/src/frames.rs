//! Publications in the binary form of a publishing stream: one after another, each as
//!
//! ```text
//! varint channel length, channel
//! flags                            1: text, 2: a content type follows, 4: an event follows
//! varint length, content type      with flag 2
//! varint length, event             with flag 4
//! varint payload length, payload
//! ```
//!
//! A varint has seven bits in each byte, the lowest first, and the highest bit set in all but the last
//! (LEB128), five bytes at most.

use switchboard_hub::{ChannelName, Kind};

use crate::item::{Item, ItemLimits};
use crate::{ApiError, Meta};

const TEXT: u8 = 1;
const CONTENT_TYPE: u8 = 2;
const EVENT: u8 = 4;

/// One publication as it was written, and where the next begins.
#[derive(Debug)]
pub struct Frame<'a> {
    channel: &'a [u8],
    is_text: bool,
    content_type: Option<&'a [u8]>,
    event: Option<&'a [u8]>,
    payload: &'a [u8],
}

/// The publication that begins at `at`, and where the next one does. None at the end.
///
/// # Errors
/// 400 where the bytes are no publication; nothing behind them can be found then.
pub fn next(bytes: &[u8], at: usize) -> Option<Result<(Frame<'_>, usize), ApiError>> {
    let mut rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
    Some(match read(&mut rest) {
        Some(frame) => Ok((frame, bytes.len() - rest.len())),
        None => Err(ApiError::bad_request(
            "bad_frame",
            "a publication must be a channel, flags, labels and a payload, each with its length; what \
             follows in the message was not read",
        )),
    })
}

fn read<'a>(rest: &mut &'a [u8]) -> Option<Frame<'a>> {
    let channel = take_counted(rest)?;
    let (&flags, behind) = rest.split_first()?;
    *rest = behind;
    if flags & !(TEXT | CONTENT_TYPE | EVENT) != 0 {
        return None;
    }
    let mut label =
        |flag| if flags & flag == 0 { Some(None) } else { take_counted(rest).map(Some) };
    let (content_type, event) = (label(CONTENT_TYPE)?, label(EVENT)?);
    let payload = take_counted(rest)?;
    Some(Frame { channel, is_text: flags & TEXT != 0, content_type, event, payload })
}

fn take_counted<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    const VARINT_BYTES_MAX: usize = 5;
    let length = rest.iter().position(|byte| byte & 0x80 == 0)? + 1;
    if length > VARINT_BYTES_MAX {
        return None;
    }
    let (varint, behind) = rest.split_at(length);
    let value = varint.iter().rev().fold(0_u64, |value, byte| value << 7 | u64::from(byte & 0x7f));
    let (taken, behind) = behind.split_at_checked(usize::try_from(value).ok()?)?;
    *rest = behind;
    Some(taken)
}

impl Frame<'_> {
    /// The publication to make.
    ///
    /// # Errors
    /// 400 or 413 with the rule that it breaks.
    pub fn parse(&self, limits: ItemLimits) -> Result<Item, ApiError> {
        let name = str::from_utf8(self.channel)
            .map_err(|_| ApiError::bad_request("bad_channel", "a channel name must be UTF-8"))?;
        let name = ChannelName::new(name)?;
        let meta = Meta::of_headers(self.content_type, self.event)?;
        let kind = if self.is_text { Kind::Text } else { Kind::Binary };
        if self.is_text && str::from_utf8(self.payload).is_err() {
            return Err(ApiError::bad_request("bad_text", "a text must be UTF-8"));
        }
        Item::new(name, &meta, kind, self.payload, limits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: ItemLimits = ItemLimits { payload_bytes_max: 300 };

    fn read_all(bytes: &[u8]) -> Vec<Result<(String, Vec<u8>), &'static str>> {
        let (mut found, mut at) = (Vec::new(), 0);
        while let Some(next) = next(bytes, at) {
            match next {
                Ok((frame, behind)) => {
                    at = behind;
                    let item = frame.parse(LIMITS);
                    found.push(match item {
                        Ok(item) => Ok((item.name.to_string(), item.draft.payload().to_vec())),
                        Err(error) => Err(error.code),
                    });
                }
                Err(error) => {
                    found.push(Err(error.code));
                    break;
                }
            }
        }
        found
    }

    #[test]
    fn publications_follow_one_another() {
        let mut bytes = b"\x01a\x01\x02hi".to_vec();
        bytes.extend_from_slice(b"\x02bc\x06\x09image/png\x01e\x80\x02");
        bytes.extend_from_slice(&[0xff; 256]);
        let expected = [Ok(("a".into(), b"hi".to_vec())), Ok(("bc".into(), vec![0xff; 256]))];
        assert_eq!(read_all(&bytes), expected);
        assert_eq!(read_all(b""), []);
    }

    #[test]
    fn one_that_breaks_a_rule_does_not_stop_the_others() {
        let bytes =
            b"\x01/\x01\x01x\x01\xff\x01\x01x\x01a\x01\x01\xff\x01a\x05\x03gap\x00\x01a\x01\x01x";
        let codes = ["bad_channel", "bad_channel", "bad_text", "bad_event"];
        let mut expected: Vec<_> = codes.map(Err).to_vec();
        expected.push(Ok(("a".into(), b"x".to_vec())));
        assert_eq!(read_all(bytes), expected);
        let large = [&b"\x01a\x01\xad\x02"[..], &[b'x'; 301]].concat();
        assert_eq!(read_all(&large), [Err("too_large")]);
    }

    #[test]
    fn what_is_no_publication_ends_the_message() {
        for bytes in [
            &b"\x05abc"[..],
            b"\x01a",
            b"\x01a\x08\x00",
            b"\x01a\x01\x02x",
            b"\x01a\x02\x05text",
            b"\x80\x80\x80\x80\x80\x00",
            b"\xff\xff\xff\xff\x7f",
            b"\x80",
        ] {
            assert_eq!(read_all(bytes), [Err("bad_frame")], "{bytes:?}");
        }
    }
}
