//! What a client is told that it did not ask for, and in which framing all goes out.

use switchboard_dialects::centrifuge::{Framing, Push};
use switchboard_plane::ConnId;

use crate::core::Core;

/// Tells the client something. `channel` is empty for what is in none.
pub(super) fn push(core: &mut Core, id: ConnId, channel: &str, push: &Push<'_>) {
    if let Some(framing) = framing(core, id) {
        core.reply(id, |out| push.write(channel, framing, out));
    }
}

/// How the client is told things; none for a connection that is no client's any more.
pub(super) fn framing(core: &Core, id: ConnId) -> Option<Framing> {
    core.slab.get(id)?.session.framing()
}
