//! What nodes say, as bytes.

use proptest::prelude::*;

use super::*;
use crate::{Layout, Prefix, Retention};

fn node() -> NodeId {
    NodeId::from_random(0xa)
}

fn channel(name: &str) -> ChannelName {
    ChannelName::new(name).unwrap()
}

fn fingerprint() -> Fingerprint {
    Fingerprint::new(&Prefix::default(), [("a", Layout::default(), Retention::default())])
}

fn all() -> Vec<Say> {
    let only = Only { client: Some("c".into()), but: vec!["d".into()] };
    let ask = |question| Say::Ask { id: 7, question };
    let answer = |answer| Say::Answer { to: node(), id: u64::MAX, answer };
    let client = Present { client: "c".into(), user: Some("u".into()), info: Some("{}".into()) };
    vec![
        Say::Heartbeat { name: "one".into(), fingerprint: fingerprint() },
        Say::Leaving,
        ask(Question::Presence { channel: channel("ä"), max: 1_000 }),
        ask(Question::Count { channel: channel("a") }),
        ask(Question::Disconnect { user: "u".into(), only: only.clone() }),
        ask(Question::Unsubscribe { user: "u".into(), only, channel: channel("a") }),
        ask(Question::Unsubscribe {
            user: "".into(),
            only: Only::default(),
            channel: channel("a"),
        }),
        ask(Question::Info),
        answer(Answered::Presence { subscribers: 2, clients: vec![client] }),
        answer(Answered::Number(3)),
        answer(Answered::Info {
            name: "one".into(),
            version: "0.1.0".into(),
            uptime_s: 1,
            connections: 2,
            channels: 3,
        }),
    ]
}

#[test]
fn everything_comes_back_from_its_bytes() {
    for say in all() {
        let control = Control::new(node(), say);
        let bytes = control.encode().unwrap();
        assert_eq!(Control::decode(&bytes), Ok(control));
    }
}

#[test]
fn the_wire_stays_as_it_is() {
    let text = |say| String::from_utf8(Control::new(node(), say).encode().unwrap()).unwrap();
    assert_eq!(text(Say::Leaving), r#"{"v":1,"from":"000000000000000a","say":"leaving"}"#);
    let question = Question::Count { channel: channel("a") };
    assert_eq!(
        text(Say::Ask { id: 7, question }),
        r#"{"v":1,"from":"000000000000000a","say":{"ask":{"id":7,"question":{"count":{"channel":"a"}}}}}"#
    );
}

#[test]
fn what_is_not_known_is_refused() {
    let decode = |text: &str| Control::decode(text.as_bytes()).unwrap_err();
    let leaving = r#"{"v":1,"from":"000000000000000a","say":"leaving"}"#;
    assert!(Control::decode(leaving.as_bytes()).is_ok());
    assert_eq!(decode(&leaving.replace(":1,", ":2,")), ControlError::Version(2));
    assert_eq!(decode(r#"{"v":2,"other":1}"#), ControlError::Version(2));
    for bad in [
        String::new(),
        "[]".to_owned(),
        format!("{leaving}x"),
        leaving.replace("\"v\":1,", ""),
        leaving.replace('}', ",\"more\":1}"),
        leaving.replace("leaving", "dancing"),
        leaving.replace("000000000000000a", "a"),
        leaving
            .replace("\"leaving\"", r#"{"ask":{"id":1,"question":{"count":{"channel":"a/b"}}}}"#),
        leaving.replace("\"leaving\"", r#"{"heartbeat":{"name":"a","fingerprint":"x"}}"#),
    ] {
        assert_eq!(decode(&bad), ControlError::Malformed, "{bad}");
    }
}

#[test]
fn what_is_too_long_is_neither_written_nor_read() {
    let long: Box<str> = "x".repeat(1_025).into();
    let many = vec![Box::from("x"); 1_001];
    let present = |info: usize| Present {
        client: "c".into(),
        user: None,
        info: Some("x".repeat(info).into()),
    };
    let ask = |question| Say::Ask { id: 7, question };
    let disconnect = |user: &str, client: Option<Box<str>>, but| {
        ask(Question::Disconnect { user: user.into(), only: Only { client, but } })
    };
    let answer = |clients| Say::Answer {
        to: node(),
        id: 1,
        answer: Answered::Presence { subscribers: 0, clients },
    };
    for say in [
        Say::Heartbeat { name: long.clone(), fingerprint: fingerprint() },
        ask(Question::Presence { channel: channel("a"), max: 1_001 }),
        disconnect(&long, None, Vec::new()),
        disconnect("", Some(long.clone()), Vec::new()),
        disconnect("", None, many),
        answer(vec![present(0); 1_001]),
        answer(vec![present(16_385)]),
    ] {
        let control = Control::new(node(), say);
        assert_eq!(control.encode(), Err(ControlError::TooLong));
        let bytes = serde_json::to_vec(&control).unwrap();
        assert_eq!(Control::decode(&bytes), Err(ControlError::TooLong));
    }
    let large = Control::new(node(), answer(vec![present(16_000); 40]));
    assert_eq!(large.encode(), Err(ControlError::TooLarge));
    assert_eq!(Control::decode(&vec![b' '; CONTROL_BYTES_MAX + 1]), Err(ControlError::TooLarge));
}

proptest! {
    #[test]
    fn damaged_messages_are_read_or_refused(index in 0_usize..11, at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = Control::new(node(), all().swap_remove(index)).encode().unwrap();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(control) = Control::decode(&bytes) {
            prop_assert!(control.encode().is_ok());
        }
        bytes.truncate(at);
        prop_assert!(Control::decode(&bytes).is_err());
    }
}
