//! Where the subscriptions of a connection are stored, and how they follow the hub.

use switchboard_dialects::Dialect;
use switchboard_hub::{Moved, Subscriber, Subscription};
use switchboard_plane::ConnId;

use super::Core;
use crate::connection::{Connection, Delivery, Pool, Relocated, Subscriptions};

impl Core {
    /// The subscription in a slot of a connection.
    pub(crate) fn subscription(&self, id: ConnId, nth: u16) -> Option<Subscription> {
        self.slab.get(id)?.subscriptions.get(&self.pool, nth)
    }

    /// All subscriptions of a connection with their slots, in the order in which it asked for them.
    pub(crate) fn subscriptions(&self, id: ConnId) -> impl Iterator<Item = (u16, Subscription)> {
        let connection = self.slab.get(id);
        connection.into_iter().flat_map(|connection| connection.subscriptions.iter(&self.pool))
    }

    /// How the publications of a subscription are written; none where its session answers with them.
    pub(crate) fn dialect(&self, connection: &Connection, nth: u16) -> Option<Dialect> {
        match connection.session.delivery() {
            Delivery::Stream(Dialect::Centrifuge(framing))
                if self.watches.has(connection.id.index(), nth) =>
            {
                Some(Dialect::CentrifugePresence(framing))
            }
            Delivery::Stream(dialect) => Some(dialect),
            Delivery::None | Delivery::Answer => None,
        }
    }

    /// Above every slot of a connection that is in use.
    pub(crate) fn subscription_slots(&self, id: ConnId) -> u16 {
        self.slab.get(id).map_or(0, |connection| connection.subscriptions.slots_end(&self.pool))
    }

    /// Stores a subscription in a slot.
    pub(crate) fn set_subscription(&mut self, id: ConnId, nth: u16, subscription: Subscription) {
        self.change_subscriptions(id, |subscriptions, pool| {
            subscriptions.set(pool, id.index(), nth, subscription)
        });
    }

    /// Empties a slot; the others stay where they are.
    pub(crate) fn clear_subscription(&mut self, id: ConnId, nth: u16) {
        self.change_subscriptions(id, |subscriptions, pool| subscriptions.clear(pool, nth));
    }

    fn change_subscriptions(
        &mut self,
        id: ConnId,
        change: impl FnOnce(&mut Subscriptions, &mut Pool) -> Option<Relocated>,
    ) {
        let Self { slab, pool, .. } = self;
        let Some(connection) = slab.get_mut(id) else {
            return;
        };
        if let Some(Relocated { owner, block }) = change(&mut connection.subscriptions, pool)
            && let Some(owner) = slab.at_mut(owner)
        {
            owner.subscriptions = Subscriptions::Pooled(Some(block));
        }
    }

    /// Somebody's subscription has moved because another left: remember it.
    pub(crate) fn follow(&mut self, moved: Option<Moved>) {
        if let Some(Moved { who: Subscriber { conn, nth, .. }, subscription }) = moved
            && let Some(id) = self.slab.at(conn).map(|connection| connection.id)
        {
            self.set_subscription(id, nth, subscription);
        }
    }

    /// Lets `change` move each subscription of a connection and stores where it went.
    pub(crate) fn for_each_subscription(
        &mut self,
        id: ConnId,
        mut change: impl FnMut(&mut Self, Subscription) -> Subscription,
    ) {
        for nth in 0..self.subscription_slots(id) {
            if let Some(subscription) = self.subscription(id, nth) {
                let subscription = change(self, subscription);
                self.set_subscription(id, nth, subscription);
            }
        }
    }
}
