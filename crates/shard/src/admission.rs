//! Who comes in: new connections, and what the server says when it is full.

use std::net::SocketAddr;

use switchboard_plane::{Close, ConnId};

use crate::connection::{Connection, State};
use crate::core::{Action, Core};

/// Slots beyond `connections_max` that only answer 503. While they are taken, newcomers wait in
/// the listener's queue.
pub const RESERVED_SLOTS: u32 = 64;

/// How long a client that is refused may take for its request.
const REFUSAL_TIMEOUT_MS: u64 = 1_000;

pub(crate) fn accepted(core: &mut Core, id: ConnId, peer: SocketAddr) {
    core.counters.connections_accepted.add(1);
    if core.stopping {
        core.counters.connections_closed.add(1);
        core.actions.push(Action::Close(id, Close::Fin));
        return;
    }
    let mut connection = Connection::new(id, peer, core.now);
    let full = core.slab.open() >= core.config.connections_max as usize;
    if full {
        connection.state = State::Refusing;
        connection.deadline = core.now.after_ms(REFUSAL_TIMEOUT_MS);
    } else {
        connection.deadline = core.now.after_ms(core.config.timeouts.handshake_ms);
    }
    core.slab.insert(connection);
    core.counters.connections_open.set(core.slab.open() as u64);
}
