//! A connection subscribes to its channels and leaves them, always to all at once.

use switchboard_hub::Subscriber;
use switchboard_plane::ConnId;

use super::channels::Channels;
use super::presence;
use crate::connection::{Connection, ListenMode};
use crate::core::Core;

/// Subscribes to each channel. What the client sees of it goes out after this, so a client that sees it
/// gets everything that is published from then on.
pub(crate) fn subscribe(core: &mut Core, id: ConnId, channels: &Channels, mode: ListenMode) {
    for (nth, name) in (0u16..).zip(&channels.names) {
        let who = Subscriber { conn: id.index(), nth };
        let subscription = core.hub.subscribe(core.now_ms, name, who, &mut core.exchange.outbox);
        let Some(connection) = core.slab.get_mut(id) else {
            return;
        };
        connection.mode = mode;
        if nth == 0 {
            connection.subscription = Some(subscription);
            connection.namespace = channels.namespace;
        } else {
            connection.busy().more_subscriptions.push(subscription);
        }
    }
}

/// Gives up the subscriptions to all channels.
pub(crate) fn leave(core: &mut Core, id: ConnId) {
    presence::leaving(core, id);
    let Some(connection) = core.slab.get_mut(id) else {
        return;
    };
    let first = connection.subscription.take();
    let more = connection
        .busy
        .as_mut()
        .map_or_else(Vec::new, |busy| std::mem::take(&mut busy.more_subscriptions));
    for subscription in first.into_iter().chain(more) {
        let moved = core.hub.unsubscribe(core.now_ms, subscription, &mut core.exchange.outbox);
        core.follow(moved);
    }
    if core.end_await_home(id) {
        // The homes' answers do not reach it any more: what is said to it goes out now.
        core.want_room(id);
    }
}

/// Some channel of the connection was deleted. Then it must go before anything else is said: the
/// position that it would be told is in a new stream, and what it missed of the old one would
/// never be announced.
pub(crate) fn has_deleted_channel(core: &Core, id: ConnId) -> bool {
    let mut subscriptions = core.slab.get(id).into_iter().flat_map(Connection::subscriptions);
    subscriptions.any(|subscription| core.hub.is_deleted(subscription))
}
