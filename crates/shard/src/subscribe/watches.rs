//! Clients that hear who comes to their channels and who goes: beside such a channel, they listen to the one in
//! which its joins and leaves are published.

use switchboard_hub::ChannelName;
use switchboard_plane::ConnId;

use super::subscriptions::{subscribe_to, unwatch};
use crate::core::Core;

/// Has a client hear of the joins and leaves in the channel of one of its subscriptions, which are published in
/// `presence`. The output of the connection must not be parked.
pub(crate) fn watch(core: &mut Core, id: ConnId, of: u16, presence: &ChannelName) {
    if let Some(nth) = subscribe_to(core, id, presence) {
        core.watches.add(id.index(), of, nth);
    }
}

/// The client listens to `presence` itself from now on, so it hears of the joins and leaves there.
pub(crate) fn give_way(core: &mut Core, id: ConnId, presence: &ChannelName) {
    let mut watches = core.subscriptions(id).filter_map(|(nth, to)| {
        let of = core.watches.watched_by(id.index(), nth)?;
        (core.hub.name(to.channel) == Some(presence)).then_some(of)
    });
    if let Some(of) = watches.next() {
        drop(watches);
        unwatch(core, id, of);
    }
}
