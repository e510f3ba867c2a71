//! What all nodes of a cluster must agree on.

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Layout, Prefix, Retention};

/// Which hash places channels, and what messages look like. Grows when one of them changes.
const FORMAT: u8 = 1;
/// The hexadecimal digits of a fingerprint.
const DIGITS: usize = 16;

/// Stands for all that nodes must have in common: two nodes with different ones would look for one channel in
/// two places, or take a history for complete that is not.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; DIGITS]);

impl Fingerprint {
    /// Of a prefix and of namespaces by name, in any order.
    pub fn new<'a>(
        prefix: &Prefix,
        namespaces: impl IntoIterator<Item = (&'a str, Layout, Retention)>,
    ) -> Self {
        let mut lines: Vec<String> = namespaces.into_iter().map(line).collect();
        lines.sort_unstable();
        let mut context = Context::new(&SHA256);
        context.update(format!("{FORMAT} {}\n", prefix.as_str()).as_bytes());
        for line in lines {
            context.update(line.as_bytes());
        }
        let hash = context.finish();
        let digit = |index: usize| {
            let nibble = hash.as_ref()[index / 2] >> (4 * (1 - index % 2)) & 0xf;
            b"0123456789abcdef"[usize::from(nibble)]
        };
        Self(std::array::from_fn(digit))
    }

    /// The 16 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        // They are ASCII by construction.
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

fn line((name, layout, retention): (&str, Layout, Retention)) -> String {
    let (partitions, buckets) = (layout.partitions(), layout.buckets());
    let lifetime_ms = retention.lifetime_ms.map_or_else(|| "never".to_owned(), |ms| ms.to_string());
    // A name in quotes cannot end its line.
    format!("{name:?} {partitions} {buckets} {} {lifetime_ms}\n", retention.messages_max)
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <&str>::deserialize(deserializer)?;
        let is_hex = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let digits = text.as_bytes().try_into().ok().filter(|_| is_hex);
        digits.map(Self).ok_or_else(|| serde::de::Error::custom("a fingerprint has 16 hex digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_nodes_must_agree_on_changes_the_fingerprint() {
        let (layout, retention) = (Layout::default(), Retention::default());
        let of = |prefix: &str, namespaces: &[(&'static str, Layout, Retention)]| {
            Fingerprint::new(&Prefix::new(prefix).unwrap(), namespaces.iter().copied())
        };
        let base = of("sb", &[("default", layout, retention), ("chat", layout, retention)]);
        assert_eq!(base, of("sb", &[("chat", layout, retention), ("default", layout, retention)]));
        let with = |layout, retention| {
            of("sb", &[("default", layout, retention), ("chat", layout, retention)])
        };
        for other in [
            of("sb2", &[("default", layout, retention), ("chat", layout, retention)]),
            of("sb", &[("default", layout, retention)]),
            of("sb", &[("default", layout, retention), ("chats", layout, retention)]),
            with(Layout::new(8, 64).unwrap(), retention),
            with(Layout::new(16, 32).unwrap(), retention),
            with(layout, Retention { messages_max: 9, ..retention }),
            with(layout, Retention { lifetime_ms: Some(9), ..retention }),
        ] {
            assert_ne!(base, other);
        }
        assert_eq!(base.as_str().len(), 16);
    }
}
