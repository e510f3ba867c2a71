//! A connection subscribes to channels and leaves them.

use switchboard_hub::{ChannelName, Subscriber, Subscription};
use switchboard_plane::ConnId;

use super::channels::Channels;
use super::{events, presence};
use crate::connection::ListenMode;
use crate::core::Core;

/// Subscribes to each channel. What the client sees of it goes out after this, so a client that sees it
/// gets everything that is published from then on.
pub(crate) fn subscribe(core: &mut Core, id: ConnId, channels: &Channels, mode: ListenMode) {
    if let Some(connection) = core.slab.get_mut(id) {
        connection.mode = mode;
    }
    for name in &channels.names {
        subscribe_to(core, id, name);
    }
}

/// Subscribes to one channel, beside those that the connection has, in a slot that the subscription keeps.
/// The output of the connection must not be parked. None for a connection that is gone.
pub(crate) fn subscribe_to(core: &mut Core, id: ConnId, name: &ChannelName) -> Option<u16> {
    let connection = core.slab.get(id)?;
    debug_assert!(!connection.gates.is_output_parked());
    let nth = connection.subscriptions.free_slot(&core.pool);
    let who = Subscriber { conn: id.index(), nth, form: 0 };
    let subscription = core.hub.subscribe(core.now_ms, name, who, &mut core.exchange.outbox);
    core.set_subscription(id, nth, subscription);
    Some(nth)
}

/// Gives up one subscription of a connection that goes on.
pub(crate) fn leave_one(core: &mut Core, id: ConnId, nth: u16) {
    presence::leaving_one(core, id, nth);
    events::leaving_one(core, id, nth);
    unwatch(core, id, nth);
    unsubscribe(core, id, nth);
}

/// A client does not hear any longer of the joins and leaves in the channel of one of its subscriptions.
pub(crate) fn unwatch(core: &mut Core, id: ConnId, of: u16) {
    if let Some(nth) = core.watches.beside(id.index(), of) {
        unsubscribe(core, id, nth);
        core.watches.remove(id.index(), of);
    }
}

/// The subscription to a channel that a client has asked for, and its slot.
pub(crate) fn find(core: &Core, id: ConnId, name: &ChannelName) -> Option<(u16, Subscription)> {
    let is_own = |nth| !core.watches.has(id.index(), nth);
    core.subscriptions(id).find(|(nth, to)| core.hub.name(to.channel) == Some(name) && is_own(*nth))
}

/// Gives up one that was never said to have begun.
pub(crate) fn withdraw(core: &mut Core, id: ConnId, nth: u16) {
    unsubscribe(core, id, nth);
}

/// Gives up all subscriptions, the last one first: then the pool finds at once that others are left.
pub(crate) fn leave(core: &mut Core, id: ConnId) {
    presence::leaving(core, id);
    events::leaving(core, id);
    for nth in (0..core.subscription_slots(id)).rev() {
        unsubscribe(core, id, nth);
    }
    core.watches.clear(id.index());
    if core.end_await_home(id) {
        // The homes' answers do not reach it any more: what is said to it goes out now.
        core.want_room(id);
    }
}

/// Gives up one subscription; the others keep their slots.
fn unsubscribe(core: &mut Core, id: ConnId, nth: u16) {
    let Some(subscription) = core.subscription(id, nth) else {
        return;
    };
    core.clear_subscription(id, nth);
    core.identities.grants.remove(id.index(), nth);
    core.terms.remove(id.index(), nth, core.hub.name(subscription.channel));
    let moved = core.hub.unsubscribe(core.now_ms, subscription, &mut core.exchange.outbox);
    core.follow(moved);
}

/// Some channel of the connection was deleted. Then it must go before anything else is said: the
/// position that it would be told is in a new stream, and what it missed of the old one would
/// never be announced.
pub(crate) fn has_deleted_channel(core: &Core, id: ConnId) -> bool {
    core.subscriptions(id).any(|(_, subscription)| core.hub.is_deleted(subscription))
}
