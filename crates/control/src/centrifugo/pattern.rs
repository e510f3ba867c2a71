//! Patterns of channel names.

/// Whether a name is like a pattern, in which `*` stands for any number of characters. Each part is looked
/// for once, behind the one before it: the first place where it is leaves most for the others.
pub(super) fn is_like(name: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    for part in parts {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::is_like;

    #[test]
    fn a_star_is_any_number_of_characters() {
        for (name, pattern) in [
            ("chat:a", "*"),
            ("chat:a", "chat:*"),
            ("chat:a", "*a"),
            ("chat:a", "chat:a"),
            ("chat:a", "c*t*a"),
            ("chat:a", "chat:a*"),
            ("aXbXc", "a*X*c"),
            ("grüße", "gr*ße"),
        ] {
            assert!(is_like(name, pattern), "{name} {pattern}");
        }
        for (name, pattern) in
            [("chat:a", "news*"), ("chat:a", "chat"), ("aa", "aa*a"), ("ab", "*a"), ("a", "")]
        {
            assert!(!is_like(name, pattern), "{name} {pattern}");
        }
    }
}
