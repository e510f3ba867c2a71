//! Encodings of request bodies.

use crate::ApiError;

/// Refuses a body that is encoded, by gzip for example: subscribers would receive the bytes without the
/// word that says so (RFC 9110 section 15.5.16). `values` are those of `Content-Encoding`.
///
/// # Errors
/// 415 for everything but `identity`.
pub fn check_encoding<'v>(values: impl Iterator<Item = &'v [u8]>) -> Result<(), ApiError> {
    let mut encodings = values.flat_map(|value| value.split(|byte| *byte == b','));
    let is_plain = |encoding: &[u8]| {
        let encoding = encoding.trim_ascii();
        encoding.is_empty() || encoding.eq_ignore_ascii_case(b"identity")
    };
    if encodings.all(is_plain) { Ok(()) } else { Err(ApiError::encoded()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: &str) -> Result<(), ApiError> {
        check_encoding(std::iter::once(value.as_bytes()))
    }

    #[test]
    fn only_plain_bodies_pass() {
        for value in ["gzip", "GZIP", "identity, br", "aws-chunked"] {
            let error = check(value).unwrap_err();
            assert_eq!((error.status, error.code), (415, "unsupported_content_encoding"));
            assert_eq!(error.header(), Some(("Accept-Encoding", "identity")));
        }
        for value in ["identity", "", "Identity ,"] {
            assert_eq!(check(value), Ok(()), "{value}");
        }
    }
}
