//! How the payloads of a subscription follow from one another, where its client wants to hear only what has changed.

use std::sync::Arc;

use switchboard_dialects as dialects;
use switchboard_hub::{Hub, Publication, Subscriber, Subscription};

/// How a subscriber gets publications, as the hub keeps it ([`Subscriber::form`]).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(crate) enum Wanted {
    /// Each by itself.
    Whole = 0,
    /// By their changes, and it has none yet.
    First = 1,
    /// By their changes, and it has got the one at its cursor.
    Changes = 2,
}

impl Wanted {
    #[inline]
    pub(crate) fn by(who: Subscriber) -> Self {
        Self::of(who.form)
    }

    /// The same, for one of many.
    #[inline]
    pub(crate) fn is_of(self, who: Subscriber) -> bool {
        who.form == self as u8
    }

    #[inline]
    fn of(form: u8) -> Self {
        match form {
            0 => Self::Whole,
            1 => Self::First,
            _ => Self::Changes,
        }
    }

    /// What this subscription is sent.
    pub(crate) fn in_subscription(hub: &Hub, subscription: Subscription) -> Self {
        Self::of(hub.form(subscription))
    }

    /// Remembers it.
    pub(crate) fn set(self, hub: &mut Hub, subscription: Subscription) {
        hub.set_form(subscription, self as u8);
    }
}

/// What the first of a run of publications follows; each of the others follows the one before it.
#[derive(Clone, Debug, Default)]
pub(crate) enum Chain {
    /// Nothing: each stands for itself.
    #[default]
    None,
    /// Nothing that is known here, so it is whole.
    First,
    /// This one.
    Behind(Arc<Publication>),
}

impl Chain {
    /// For subscribers of a channel that have got all up to the cursor `after`.
    #[inline]
    pub(crate) fn new(hub: &Hub, channel: u32, after: u64, wanted: Wanted) -> Self {
        match wanted {
            Wanted::Whole => Self::None,
            Wanted::First => Self::First,
            // One that the log has dropped is known to nobody but its receivers.
            Wanted::Changes => match hub.publication_at(channel, after) {
                Some(last) => Self::Behind(Arc::clone(last)),
                None => Self::First,
            },
        }
    }

    /// What the `nth` of a run follows.
    #[inline]
    pub(crate) fn before<'a>(
        &'a self,
        publications: &'a [Arc<Publication>],
        nth: usize,
    ) -> dialects::Chain<'a> {
        match (self, nth.checked_sub(1)) {
            (Self::None, _) => dialects::Chain::None,
            (_, Some(before)) => dialects::Chain::Behind(&publications[before]),
            (Self::First, None) => dialects::Chain::First,
            (Self::Behind(last), None) => dialects::Chain::Behind(last),
        }
    }
}
