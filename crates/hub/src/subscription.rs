//! Subscribers and their subscriptions.

use std::num::NonZeroU32;

/// A subscriber: a connection's slot and which of its channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Subscriber {
    /// The connection's slot in its shard.
    pub conn: u32,
    /// Which of the connection's subscriptions.
    pub nth: u16,
    /// How it wants what is published: a number of the shard's own, which it may [set](crate::Hub::set_form).
    pub form: u8,
}

const _: () = assert!(size_of::<Subscriber>() == 8);

/// A subscriber's place: eight bytes, also as an `Option`. It is opaque to the connection, which keeps
/// it and gives it back to the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Subscription {
    /// The hub's index of the channel; it stays the same while the channel has subscribers.
    pub channel: u32,
    /// The place among the ready or the blocked, below two bits: one that is always set, and
    /// [`BLOCKED`].
    pub(crate) place: NonZeroU32,
}

const PLACE: NonZeroU32 = NonZeroU32::new(1 << 31).unwrap();
const BLOCKED: u32 = 1 << 30;

const _: () = assert!(size_of::<Option<Subscription>>() == 8);

impl Subscription {
    pub(crate) fn ready(channel: u32, place: u32) -> Self {
        debug_assert!(place < BLOCKED);
        Self { channel, place: PLACE | place }
    }

    pub(crate) fn blocked(channel: u32, place: u32) -> Self {
        debug_assert!(place < BLOCKED);
        Self { channel, place: PLACE | BLOCKED | place }
    }

    /// Whether the subscriber is blocked.
    pub fn is_blocked(self) -> bool {
        self.place.get() & BLOCKED != 0
    }

    pub(crate) fn index(self) -> u32 {
        self.place.get() & (BLOCKED - 1)
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
