//! How subscribers want what is published, and what a publication follows.

use std::sync::Arc;

use super::Hub;
use crate::{Publication, Subscription};

impl Hub {
    /// How a subscriber wants what is published ([`Subscriber::form`](crate::Subscriber::form)).
    pub fn form(&self, subscription: Subscription) -> u8 {
        let channel = &self.table[subscription.channel];
        match &channel.blocked {
            Some(blocked) if subscription.is_blocked() => {
                blocked.get(subscription.index()).who.form
            }
            _ => channel.ready.get(subscription.index()).who.form,
        }
    }

    /// Says how a subscriber wants what is published from now on. The hub passes it on with the
    /// [targets](crate::Work::targets).
    pub fn set_form(&mut self, subscription: Subscription, form: u8) {
        let channel = &mut self.table[subscription.channel];
        match &mut channel.blocked {
            Some(blocked) if subscription.is_blocked() => {
                blocked.set_form(subscription.index(), form);
            }
            _ => channel.ready.set_form(subscription.index(), form),
        }
    }

    /// The publication with this offset in the channel with this index, while its log has it.
    pub fn publication_at(&self, channel: u32, offset: u64) -> Option<&Arc<Publication>> {
        self.table.get(channel)?.log().at(offset)
    }
}
