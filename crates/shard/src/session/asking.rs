//! What clients have asked and not been answered, for those that number what they say.

use switchboard_plane::ConnId;

use crate::connection::{Asked, InputReason};
use crate::core::Core;
use crate::hooks;

/// What the client has asked; made where there is none.
pub(super) fn asked(core: &mut Core, id: ConnId) -> Option<&mut Asked> {
    let now_ms = core.now_ms;
    Some(core.slab.get_mut(id)?.busy().asked(now_ms))
}

/// The client's id of what is answered now.
pub(super) fn take(core: &mut Core, id: ConnId, number: u32) -> Option<Box<str>> {
    core.slab.get_mut(id)?.busy.as_mut()?.asked.as_mut()?.take(number)
}

/// As much is under way as may be.
pub(super) fn is_full(core: &Core, id: ConnId) -> bool {
    let busy = core.slab.get(id).and_then(|connection| connection.busy.as_ref());
    busy.and_then(|busy| busy.asked.as_ref()).is_some_and(|asked| asked.is_full())
        || hooks::awaits_verdict(core, id)
}

/// Something was answered: the connection is read again, if it was not because of that.
pub(super) fn go_on(core: &mut Core, id: ConnId) {
    let now_ms = core.now_ms;
    let Some(connection) = core.slab.get_mut(id) else {
        return;
    };
    connection.settle(now_ms);
    if connection.gates.awaits_answer() && !is_full(core, id) {
        core.unpark_input(id, &[InputReason::Answer]);
        core.revisit(id);
    }
}
