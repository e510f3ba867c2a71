//! Whatever is published, answered or told of a client, the frame that it stands in stays one line of valid JSON, and
//! says the same.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use serde_json::value::RawValue;
use switchboard_dialects::centrifuge::{Framing, Info, Reply, json, json_of, publication};
use switchboard_dialects::{Chain, Dialect, Label, write_head};
use switchboard_hub::{Accounting, ChannelName, Draft, Epoch, Kind, Position, Publication};

use crate::json::{Members, are_same, depth, is_value};
use crate::wire;

/// Values that are nested deeper are texts: readers in other languages give up.
const DEPTH_MAX: usize = 128;

/// The first byte says whether the payload is binary, the first line is the channel, and the rest is the payload.
pub fn check(data: &[u8]) {
    let (first, rest) = data.split_first().unwrap_or((&b't', b""));
    let (channel, payload) = match rest.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&rest[..at], &rest[at + 1..]),
        None => (&b"c"[..], rest),
    };
    let channel = str::from_utf8(channel).ok().and_then(|name| ChannelName::new(name).ok());
    let channel = channel.unwrap_or_else(|| ChannelName::new("a\"b\\:\u{e4}\u{2028}").unwrap());
    let is_text = *first != b'b' && str::from_utf8(payload).is_ok();
    let kind = if is_text { Kind::Text } else { Kind::Binary };
    check_publication(&channel, kind, payload);
    check_reply(payload);
    check_info(channel.as_str(), payload);
}

fn published(kind: Kind, payload: &[u8], info: &str) -> Arc<Publication> {
    let position = Position { epoch: Epoch::from_random(3), offset: 9 };
    let draft = Draft::new(kind, payload).with_info(info).with_tags(r#"{"a":"b"}"#);
    Publication::new(position, (0, 0), draft, &Arc::new(Accounting::default()))
}

fn check_publication(channel: &ChannelName, kind: Kind, payload: &[u8]) {
    let info = Info::new(channel.as_str(), "c", Some(payload)).to_json();
    let it = published(kind, payload, &info);
    for framing in Framing::ALL {
        let label = Label { id: "", channel: Some(channel), chain: Chain::None };
        let mut out = Vec::new();
        let shape = write_head(Dialect::Centrifuge(framing), &it, label, &mut out);
        out.extend_from_slice(shape.body.of(&it));
        out.extend_from_slice(shape.tail);
        let object = wire::object(framing, &out);
        let [push, publication] = inside(object, ["push", "pub"]);
        assert_eq!(push.text("channel").as_deref(), Some(channel.as_str()), "{object}");
        assert_eq!(publication.get("offset"), Some("9"), "{object}");
        assert_eq!(publication.get("info"), Some(&*info), "{object}");
        assert_eq!(publication.get("tags"), Some(r#"{"a":"b"}"#), "{object}");
        says_the_same(publication.get("data").unwrap(), kind, payload);
    }
    // To those who want to hear of changes it is the text of that JSON.
    let form = publication(&it, Chain::First).expect("always a form");
    let first = Members::of(str::from_utf8(&form).unwrap()).expect("an object");
    assert_eq!(first.text("data").map(String::into_bytes), Some(json(kind, payload)));
}

/// An object and one in it.
fn inside<'a>(object: &'a str, [outer, inner]: [&str; 2]) -> [Members<'a>; 2] {
    let outer = Members::of(object).and_then(|all| Members::of(all.get(outer)?));
    let outer = outer.unwrap_or_else(|| panic!("no object in {object}"));
    let inner = outer.get(inner).and_then(Members::of);
    [outer, inner.unwrap_or_else(|| panic!("no object in the object in {object}"))]
}

/// What a backend answers.
fn check_reply(payload: &[u8]) {
    let data = json_of(payload);
    let data: &RawValue = serde_json::from_slice(&data).expect("always a value");
    let kind = if str::from_utf8(payload).is_ok() { Kind::Text } else { Kind::Binary };
    for framing in Framing::ALL {
        let mut out = Vec::new();
        Reply::Rpc { data }.write(7, framing, &mut out);
        let object = wire::object(framing, &out);
        let reply = Members::of(object).unwrap();
        assert_eq!(reply.get("id"), Some("7"), "{object}");
        let result = reply.get("rpc").and_then(Members::of).unwrap();
        says_the_same(result.get("data").unwrap(), kind, payload);
    }
}

/// What others are told of a client.
fn check_info(user: &str, about: &[u8]) {
    let json = Info::new(user, "c\"", Some(about)).to_json();
    assert!(!json.contains(['\n', '\r']), "{json}");
    let info = Members::of(&json).unwrap();
    assert_eq!(info.text("user").as_deref(), Some(user));
    let kind = if str::from_utf8(about).is_ok() { Kind::Text } else { Kind::Binary };
    says_the_same(info.get("conn_info").unwrap(), kind, about);
}

/// What stands for a payload: text that is a value of JSON as that value, other text as a string, and binary in
/// base64.
fn says_the_same(written: &str, kind: Kind, payload: &[u8]) {
    let string = || serde_json::from_str::<String>(written).unwrap();
    match (kind, str::from_utf8(payload)) {
        (Kind::Text, Ok(text)) if is_value(text) && depth(text) <= DEPTH_MAX => {
            assert!(are_same(written, text), "{written} instead of {text}");
            if let Ok(value) = serde_json::from_str::<Value>(text) {
                assert_eq!(serde_json::from_str::<Value>(written).unwrap(), value);
            }
        }
        (Kind::Text, Ok(text)) => assert_eq!(string(), text),
        _ => assert_eq!(STANDARD.decode(string()).unwrap(), payload),
    }
}
