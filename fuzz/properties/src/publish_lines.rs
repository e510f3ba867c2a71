//! A batch has the publications of its lines, each as it was written.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use switchboard_api::lines;
use switchboard_hub::Kind;

use crate::json::Members;
use crate::published::{LIMITS, Published};

/// The input is a batch, and a payload of one.
pub fn check(data: &[u8]) {
    let mut expected = data.split(|byte| *byte == b'\n').filter(|it| !it.trim_ascii().is_empty());
    let (mut at, mut count) = (0, 0);
    while let Some((line, behind)) = lines::next(data, at) {
        assert!(behind > at && behind <= data.len());
        assert_eq!(expected.next(), Some(line));
        at = behind;
        count += 1;
        check_line(line);
    }
    assert_eq!(expected.next(), None);
    assert!(lines::count(data) >= count, "{count} lines, but fewer are counted");
    check_round_trip(data);
}

fn check_line(line: &[u8]) {
    let members = str::from_utf8(line).ok().and_then(|line| Members::of(line.trim()));
    let item = match lines::parse(line, LIMITS) {
        Ok(item) => item,
        Err(error) => {
            assert!(matches!(error.status, 400 | 413), "{error:?}");
            let json: serde_json::Value = serde_json::from_slice(&error.to_json()).unwrap();
            assert_eq!(json["error"]["code"], error.code);
            return;
        }
    };
    let members = members.expect("an object");
    for (name, _) in &members.0 {
        let is_known = ["channel", "data", "b64", "content_type", "event"].contains(&&**name);
        assert!(is_known && members.all(name).count() == 1, "{name}");
    }
    let text = |name| members.given(name).and_then(|_| members.text(name));
    let (kind, payload) = match (text("data"), text("b64")) {
        (Some(data), None) => (Kind::Text, data.into_bytes()),
        (None, Some(encoded)) => (Kind::Binary, STANDARD.decode(encoded).expect("base64")),
        both => panic!("{both:?} is published"),
    };
    let content_type = text("content_type").filter(|it| {
        let media_type = it.split(';').next().unwrap_or_default().trim();
        !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded")
    });
    let channel = text("channel").expect("a channel");
    let event = text("event");
    let expected = Published { channel, kind, payload, content_type, event, tags: None };
    assert_eq!(Published::of_item(item), expected);
}

/// Whatever is put into a line comes out of it.
fn check_round_trip(payload: &[u8]) {
    let payload = &payload[..payload.len().min(LIMITS.payload_bytes_max)];
    let (line, kind) = match str::from_utf8(payload) {
        Ok(text) => (json!({ "channel": "a", "data": text }), Kind::Text),
        Err(_) => (json!({ "b64": STANDARD.encode(payload), "channel": "a" }), Kind::Binary),
    };
    let line = line.to_string();
    assert_eq!(lines::next(line.as_bytes(), 0), Some((line.as_bytes(), line.len())));
    let item = Published::of_item(lines::parse(line.as_bytes(), LIMITS).expect("a line"));
    assert_eq!((item.kind, &item.payload[..]), (kind, payload));
}
