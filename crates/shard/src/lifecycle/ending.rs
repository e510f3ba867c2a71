//! How connections end: after what is queued, at once, or when their time has run out.

use switchboard_link::Action;
use switchboard_plane::{Close, ConnId};

use crate::connection::{Session, Then};
use crate::core::Core;
use crate::subscribe;
use crate::time::Tick;

/// The connection is over: everything it had is given back.
pub(crate) fn remove(core: &mut Core, id: ConnId, how: Close) {
    subscribe::leave(core, id);
    core.open_output(id);
    core.remove(id, how);
}

/// The last answer of a connection is queued: no further request is read. A long answer takes as
/// long as it makes progress.
pub(crate) fn end_after_answer(core: &mut Core, id: ConnId) {
    if core.is_output_parked(id) {
        core.finish(id, Then::Linger);
    } else {
        linger(core, id);
    }
}

/// The last bytes are queued: end our side after them and drop whatever else arrives, because a
/// close with unread bytes would reset the connection and the peer might never see the answer.
pub(crate) fn linger(core: &mut Core, id: ConnId) {
    core.enter(id, Session::Lingering, core.now.after_ms(core.config.timeouts.close_ms));
    core.finish(id, Then::Shutdown);
}

/// Ends the connections whose replies are flushed now; those whose output is parked end when
/// all of it is out.
pub(crate) fn finish_flushed(core: &mut Core) {
    while let Some(id) = core.finishing.pop() {
        if core.slab.get(id).is_some_and(|connection| !connection.gates.is_output_parked()) {
            finish_now(core, id);
        }
    }
}

/// Does what was to follow the last flushed byte.
pub(crate) fn finish_now(core: &mut Core, id: ConnId) {
    let Some(busy) = core.slab.get_mut(id).and_then(|connection| connection.busy.as_mut()) else {
        return;
    };
    let then = std::mem::take(&mut busy.then);
    let peer_ended = busy.peer_ended;
    match then {
        Then::Go => {}
        Then::Linger => linger(core, id),
        Then::Shutdown if !peer_ended => core.actions.push(Action::ShutdownWrite(id)),
        Then::Shutdown | Then::Close => remove(core, id, Close::Fin),
    }
}

/// Ends a connection whose time has run out in a state that owes the peer nothing more. What is
/// still unsent is dropped with a reset, which frees the kernel's memory at once; otherwise it
/// would stay as an orphan for minutes.
pub(crate) fn cut(core: &mut Core, id: ConnId) {
    let Some(connection) = core.slab.get_mut(id) else {
        return;
    };
    let is_slow = connection.busy.as_ref().is_some_and(|busy| busy.too_slow);
    let unread = connection.gates.is_output_parked() || is_slow;
    let how = if unread { Close::Reset } else { Close::Fin };
    connection.deadline = Tick::NEVER;
    remove(core, id, how);
}
