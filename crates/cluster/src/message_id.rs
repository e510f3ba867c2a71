//! The ids by which the engine knows that it has stored a message already.

use std::fmt::Write as _;

use aws_lc_rs::digest::{Context, SHA256};
use switchboard_hub::ChannelName;

use crate::NodeId;

/// Bytes of the hash that names a key. Nobody finds two keys with the same 128 bits, also who chooses both.
const KEY_HASH_BYTES: usize = 16;

/// Gives ids to messages.
#[derive(Debug)]
pub struct MessageIds {
    node: NodeId,
    count: u64,
}

impl MessageIds {
    /// Those of one run of a node.
    pub fn new(node: NodeId) -> Self {
        Self { node, count: 0 }
    }

    /// One that no other message has.
    pub fn unique(&mut self) -> String {
        self.count += 1;
        format!("n{}-{}", self.node, self.count)
    }

    /// That of all publications in a channel under one idempotency key, whichever node they come from.
    pub fn keyed(channel: &ChannelName, key: &str) -> String {
        let mut context = Context::new(&SHA256);
        // A name has at most 255 bytes, so what is hashed can be read in one way only.
        context.update(&[channel.as_str().len() as u8]);
        context.update(channel.as_str().as_bytes());
        context.update(key.as_bytes());
        let hash = context.finish();
        let mut id = String::with_capacity(1 + 2 * KEY_HASH_BYTES);
        id.push('k');
        for byte in &hash.as_ref()[..KEY_HASH_BYTES] {
            // Writing to a text cannot fail.
            let _ = write!(id, "{byte:02x}");
        }
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyed(channel: &str, key: &str) -> String {
        MessageIds::keyed(&ChannelName::new(channel).unwrap(), key)
    }

    #[test]
    fn ids_of_nodes_and_keys_cannot_be_mistaken() {
        let mut ids = MessageIds::new(NodeId::from_random(1));
        assert_eq!(ids.unique(), "n0000000000000001-1");
        assert_eq!(ids.unique(), "n0000000000000001-2");
        assert!(keyed("a", "b").starts_with('k'));
    }

    #[test]
    fn a_key_has_the_same_id_on_all_nodes_and_in_all_versions() {
        assert_eq!(keyed("chat:a", "order-7"), "ka113792774765cbef02aea8ff2230786");
        assert_ne!(keyed("ab", "c"), keyed("a", "bc"));
        assert_ne!(keyed("a", ""), keyed("a", "a"));
    }
}
