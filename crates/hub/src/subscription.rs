//! Subscribers and their subscriptions.

/// A subscriber: a connection's slot and which of its channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Subscriber {
    /// The connection's slot in its shard.
    pub conn: u32,
    /// Which of the connection's channels.
    pub nth: u16,
}

/// A subscriber's place: eight bytes, opaque to the connection, which keeps them and gives them
/// back to the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Subscription {
    /// The hub's index of the channel; it stays the same while the channel has subscribers.
    pub channel: u32,
    /// The place among the ready or, with the highest bit set, among the blocked.
    pub place: u32,
}

const BLOCKED: u32 = 1 << 31;

impl Subscription {
    pub(crate) fn ready(channel: u32, place: u32) -> Self {
        debug_assert!(place & BLOCKED == 0);
        Self { channel, place }
    }

    pub(crate) fn blocked(channel: u32, place: u32) -> Self {
        debug_assert!(place & BLOCKED == 0);
        Self { channel, place: place | BLOCKED }
    }

    /// Whether the subscriber is blocked.
    pub fn is_blocked(self) -> bool {
        self.place & BLOCKED != 0
    }

    pub(crate) fn index(self) -> u32 {
        self.place & !BLOCKED
    }
}

/// Another subscriber that a removal moved: its connection must store the new subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The subscriber.
    pub who: Subscriber,
    /// Its subscription now.
    pub subscription: Subscription,
}
