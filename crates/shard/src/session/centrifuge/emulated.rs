//! Commands of a client that is only sent to: they come in requests of their own, to any shard.

use switchboard_dialects::centrifuge::Framing;
use switchboard_hub::Kind;
use switchboard_plane::ConnId;

use super::commands;
use crate::connection::EmulationSession;
use crate::core::Core;
use crate::exchange::Emulated;

/// What may wait for one client: as much as a request has.
const HELD_BYTES_MAX: usize = 64 << 10;

/// Takes the commands that came in a request for the connection of this session, which is or was one of this
/// shard. They are obeyed at once, or wait: behind those before them, or until what others were answered since has
/// gone out.
pub(crate) fn take(core: &mut Core, session: &EmulationSession, bytes: &[u8]) -> Emulated {
    let id = session.id;
    if session.is_outdated(core.accepted) || !is_only_sent_to(core, id) {
        return Emulated::Gone;
    }
    let held_bytes = commands::held_bytes(core, id);
    if held_bytes + bytes.len() >= HELD_BYTES_MAX {
        return Emulated::Full;
    }
    let Some(counted) = core.held_bytes.count(held_bytes + bytes.len()) else {
        return Emulated::Busy;
    };
    if held_bytes > 0 {
        commands::append(core, id, bytes);
    } else if core.outgoing.is_apart(id) {
        commands::hold(core, id, bytes.to_vec(), 0);
    } else {
        commands::message(core, id, Kind::Text, bytes);
    }
    commands::count(core, id, counted);
    Emulated::Taken
}

/// Whether it is the connection of a Centrifuge client that cannot say anything on it.
fn is_only_sent_to(core: &Core, id: ConnId) -> bool {
    let framing = core.slab.get(id).and_then(|connection| connection.session.framing());
    framing.is_some_and(|framing| framing != Framing::Message)
}
