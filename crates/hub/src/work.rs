//! What the shard has to do for its subscribers.

use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::{Publication, Subscriber, Subscription};

/// What a slice of [`Work`] asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum WorkKind {
    /// Send the publications to all targets. Their cursors are past the last one already.
    #[default]
    Deliver,
    /// Policy `disconnect`: the targets' cursors fell off the log. Close them and unsubscribe them
    /// before the next call, or [place](crate::Hub::place) them again; until then they receive
    /// nothing.
    Lagged,
    /// Policies `skip` and `latest`: tell the targets that they missed all publications with these
    /// offsets. Their cursors are past them already.
    Skipped {
        /// The offsets of what the targets will never get (as in [`Gap`](crate::Gap)).
        missed: RangeInclusive<u64>,
    },
    /// The channel was deleted: close the targets and unsubscribe them before the next call.
    Deleted,
    /// The home has answered, and the targets were blocked when it did: where they
    /// [begin](crate::Hub::begin) is known now. Their cursors are at the head that the home
    /// answered with; a target that begins with [`Start::Now`](crate::Start::Now) stays there,
    /// since the head may have moved on. A subscription that was placed, advanced or unblocked
    /// meanwhile hears nothing, and after a deletion of the stream it hears only of that.
    Joined,
}

/// One slice of fan-out; its buffers are reused from call to call.
///
/// The subscriptions are those at the time of the call. A caller that removes or blocks targets in
/// the given order finds each subscription still valid at its turn.
#[derive(Debug, Default)]
pub struct Work {
    /// What to do.
    pub kind: WorkKind,
    /// The channel, by the hub's index (as in [`Subscription`]).
    pub channel: u32,
    /// With `Deliver`: the cursor that all targets had. For those whose sockets took nothing it is
    /// still the right one.
    pub after: u64,
    /// With `Deliver`: nothing follows the publications, so the targets hear no more of this channel
    /// before something else is published.
    pub reaches_head: bool,
    /// The subscribers.
    pub targets: Vec<(Subscriber, Subscription)>,
    /// With `Deliver`: what to send: all that follows `after`, in order; never empty.
    pub publications: Vec<Arc<Publication>>,
    /// What slices, the last one among them, have brought to the last of a channel's subscribers on
    /// this shard that were not blocked. It grows from call to call until the caller clears it, also
    /// where a call finds no work.
    pub served: Vec<Served>,
}

/// Publications that were accepted at the same time and have reached all that were not blocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Served {
    /// [`Publication::accepted_us`].
    pub accepted_us: u32,
    /// How many.
    pub publications: u32,
}

impl Work {
    pub(crate) fn clear(&mut self) {
        self.targets.clear();
        self.publications.clear();
    }
}

impl Served {
    /// A publication has reached all.
    pub(crate) fn note(served: &mut Vec<Self>, publication: &Publication) {
        let accepted_us = publication.accepted_us();
        match served.last_mut() {
            Some(last) if last.accepted_us == accepted_us => last.publications += 1,
            _ => served.push(Self { accepted_us, publications: 1 }),
        }
    }
}

/// What a pull found for a blocked subscriber.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pull {
    /// Publications that follow the cursor.
    More,
    /// The cursor is at the head.
    CaughtUp,
    /// The cursor fell off the log. With `disconnect`, close. With `skip` and `latest`, announce
    /// the gap, `advance` to its end and pull again.
    Lagged {
        /// The offsets of what the subscriber will never get (as in [`Gap`](crate::Gap)).
        missed: RangeInclusive<u64>,
    },
    /// The channel was deleted: close and unsubscribe.
    Deleted,
}

/// How far a subscriber is behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lag {
    /// Publications after its cursor. Those that are not kept are counted by their offsets, which is
    /// an upper bound.
    pub publications: u64,
    /// The bytes of those that are kept, as frames.
    pub bytes: u64,
}
