//! Payloads as JSON.

use serde_json::value::RawValue;
use switchboard_hub::{Kind, Publication};

use crate::json::{Base64, push_json};

/// How deep arrays and objects may be nested: readers of JSON in other languages give up beyond that.
const DEPTH_MAX: usize = 128;

/// A payload as one JSON value without a line break: text that is such a value as it is, but for the white
/// space between its parts; any other text as a JSON string; binary in base64, as a string.
pub fn json(kind: Kind, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    push(&mut out, kind, payload);
    out
}

/// What a backend says, JSON or other bytes, in the same way: what is UTF-8 counts as text.
pub fn json_of(bytes: &[u8]) -> Vec<u8> {
    json(if str::from_utf8(bytes).is_ok() { Kind::Text } else { Kind::Binary }, bytes)
}

/// A publication as an object, with what is said of its payload.
pub(super) fn object(
    publication: &Publication,
    said: &str,
    write_data: impl FnOnce(&mut Vec<u8>),
) -> Box<[u8]> {
    let mut out = Vec::with_capacity(publication.payload().len() + 32);
    out.extend_from_slice(b"{\"data\":");
    write_data(&mut out);
    out.extend_from_slice(b",\"offset\":");
    out.extend_from_slice(itoa::Buffer::new().format(publication.offset()).as_bytes());
    out.extend_from_slice(said.as_bytes());
    for (name, json) in [("info", publication.info()), ("tags", publication.tags())] {
        if let Some(json) = json {
            out.extend_from_slice(b",\"");
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"\":");
            out.extend_from_slice(json.as_bytes());
        }
    }
    out.push(b'}');
    out.into()
}

/// Appends a payload as one JSON value.
pub(super) fn push(out: &mut Vec<u8>, kind: Kind, payload: &[u8]) {
    match (kind, str::from_utf8(payload)) {
        (Kind::Text, Ok(text)) => {
            let start = out.len();
            let is_value = serde_json::from_str::<&RawValue>(text)
                .is_ok_and(|value| compact(out, value.get().as_bytes()));
            if !is_value {
                out.truncate(start);
                push_json(out, &text);
            }
        }
        _ => push_json(out, &Base64(payload)),
    }
}

/// Appends a value of JSON without the white space between its parts. False where it is too deep.
fn compact(out: &mut Vec<u8>, json: &[u8]) -> bool {
    let (mut depth, mut in_text, mut is_escaped) = (0_usize, false, false);
    // What is copied next begins here.
    let mut from = 0;
    for (at, byte) in json.iter().enumerate() {
        if in_text {
            in_text = is_escaped || *byte != b'"';
            is_escaped = !is_escaped && *byte == b'\\';
            continue;
        }
        match byte {
            b'"' => in_text = true,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            b' ' | b'\t' | b'\r' | b'\n' => {
                out.extend_from_slice(&json[from..at]);
                from = at + 1;
            }
            _ => {}
        }
        if depth > DEPTH_MAX {
            return false;
        }
    }
    out.extend_from_slice(&json[from..]);
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn text(payload: &str) -> String {
        String::from_utf8(json(Kind::Text, payload.as_bytes())).unwrap()
    }

    #[test]
    fn a_value_stays_as_it_is_but_for_white_space() {
        for (payload, written) in [
            ("{}", "{}"),
            (" { \"a b\" : [ 1 , 2.50e+3 ,\n\ttrue ] }\r\n", r#"{"a b":[1,2.50e+3,true]}"#),
            (r#""a \" b\\" "#, r#""a \" b\\""#),
            ("12345678901234567890123", "12345678901234567890123"),
            ("null", "null"),
        ] {
            assert_eq!(text(payload), written);
        }
    }

    #[test]
    fn what_is_no_value_is_a_string() {
        for payload in ["", "hello", "{}\n{}", "{\"a\":1}}", "[1,]", "a\nb", "\u{feff}{}", "01"] {
            assert_eq!(serde_json::from_str::<String>(&text(payload)).unwrap(), payload);
        }
        let deep = |depth| "[".repeat(depth) + &"]".repeat(depth);
        assert_eq!(text(&deep(DEPTH_MAX)), deep(DEPTH_MAX));
        assert_eq!(text(&deep(DEPTH_MAX + 1)), format!("\"{}\"", deep(DEPTH_MAX + 1)));
        assert_eq!(json(Kind::Binary, b"{}"), b"\"e30=\"");
        assert_eq!(json(Kind::Binary, b"\xff"), b"\"/w==\"");
    }

    proptest! {
        /// Whatever was published, what stands in the frame is one JSON value on one line, and says the same.
        #[test]
        fn every_payload_is_one_value_on_one_line(payload in "[\\[\\]{}\",:\\\\a-c0-9 \n\r\t.eE+-]{0,40}") {
            let written = text(&payload);
            prop_assert!(!written.contains(['\n', '\r']));
            let value: Value = serde_json::from_str(&written).unwrap();
            match serde_json::from_str::<Value>(&payload) {
                Ok(same) => prop_assert_eq!(value, same),
                // Numbers beyond the range of a float are values, too.
                Err(_) if value.is_string() => prop_assert_eq!(value, Value::String(payload)),
                Err(_) => {}
            }
        }

        #[test]
        fn every_json_value_survives(value in value()) {
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            let written = text(&pretty);
            prop_assert_eq!(&written, &serde_json::to_string(&value).unwrap());
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::hash_map(any::<String>(), inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }
}
