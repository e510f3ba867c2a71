//! Entity tags (RFC 9110 section 8.8.3) as clients and intermediaries send them back.

/// The tags of a value of `If-None-Match` (RFC 9110 section 13.1.2), strong and weak: the text
/// between the quotes of each.
///
/// What some intermediaries write is taken for what they mean: a tag without quotes, and bytes
/// between a tag's last quote and the next comma. `*` and tags that are not UTF-8 are left out.
///
/// ```
/// use switchboard_ws::entity_tag;
///
/// let tags: Vec<&str> = entity_tag::tags(b"\"a-1\", W/\"b-2,c-3\"").collect();
/// assert_eq!(tags, ["a-1", "b-2,c-3"]);
/// ```
pub fn tags(value: &[u8]) -> impl Iterator<Item = &str> {
    let is_quoted = value.contains(&b'"');
    let mut rest = value;
    std::iter::from_fn(move || next(&mut rest, is_quoted))
        .filter_map(|tag| str::from_utf8(tag).ok())
        .filter(|tag| !tag.is_empty() && *tag != "*")
}

/// Takes the next tag from the front of `rest`; empty where there is none between two commas.
fn next<'v>(rest: &mut &'v [u8], is_quoted: bool) -> Option<&'v [u8]> {
    if rest.is_empty() {
        return None;
    }
    if !is_quoted {
        // A comma may be part of a tag: without quotes, all of it is one.
        return Some(without_weak_mark(std::mem::take(rest).trim_ascii()));
    }
    let element = without_weak_mark(rest.trim_ascii_start());
    let Some(tag) = element.strip_prefix(b"\"") else {
        *rest = behind_comma(element);
        return Some(b"");
    };
    let Some(end) = tag.iter().position(|byte| *byte == b'"') else {
        *rest = b"";
        return None;
    };
    *rest = behind_comma(&tag[end + 1..]);
    Some(&tag[..end])
}

fn without_weak_mark(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(b"W/").or(tag.strip_prefix(b"w/")).unwrap_or(tag)
}

fn behind_comma(rest: &[u8]) -> &[u8] {
    rest.iter().position(|byte| *byte == b',').map_or(b"", |comma| &rest[comma + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tag_is_read_however_it_is_written() {
        for (value, expected) in [
            ("\"a-1,b-2\"", &["a-1,b-2"][..]),
            ("W/\"a-1\"", &["a-1"]),
            ("w/\"a-1\"", &["a-1"]),
            ("\"a-1\", \"b-1\"", &["a-1", "b-1"]),
            ("\"a-1\",W/\"b-1\"\t,  \"c-1\" ", &["a-1", "b-1", "c-1"]),
            (", ,\"a-1\",,", &["a-1"]),
            ("\"a-1\"-gzip, \"b\"", &["a-1", "b"]),
            ("x, \"a-1\"", &["a-1"]),
            ("a-1", &["a-1"]),
            (" W/a-1,b-2 ", &["a-1,b-2"]),
            ("", &[]),
            ("  ", &[]),
            ("*", &[]),
            ("\"*\"", &[]),
            ("\"", &[]),
            ("\"\"", &[]),
            ("\"a-1", &[]),
            ("a-1\"", &[]),
            ("\"a-1\", \"b", &["a-1"]),
            ("\"\u{e4}\"", &["\u{e4}"]),
        ] {
            assert_eq!(tags(value.as_bytes()).collect::<Vec<_>>(), expected, "{value}");
        }
        assert_eq!(tags(b"\"\xff\", \"a\"").collect::<Vec<_>>(), ["a"]);
    }
}
