//! Credentials in `Authorization` (RFC 9110 section 11.6.2).

/// The token of a value with the scheme `Bearer` (RFC 6750 section 2.1), in any case (RFC 9110 section 11.1).
/// None for other schemes, which are for others, such as a proxy in front.
pub fn bearer(value: &[u8]) -> Option<&[u8]> {
    const SCHEME: &[u8] = b"bearer ";
    let (scheme, token) = value.split_at_checked(SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then(|| token.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bearer_scheme_is_case_insensitive() {
        assert_eq!(bearer(b"BEARER  abc "), Some(&b"abc"[..]));
        assert_eq!(bearer(b"Basic abc"), None);
        assert_eq!(bearer(b"bear"), None);
    }
}
