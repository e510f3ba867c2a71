//! How connections end: the closing handshake, refusals, the peer's end.

use switchboard_plane::{Close, ConnId};
use switchboard_ws::close;

use crate::connection::{PollFlag, State, Then};
use crate::core::{Action, Core};
use crate::poll;
use crate::time::Tick;

/// Starts the closing handshake: no more publications, our Close frame, and then the peer's is
/// awaited until the deadline (RFC 6455 section 7.1.2).
pub(crate) fn close_websocket(core: &mut Core, id: ConnId, code: u16, reason: &str) {
    let deadline = core.now.after_ms(core.config.timeouts.close_ms);
    let Some(connection) = core.slab.get_mut(id) else {
        return;
    };
    if !connection.state.is_open_websocket() {
        return;
    }
    tracing::debug!(peer = ?connection.peer, code, reason, "closing");
    connection.state = State::Closing;
    connection.deadline = deadline;
    core.leave_channels(id);
    core.reply(id, |out| close::write_close(out, code, reason, None));
}

/// The peer broke the protocol: our Close frame, and nothing it sends is looked at any more
/// (RFC 6455 section 7.1.7).
pub(crate) fn fail_websocket(core: &mut Core, id: ConnId, code: u16, reason: &str) {
    let answered = core.slab.get(id).is_some_and(|connection| connection.state == State::Closing);
    core.counters.closed_protocol.add(1);
    if !answered {
        close_websocket(core, id, code, reason);
    }
    linger(core, id);
}

/// The last answer of a connection is queued: no further request is read. A long answer takes as
/// long as it makes progress.
pub(crate) fn end_after_answer(core: &mut Core, id: ConnId) {
    if core.slab.get(id).is_some_and(|connection| connection.blocked) {
        core.finish(id, Then::Linger);
    } else {
        linger(core, id);
    }
}

/// Nothing more comes on an event stream; its end is where the connection ends.
pub(crate) fn end_stream(core: &mut Core, id: ConnId) {
    core.leave_channels(id);
    linger(core, id);
}

/// The last bytes are queued: end our side after them and drop whatever else arrives, because a
/// close with unread bytes would reset the connection and the peer might never see the answer.
pub(crate) fn linger(core: &mut Core, id: ConnId) {
    let deadline = core.now.after_ms(core.config.timeouts.close_ms);
    let Some(connection) = core.slab.get_mut(id) else {
        return;
    };
    match connection.state {
        State::Closing => core.counters.websockets_open.sub(1),
        State::Streaming => core.counters.event_streams_open.sub(1),
        _ => {}
    }
    connection.state = State::Lingering;
    connection.deadline = deadline;
    core.finish(id, Then::Shutdown);
}

/// The peer ended its side, or the connection broke.
pub(crate) fn ended(core: &mut Core, id: ConnId, error: Option<i32>) {
    let Some(connection) = core.slab.get_mut(id) else {
        return;
    };
    let is_http = match connection.state {
        State::Head | State::Refusing | State::Lingering => true,
        // Without news a browser that has gone looks the same, and is not waited for. Whether there
        // is news is not known before the homes have answered.
        State::Polling => connection.waits_for_home() || !connection.mode.has(PollFlag::Waits),
        State::Echo | State::Subscribed | State::Streaming | State::Closing => false,
    };
    let paused = connection.is_paused();
    match connection.busy.as_mut() {
        Some(busy) if error.is_none() && is_http && (paused || busy.owes_answer()) => {
            busy.peer_ended = true;
            if busy.input.is_empty() {
                core.finish(id, Then::Close);
            } else {
                // Requests that are held come first; `input` ends the connection behind them.
                core.deferred.push_back(id);
            }
        }
        _ => core.remove(id, Close::Fin),
    }
}

/// Ends the connections whose replies are flushed now; those still blocked end when they are not.
pub(crate) fn finish_flushed(core: &mut Core) {
    while let Some(id) = core.finishing.pop() {
        if core.slab.get(id).is_some_and(|connection| !connection.blocked) {
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
        Then::Shutdown | Then::Close => core.remove(id, Close::Fin),
    }
}

/// The server stops: WebSockets are told (1001), event streams end, a request under way or held gets
/// its answer and all else is closed.
pub(crate) fn stop_connection(core: &mut Core, id: ConnId) {
    let Some(connection) = core.slab.get_mut(id) else {
        return;
    };
    match connection.state {
        State::Subscribed | State::Echo => {
            close_websocket(core, id, close::GOING_AWAY, "the server is stopping");
        }
        State::Streaming => end_stream(core, id),
        State::Polling => poll::timed_out(core, id),
        State::Head | State::Refusing if !connection.blocked => core.remove(id, Close::Fin),
        State::Head | State::Refusing => core.finish(id, Then::Close),
        State::Closing | State::Lingering => {}
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
    let unread = connection.blocked || is_slow;
    let how = if unread { Close::Reset } else { Close::Fin };
    connection.deadline = Tick::NEVER;
    core.remove(id, how);
}
