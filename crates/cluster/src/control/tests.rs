//! What nodes say, as bytes.

use proptest::prelude::*;

use super::*;
use crate::{Layout, Prefix, Retention};

fn node() -> NodeId {
    NodeId::from_random(0xa)
}

fn fingerprint() -> Fingerprint {
    Fingerprint::new(&Prefix::default(), [("a", Layout::default(), Retention::default())])
}

fn ask(method: &str, target: &str, body: &str) -> Say {
    let (method, target, body) = (method.into(), target.into(), body.into());
    Say::Ask { id: 7, question: Question { method, target, body } }
}

fn answer(status: u16, body: &str) -> Say {
    Say::Answer { to: node(), id: u64::MAX, answer: Answered { status, body: body.into() } }
}

fn all() -> Vec<Say> {
    vec![
        Say::Heartbeat { name: "one".into(), fingerprint: fingerprint() },
        Say::Leaving,
        ask("GET", "/users/%C3%A4?limit=7", ""),
        ask("POST", "/api/disconnect", r#"{"user":"ä"}"#),
        answer(200, r#"{"disconnected":3}"#),
        answer(404, ""),
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
    assert_eq!(
        text(ask("GET", "/users/a", "")),
        r#"{"v":1,"from":"000000000000000a","say":{"ask":{"id":7,"question":{"method":"GET","target":"/users/a","body":""}}}}"#
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
        leaving.replace("\"leaving\"", r#"{"ask":{"id":1,"question":{"method":"GET"}}}"#),
        leaving.replace("\"leaving\"", r#"{"heartbeat":{"name":"a","fingerprint":"x"}}"#),
    ] {
        assert_eq!(decode(&bad), ControlError::Malformed, "{bad}");
    }
}

#[test]
fn what_is_too_long_is_neither_written_nor_read() {
    let long = "x".repeat(16 * 1_024 + 1);
    for say in [
        Say::Heartbeat { name: long.clone().into(), fingerprint: fingerprint() },
        ask(&long, "/", ""),
        ask("GET", &long, ""),
    ] {
        let control = Control::new(node(), say);
        assert_eq!(control.encode(), Err(ControlError::TooLong));
        let bytes = serde_json::to_vec(&control).unwrap();
        assert_eq!(Control::decode(&bytes), Err(ControlError::TooLong));
    }
    let large = Control::new(node(), answer(200, &"x".repeat(CONTROL_BYTES_MAX)));
    assert_eq!(large.encode(), Err(ControlError::TooLarge));
    assert_eq!(Control::decode(&vec![b' '; CONTROL_BYTES_MAX + 1]), Err(ControlError::TooLarge));
}

proptest! {
    #[test]
    fn damaged_messages_are_read_or_refused(index in 0_usize..6, at in any::<prop::sample::Index>(), byte in any::<u8>()) {
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
