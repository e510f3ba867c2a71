//! The channels that a connection has joined.

use switchboard_hub::Subscription;
use switchboard_plane::ConnId;

use crate::connection::Awaited;
use crate::core::Core;

/// The subscriptions of a connection but the one with which it only reads what a channel keeps.
pub(super) fn joined(core: &Core, id: ConnId) -> impl Iterator<Item = (u16, Subscription)> {
    let busy = core.slab.get(id).and_then(|connection| connection.busy.as_ref());
    let read = match busy.and_then(|busy| busy.commands.as_ref()?.awaited) {
        Some(Awaited::History(reading)) => Some(reading.nth),
        _ => None,
    };
    core.subscriptions(id).filter(move |(nth, _)| Some(*nth) != read)
}
