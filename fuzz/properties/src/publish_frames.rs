//! The binary form of a publishing stream: publications one after another, each as it was written.

use switchboard_api::frames;
use switchboard_hub::Kind;

use crate::published::{LIMITS, Published};

/// The input is a message, and a payload of one.
pub fn check(data: &[u8]) {
    let (mut at, mut rest) = (0, data);
    loop {
        let expected = (!rest.is_empty()).then(|| read(&mut rest));
        match (frames::next(data, at), expected) {
            (None, None) => break,
            (Some(Err(error)), Some(None)) => {
                assert_eq!((error.status, error.code), (400, "bad_frame"));
                break;
            }
            (Some(Ok((frame, behind))), Some(Some(expected))) => {
                assert!(behind > at);
                at = behind;
                assert_eq!(data.len() - rest.len(), behind);
                check_frame(&frame, &expected);
            }
            (found, expected) => panic!("{found:?} instead of {expected:?}"),
        }
    }
    check_round_trip(data);
}

/// A publication as this reader sees it.
#[derive(Debug)]
struct Written<'a> {
    channel: &'a [u8],
    flags: u8,
    content_type: Option<&'a [u8]>,
    event: Option<&'a [u8]>,
    payload: &'a [u8],
}

fn read<'a>(rest: &mut &'a [u8]) -> Option<Written<'a>> {
    let channel = counted(rest)?;
    let (&flags, behind) = rest.split_first()?;
    *rest = behind;
    if flags > 7 {
        return None;
    }
    let content_type = if flags & 2 == 0 { None } else { Some(counted(rest)?) };
    let event = if flags & 4 == 0 { None } else { Some(counted(rest)?) };
    Some(Written { channel, flags, content_type, event, payload: counted(rest)? })
}

/// A length in LEB128 of five bytes at most, and so many bytes.
fn counted<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let mut length = 0_u64;
    for nth in 0..5 {
        let byte = *rest.get(nth)?;
        length |= u64::from(byte & 0x7f) << (7 * nth);
        if byte < 0x80 {
            let behind = &rest[nth + 1..];
            let (taken, behind) = behind.split_at_checked(usize::try_from(length).ok()?)?;
            *rest = behind;
            return Some(taken);
        }
    }
    None
}

fn check_frame(frame: &frames::Frame<'_>, written: &Written<'_>) {
    let item = match frame.parse(LIMITS) {
        Ok(item) => Published::of_item(item),
        Err(error) => return assert!(matches!(error.status, 400 | 413), "{error:?}"),
    };
    // Labels are those of headers, where space around them does not count.
    let label = |label: Option<&[u8]>| {
        let text = label.map(|label| str::from_utf8(label).unwrap().trim().to_owned());
        text.filter(|text| !text.is_empty())
    };
    let kind = if written.flags & 1 == 0 { Kind::Binary } else { Kind::Text };
    assert_eq!((item.kind, &item.payload[..]), (kind, written.payload));
    assert_eq!(item.channel.as_bytes(), written.channel);
    assert_eq!(item.event, label(written.event));
    let content_type = label(written.content_type);
    assert!(item.content_type.is_none() || item.content_type == content_type);
}

/// Whatever is written into a message comes out of it, and what follows is left.
fn check_round_trip(data: &[u8]) {
    let payload = &data[..data.len().min(LIMITS.payload_bytes_max)];
    let is_text = str::from_utf8(payload).is_ok();
    let mut message = Vec::new();
    push_counted(&mut message, "k\u{e4}nal:1".as_bytes());
    message.push(6 + u8::from(is_text));
    push_counted(&mut message, b"text/plain");
    push_counted(&mut message, b"tick");
    push_counted(&mut message, payload);
    let length = message.len();
    message.extend_from_slice(data);
    let (frame, behind) = frames::next(&message, 0).expect("a frame").expect("a whole one");
    assert_eq!(behind, length);
    let item = Published::of_item(frame.parse(LIMITS).expect("a publication"));
    let expected = Published {
        channel: "k\u{e4}nal:1".to_owned(),
        kind: if is_text { Kind::Text } else { Kind::Binary },
        payload: payload.to_vec(),
        content_type: Some("text/plain".to_owned()),
        event: Some("tick".to_owned()),
        tags: None,
    };
    assert_eq!(item, expected);
}

fn push_counted(out: &mut Vec<u8>, bytes: &[u8]) {
    let mut length = bytes.len();
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(bytes);
}
