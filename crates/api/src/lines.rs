//! Publications as lines of JSON: the body of a batch, and the text messages of a publishing stream.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use memchr::{memchr, memchr_iter};
use serde::Deserialize;
use switchboard_hub::{ChannelName, Kind};
use utoipa::ToSchema;

use crate::item::{Item, ItemLimits};
use crate::{ApiError, Meta, NDJSON, media_type};

/// Refuses a batch by its `Content-Type`.
///
/// # Errors
/// 415 for everything but NDJSON.
pub fn check_content_type(value: Option<&[u8]>) -> Result<(), ApiError> {
    const KNOWN: [&str; 3] = [NDJSON, "application/ndjson", "application/jsonl"];
    let given = value.and_then(|value| str::from_utf8(value).ok()).map(media_type);
    if given.is_some_and(|given| KNOWN.contains(&given.as_str())) {
        Ok(())
    } else {
        Err(ApiError::not_ndjson())
    }
}

/// The next line of `bytes` that is not blank, from `at` on, and where the one behind it begins.
pub fn next(bytes: &[u8], mut at: usize) -> Option<(&[u8], usize)> {
    while at < bytes.len() {
        let rest = &bytes[at..];
        let length = memchr(b'\n', rest).unwrap_or(rest.len());
        at += length + 1;
        let line = &rest[..length];
        if !line.trim_ascii().is_empty() {
            return Some((line, at.min(bytes.len())));
        }
    }
    None
}

/// How many lines there are, blank ones included: to look at each would take long where there are many.
pub fn count(bytes: &[u8]) -> usize {
    let is_ended = bytes.last().is_none_or(|last| *last == b'\n');
    memchr_iter(b'\n', bytes).count() + usize::from(!is_ended)
}

/// A line as written.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BatchLine)]
pub struct Written<'a> {
    /// The channel, not encoded.
    #[schema(value_type = String, min_length = 1, max_length = 255)]
    #[serde(borrow)]
    channel: Cow<'a, str>,
    /// The payload as text.
    #[schema(value_type = Option<String>)]
    #[serde(borrow)]
    data: Option<Cow<'a, str>>,
    /// The payload as bytes in standard base64, in place of `data`.
    #[schema(value_type = Option<String>)]
    #[serde(borrow)]
    b64: Option<Cow<'a, str>>,
    /// Its media type.
    #[schema(min_length = 1, max_length = 255)]
    content_type: Option<String>,
    /// The name of the event.
    #[schema(min_length = 1, max_length = 255)]
    event: Option<String>,
}

/// Reads a line.
///
/// # Errors
/// 400 or 413 with the rule that it breaks.
pub fn parse(line: &[u8], limits: ItemLimits) -> Result<Item, ApiError> {
    let refused = |error: &dyn fmt::Display| {
        let message = format!("a line must be an object with channel and data or b64: {error}");
        ApiError::bad_request("bad_line", message)
    };
    // The library would take a list for the members in their order.
    if !line.trim_ascii_start().starts_with(b"{") {
        return Err(refused(&"it does not begin with {"));
    }
    let written: Written<'_> = serde_json::from_slice(line).map_err(|error| refused(&error))?;
    let name = ChannelName::new(&written.channel)?;
    let meta = Meta::new(written.content_type, written.event)?;
    match (written.data, written.b64) {
        (Some(text), None) => Item::new(name, &meta, Kind::Text, text.as_bytes(), limits),
        (None, Some(base64)) => Item::new(name, &meta, Kind::Binary, &decode(&base64)?, limits),
        _ => {
            let message = "a line must have either data (text) or b64 (base64 of bytes)";
            Err(ApiError::bad_request("bad_line", message))
        }
    }
}

fn decode(base64: &str) -> Result<Vec<u8>, ApiError> {
    STANDARD.decode(base64).map_err(|error| {
        ApiError::bad_request("bad_base64", format!("b64 must be standard base64: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: ItemLimits = ItemLimits { payload_bytes_max: 8 };

    #[test]
    fn a_line_that_breaks_a_rule_is_told_which() {
        for (line, code) in [
            (r#"{"channel":"a","data":"1","b64":"MQ=="}"#, "bad_line"),
            (r#"{"channel":"a"}"#, "bad_line"),
            (r#"{"channel":"a","data":"1","dta":1}"#, "bad_line"),
            (r#"{"channel":"a","data":1}"#, "bad_line"),
            (r#"{"channel":"a/b","data":"1"}"#, "bad_channel"),
            (r#"{"channel":"a","b64":"M"}"#, "bad_base64"),
            (r#"{"channel":"a","data":"123456789"}"#, "too_large"),
            (r#"{"channel":"a","data":"1","event":"x\ny"}"#, "bad_event"),
            (r#"{"channel":"a","data":"1","event":"gap"}"#, "bad_event"),
            (r#"{"channel":"a","data":"1","content_type":"x\r\ny"}"#, "bad_content_type"),
            ("no json", "bad_line"),
            (r#"["a","1",null,null,null]"#, "bad_line"),
        ] {
            assert_eq!(parse(line.as_bytes(), LIMITS).unwrap_err().code, code, "{line}");
        }
    }

    #[test]
    fn a_good_line_becomes_a_publication() {
        let text = parse(br#"{"channel":"a,b%20","data":"\u00e4"}"#, LIMITS).unwrap();
        assert_eq!((text.name.as_str(), text.draft.payload()), ("a,b%20", "ä".as_bytes()));
        let line = br#"{"channel":"a","b64":"/w==","content_type":"image/png","event":"e"}"#;
        assert_eq!(parse(line, LIMITS).unwrap().draft.payload(), [0xff]);
    }

    #[test]
    fn blank_lines_are_none() {
        let bytes = b"\n a\r\n\r\n\nb";
        let (first, at) = next(bytes, 0).unwrap();
        assert_eq!(first, b" a\r");
        let (second, at) = next(bytes, at).unwrap();
        assert_eq!((second, at), (&b"b"[..], bytes.len()));
        assert_eq!(next(bytes, at), None);
        assert_eq!([count(bytes), count(b""), count(b"1\n2\n"), count(b"1\n2")], [5, 0, 2, 2]);
    }

    #[test]
    fn only_ndjson_is_a_batch() {
        for good in ["application/x-ndjson; charset=utf-8", "Application/JSONL"] {
            assert_eq!(check_content_type(Some(good.as_bytes())), Ok(()));
        }
        for bad in [None, Some(&b"application/json"[..]), Some(b"\xff")] {
            assert_eq!(check_content_type(bad).unwrap_err().status, 415);
        }
    }
}
