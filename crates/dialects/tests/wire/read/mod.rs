//! Readers written from the standards and the docs, not from the code.

pub(crate) mod event_source;
pub(crate) mod http;
pub(crate) mod messages;

use percent_encoding::percent_decode_str;

/// Decodes a name that must be made of unreserved characters, `:` and escapes only.
pub(crate) fn name(text: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-._~:%".contains(c);
    assert!(!text.is_empty() && text.chars().all(fits), "{text:?}");
    percent_decode_str(text).decode_utf8().unwrap().into_owned()
}
