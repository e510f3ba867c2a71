//! What the internal door knows of namespaces.

use std::collections::BTreeMap;

use switchboard_hub::ChannelName;

/// The rules of one namespace (what stands before the first `:` of a channel's name).
#[derive(Clone, Copy, Debug, Default)]
pub struct Namespace {
    /// Whether the subscribers of its channels may be listed.
    pub presence_list: bool,
}

/// All namespaces.
#[derive(Clone, Debug, Default)]
pub struct Namespaces {
    /// The rules of channels without a namespace, and of those whose namespace is not named.
    pub default: Namespace,
    /// The others by name.
    pub named: BTreeMap<String, Namespace>,
    /// A channel whose namespace is not named does not exist.
    pub strict: bool,
}

impl Namespaces {
    /// The rules for a channel, or none when it may not exist.
    pub(crate) fn rules(&self, channel: &ChannelName) -> Option<Namespace> {
        let Some(namespace) = channel.namespace() else {
            return Some(self.default);
        };
        match self.named.get(namespace) {
            None if self.strict => None,
            None => Some(self.default),
            named => named.copied(),
        }
    }
}
