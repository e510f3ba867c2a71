//! Values in header lines.

use std::ops::RangeInclusive;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use switchboard_hub::Publication;

/// Everything but the unreserved characters of RFC 3986 section 2.3 and `:`, which separates
/// namespace and name.
const ENCODED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':');

/// Appends a name, percent-encoded.
pub(crate) fn push_name(out: &mut Vec<u8>, name: &str) {
    for piece in utf8_percent_encode(name, ENCODED) {
        out.extend_from_slice(piece.as_bytes());
    }
}

/// Appends a number in decimal.
pub(crate) fn push_number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Appends `first-last`.
pub(crate) fn push_range(out: &mut Vec<u8>, range: &RangeInclusive<u64>) {
    push_number(out, *range.start());
    out.push(b'-');
    push_number(out, *range.end());
}

/// The publication's media type, if it has one that fits in a header line.
pub(crate) fn content_type(publication: &Publication) -> Option<&str> {
    let text = publication.content_type()?.trim_matches(' ');
    let fits = !text.is_empty() && text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    fits.then_some(text)
}

/// The publication's event, if it has one.
pub(crate) fn event(publication: &Publication) -> Option<&str> {
    publication.event().filter(|event| !event.is_empty())
}
