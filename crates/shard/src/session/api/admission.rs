//! Who comes to the internal API: first a stranger, then somebody with access.

use std::net::SocketAddr;

use switchboard_plane::{Close, ConnId};

use super::answer;
use crate::connection::{Connection, Place, Session};
use crate::core::Core;
use crate::lifecycle::{admission, ending};

/// Somebody comes to the internal API. Until a request shows that it has access, it must make room for
/// others: for one of its own address where that has many, for anybody where there is no room.
pub(crate) fn accepted(core: &mut Core, id: ConnId, peer: SocketAddr) {
    if admission::turned_away(core, id) {
        return;
    }
    let deadline = core.now.after_ms(core.api.config.timeouts.access_ms);
    let mut connection = Connection::new(id, peer, core.now, deadline);
    connection.place = Place::Stranger;
    let has_room = core.api.connected();
    core.internal += 1;
    core.counters.internal_connections_open.set(core.internal.into());
    core.insert(connection);
    core.enter(id, Session::Api, deadline);
    let address = peer.ip();
    let of_address = |core: &Core, stranger: &ConnId| {
        let connection = core.slab.get(*stranger);
        connection.is_some_and(|it| SocketAddr::from(it.peer).ip() == address)
    };
    let own = core.strangers.iter().filter(|stranger| of_address(core, stranger)).count();
    let oldest = if own >= strangers_per_address_max(core) {
        core.strangers.iter().copied().find(|stranger| of_address(core, stranger))
    } else if has_room {
        None
    } else {
        core.strangers.first().copied()
    };
    if let Some(oldest) = oldest {
        ending::remove(core, oldest, Close::Fin);
    } else if !has_room {
        // It makes room for nobody: it is about to go.
        granted(core, id);
        return answer::refuse_newcomer(core, id);
    }
    core.strangers.push(id);
}

/// Strangers of one address on a shard: a quarter of what may be open.
fn strangers_per_address_max(core: &Core) -> usize {
    (core.api.config.connections_max as usize / 4).max(1)
}

/// A request on the connection has shown that its client has access.
pub(super) fn granted(core: &mut Core, id: ConnId) {
    if let Some(connection) = core.slab.get_mut(id)
        && connection.place.is_stranger()
    {
        connection.place = Place::Internal;
        core.strangers.retain(|stranger| *stranger != id);
        answer::await_request(core, id);
    }
}
