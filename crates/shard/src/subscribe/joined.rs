//! The channels that a connection has joined.

use switchboard_hub::Subscription;
use switchboard_plane::ConnId;

use crate::connection::{Awaited, Connection};
use crate::core::Core;

/// The subscriptions of a connection but the one with which it only reads what a channel keeps, and those with
/// which it hears of joins and leaves in its channels.
pub(super) fn joined(core: &Core, id: ConnId) -> impl Iterator<Item = (u16, Subscription)> {
    let read = core.slab.get(id).and_then(read_by);
    core.subscriptions(id)
        .filter(move |(nth, _)| Some(*nth) != read && !core.watches.has(id.index(), *nth))
}

/// Whether this subscription of a connection is one of them.
pub(super) fn has_joined(core: &Core, connection: &Connection, nth: u16) -> bool {
    read_by(connection) != Some(nth) && !core.watches.has(connection.id.index(), nth)
}

/// The subscription with which a connection only reads what a channel keeps.
fn read_by(connection: &Connection) -> Option<u16> {
    match connection.busy.as_ref()?.commands.as_ref()?.awaited.as_ref() {
        Some(Awaited::History(reading)) => Some(reading.nth),
        _ => None,
    }
}
