//! Who comes in: new connections, and what the server says when it is full.

use std::net::SocketAddr;

use switchboard_link::Action;
use switchboard_plane::{Close, ConnId};
use switchboard_ws::head::Request;

use crate::connection::{Connection, Place, Session};
use crate::core::Core;

/// Slots beyond `connections_max` that only answer 503. While they are taken, newcomers wait in
/// the listener's queue.
pub const RESERVED_SLOTS: u32 = 64;

/// How long a client that is refused may take for its request.
const REFUSAL_TIMEOUT_MS: u64 = 1_000;

pub(crate) fn accepted(core: &mut Core, id: ConnId, peer: SocketAddr) {
    core.counters.connections_accepted.add(1);
    if turned_away(core, id) {
        core.counters.connections_closed.add(1);
        return;
    }
    let due = core.now.after_ms(REFUSAL_TIMEOUT_MS);
    let mut connection = Connection::new(id, peer, core.now, due);
    if core.config.proxies.trusts(peer.ip()) {
        connection.set_proxy(core.proxies.number(peer.ip()));
    }
    core.insert(connection);
    try_serve(core, id);
}

/// The server stops: nobody comes in any more.
pub(crate) fn turned_away(core: &mut Core, id: ConnId) -> bool {
    if core.stopping {
        core.actions.push(Action::Close(id, Close::Fin));
    }
    core.stopping
}

/// Gives a newcomer one of the places, if there is one: at its accept, and again when its request
/// is there and would be refused. Those that are only refused take no place.
pub(crate) fn try_serve(core: &mut Core, id: ConnId) -> bool {
    let has_place = core.served < core.config.connections_max;
    if has_place && let Some(connection) = core.slab.get_mut(id) {
        connection.place = Place::Public;
        core.served += 1;
        let deadline = core.now.after_ms(core.config.timeouts.handshake_ms);
        core.enter(id, Session::Http, deadline);
    }
    has_place
}

/// A request has come. Where a trusted proxy passed it on, it says whose it is; the next one on the same
/// connection may be another client's.
pub(crate) fn identify(core: &mut Core, id: ConnId, request: &Request<'_>) {
    if let Some(connection) = core.slab.get_mut(id)
        && let Some(proxy) = core.proxies.address(connection.proxy())
    {
        connection.peer = core.config.proxies.client(request, proxy).into();
    }
}

/// Slots that a shard keeps for the internal API: all of its connections may come to one shard, and some
/// more to be refused.
pub fn internal_slots(internal_connections_max: u32) -> u32 {
    const TO_REFUSE: u32 = 16;
    internal_connections_max.saturating_add(TO_REFUSE)
}
