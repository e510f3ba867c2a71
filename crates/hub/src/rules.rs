//! Which rules a channel has, by its namespace.

use std::collections::HashMap;

use crate::{ChannelName, SlowPolicy};

/// How much of a stream is kept at most. Bytes are counted by `Publication::cost_bytes`; the newest
/// publication stays though it alone has more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Publications; a history of 0 is none at all.
    pub publications: usize,
    /// Their bytes.
    pub bytes: usize,
}

/// The rules of a namespace. A publication is kept while it is within the tail's bounds or within
/// the history's. Those that ready subscribers still wait for are kept beyond both; then only the
/// shard's budget bounds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// What becomes of a subscriber that cannot keep up.
    pub slow_policy: SlowPolicy,
    /// How far a subscriber may lag. What nobody waits for is given back after a while, if it is
    /// not in the history.
    pub tail: Bounds,
    /// What a subscriber can begin with, who comes or comes back.
    pub history: Bounds,
    /// How long a publication stays in the history at most.
    pub history_ttl_ms: u64,
}

impl Default for Rules {
    fn default() -> Self {
        let bounds = Bounds { publications: 1024, bytes: 8 << 20 };
        Self {
            slow_policy: SlowPolicy::default(),
            tail: bounds,
            history: bounds,
            history_ttl_ms: 3_600_000,
        }
    }
}

/// The rules of all namespaces. Immutable and shared by all hubs.
#[derive(Debug)]
pub struct Namespaces {
    rules: Vec<Rules>,
    by_name: HashMap<String, u16>,
    strict: bool,
}

impl Namespaces {
    /// `strict`: a channel whose namespace is not named here may not exist. At most 65,535 names.
    pub fn new(default: Rules, named: Vec<(String, Rules)>, strict: bool) -> Self {
        let mut rules = vec![default];
        let mut by_name = HashMap::with_capacity(named.len());
        for ((name, named), number) in named.into_iter().zip(1..=u16::MAX) {
            rules.push(named);
            by_name.insert(name, number);
        }
        Self { rules, by_name, strict }
    }

    /// The number of a channel's namespace: 0 for the default, then in the order of `named`. None
    /// when the channel may not exist.
    pub fn resolve(&self, name: &ChannelName) -> Option<u16> {
        match name.namespace() {
            None => Some(0),
            Some(namespace) => match self.by_name.get(namespace) {
                Some(number) => Some(*number),
                None if self.strict => None,
                None => Some(0),
            },
        }
    }

    /// The rules of the namespace with this number.
    pub fn rules(&self, namespace: u16) -> &Rules {
        &self.rules[usize::from(namespace)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_found_by_name_and_a_stranger_is_default_or_nothing() {
        let skip = Rules { slow_policy: SlowPolicy::Skip, ..Rules::default() };
        let latest = Rules { slow_policy: SlowPolicy::Latest, ..Rules::default() };
        for strict in [false, true] {
            let named = vec![("chat".to_owned(), skip), ("quotes".to_owned(), latest)];
            let namespaces = Namespaces::new(Rules::default(), named, strict);
            let resolve = |name| namespaces.resolve(&ChannelName::new(name).unwrap());
            assert_eq!(["a", "chat:a", "quotes:a:b"].map(resolve), [Some(0), Some(1), Some(2)]);
            assert_eq!(["chat", "quote:a", ":a"].map(resolve)[0], Some(0));
            let stranger = (!strict).then_some(0);
            assert_eq!(["quote:a", ":a"].map(resolve), [stranger, stranger]);
            assert_eq!([0, 1, 2].map(|n| *namespaces.rules(n)), [Rules::default(), skip, latest]);
        }
    }
}
