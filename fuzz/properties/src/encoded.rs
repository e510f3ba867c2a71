//! Percent-encoding (RFC 3986 section 2.1), of everything.

use std::fmt::Write as _;

/// Each byte as `%XX`, in one case and the other.
pub(crate) fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(3 * text.len());
    for (at, byte) in text.bytes().enumerate() {
        // Writing to a text cannot fail.
        let _ = if at % 2 == 0 {
            write!(encoded, "%{byte:02x}")
        } else {
            write!(encoded, "%{byte:02X}")
        };
    }
    encoded
}
