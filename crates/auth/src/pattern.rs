//! Names of channels in claims: exact, or everything that begins alike.

use switchboard_hub::ChannelName;

/// Patterns of channel names. One that ends in `*` matches every name that begins with what stands before
/// it; all others match one name.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Patterns(Box<[Box<str>]>);

impl Patterns {
    /// Most patterns that a token may have.
    pub const MAX: usize = 128;

    /// Longest pattern: that of the longest name and a star.
    pub const BYTES_MAX: usize = 256;

    /// None when there are more than [`Patterns::MAX`], or one is longer than [`Patterns::BYTES_MAX`].
    pub fn new(patterns: impl IntoIterator<Item = String>) -> Option<Self> {
        let patterns: Vec<Box<str>> =
            patterns.into_iter().take(Self::MAX + 1).map(String::into_boxed_str).collect();
        let fit = patterns.iter().all(|pattern| pattern.len() <= Self::BYTES_MAX);
        (fit && patterns.len() <= Self::MAX).then(|| Self(patterns.into()))
    }

    /// Whether one of them matches.
    pub fn match_name(&self, name: &ChannelName) -> bool {
        let name = name.as_str();
        self.0.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => **pattern == *name,
        })
    }

    /// Those that match one name.
    pub fn exact(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|pattern| &**pattern).filter(|pattern| !pattern.ends_with('*'))
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Bytes that they take, about.
    pub(crate) fn bytes(&self) -> usize {
        self.0.iter().map(|pattern| size_of::<Box<str>>() + pattern.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn match_name(patterns: &[&str], name: &str) -> bool {
        let patterns = Patterns::new(patterns.iter().map(ToString::to_string)).unwrap();
        patterns.match_name(&ChannelName::new(name).unwrap())
    }

    #[test]
    fn a_star_at_the_end_matches_what_begins_alike_and_nowhere_else() {
        for (pattern, name, expected) in [
            ("news:1", "news:1", true),
            ("news:1", "news:12", false),
            ("news:*", "news:12", true),
            ("news:*", "news:", true),
            ("news:*", "news", false),
            ("*", "anything", true),
            ("n*s", "news", false),
            ("n*s", "n*s", true),
            ("", "a", false),
        ] {
            assert_eq!(match_name(&[pattern], name), expected, "{pattern} {name}");
        }
        assert!(match_name(&["a", "b*"], "bc") && !match_name(&[], "a"));
        let patterns = ["a", "b*", "*", "c*d"].map(ToString::to_string);
        assert_eq!(Patterns::new(patterns).unwrap().exact().collect::<Vec<_>>(), ["a", "c*d"]);
    }

    #[test]
    fn patterns_beyond_the_bound_are_no_patterns() {
        let many = |count| Patterns::new((0..count).map(|number| number.to_string()));
        assert!(many(Patterns::MAX).is_some() && many(Patterns::MAX + 1).is_none());
        let long = |bytes| Patterns::new(["x".repeat(bytes)]);
        assert!(long(Patterns::BYTES_MAX).is_some() && long(Patterns::BYTES_MAX + 1).is_none());
    }
}
