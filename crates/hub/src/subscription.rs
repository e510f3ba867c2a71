//! Who subscribes, and where it sits.

/// Whose subscription it is: a connection's slot and which of its channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Subscriber {
    /// The connection's slot in its shard.
    pub conn: u32,
    /// Which of the connection's channels.
    pub nth: u16,
}

/// Where a subscriber sits: eight bytes that the connection keeps and gives back to the hub.
/// Opaque to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Subscription {
    /// The hub's index of the channel; it stays the same while anybody sits there.
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

    /// Whether the subscriber is one whose socket was full.
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
    /// Who was moved.
    pub who: Subscriber,
    /// Where it sits now.
    pub subscription: Subscription,
}
