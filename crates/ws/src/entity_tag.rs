//! Entity tags (RFC 9110 section 8.8.3).

/// The text between the quotes of a value that is one entity tag, strong or weak; `None` for
/// anything else (a list of tags, `*`). Reads only ASCII tags: this server writes no others.
pub fn sole(value: &[u8]) -> Option<&str> {
    let quoted = value.strip_prefix(b"W/").unwrap_or(value);
    let opaque = quoted.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    let is_tag_byte = |byte: &u8| matches!(byte, b'!' | b'#'..=b'~');
    if opaque.iter().all(is_tag_byte) { str::from_utf8(opaque).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_tag_is_read_and_nothing_else() {
        for (value, tag) in
            [("\"a-1,b-2\"", "a-1,b-2"), ("W/\"a-1\"", "a-1"), ("\"\"", ""), ("\"!#~\"", "!#~")]
        {
            assert_eq!(sole(value.as_bytes()), Some(tag), "{value}");
        }
        for value in [
            "",
            "*",
            "a-1",
            "\"",
            "\"a-1",
            "a-1\"",
            "w/\"a-1\"",
            "W/",
            "W/a-1",
            "\"a\", \"b\"",
            "\"a\",\"b\"",
            "\"a b\"",
            "\"ä\"",
            "\"a\" ",
        ] {
            assert_eq!(sole(value.as_bytes()), None, "{value}");
        }
    }
}
