//! Received bytes and the ends of peers, on their way to the session, and what is held back.
//!
//! Bytes are used where they lie in the receive arena. Only what cannot be used yet is copied: an
//! incomplete head, or requests that wait until the replies before them are out.

use switchboard_plane::{Close, ConnId};

use crate::connection::{InputReason, Then};
use crate::core::Core;
use crate::lifecycle::ending;
use crate::session::{self, Taken};
use crate::time::Tick;

/// Bytes from a connection, whatever it speaks.
pub(crate) fn received(core: &mut Core, id: ConnId, bytes: &mut [u8]) {
    let now = core.now;
    let Some(connection) = core.slab.get_mut(id) else {
        return;
    };
    connection.last_seen = now;
    if connection.is_pinged() {
        connection.set_pinged(false);
        connection.deadline = Tick::NEVER;
    }
    let held =
        connection.busy.as_mut().map(|busy| &mut busy.input).filter(|input| !input.is_empty());
    if let Some(input) = held {
        input.extend_from_slice(bytes);
        use_held(core, id);
    } else if let Some(Rest { from, scanned, .. }) = consume(core, id, bytes, 0) {
        hold(core, id, bytes[from..].to_vec(), 0, scanned);
    }
}

/// Goes on with held input, if the replies are out, and reads again.
pub(crate) fn go_on(core: &mut Core, id: ConnId) {
    let Some(connection) = core.slab.get(id) else {
        return;
    };
    if connection.gates.is_output_parked() {
        return;
    }
    session::on_turn(core, id);
    if use_held(core, id) {
        return;
    }
    let busy = core.slab.get(id).and_then(|connection| connection.busy.as_deref());
    if busy.is_some_and(|busy| busy.peer_ended && !busy.is_being_served()) {
        core.finish(id, Then::Close);
    } else if busy.is_some_and(|busy| busy.held_bytes() > core.config.head.bytes_max) {
        // More would only be held, too: the answer that is owed looks at it again.
        core.unpark_input(id, &[InputReason::Later]);
    } else {
        // A send that falls short at the end of this stage parks it anew.
        core.unpark_input(id, &[InputReason::Output, InputReason::Later]);
    }
}

/// Uses up what was held; what cannot be used yet stays where it is. A connection that is idle then,
/// between two requests or in a poll that is held, gives its busy part back. True when the same bytes
/// are to be looked at later.
fn use_held(core: &mut Core, id: ConnId) -> bool {
    let Some(busy) = core.slab.get_mut(id).and_then(|connection| connection.busy.as_mut()) else {
        return false;
    };
    let mut input = std::mem::take(&mut busy.input);
    let used = std::mem::take(&mut busy.input_used);
    let scanned = std::mem::take(&mut busy.scanned);
    let mut waits = false;
    if !input.is_empty()
        && let Some(Rest { from, scanned, is_for_later }) =
            consume(core, id, &mut input[used..], scanned)
    {
        waits = is_for_later;
        hold(core, id, input, used + from, scanned);
    }
    let now_ms = core.now_ms;
    if let Some(connection) = core.slab.get_mut(id) {
        connection.settle(now_ms);
    }
    waits
}

/// What of the input is to be held: from where, and how much of that has been searched for the end
/// of a head.
struct Rest {
    from: usize,
    scanned: usize,
    is_for_later: bool,
}

/// Uses up `bytes`, of which `scanned` have been searched before.
fn consume(core: &mut Core, id: ConnId, bytes: &mut [u8], mut scanned: usize) -> Option<Rest> {
    let mut from = 0;
    while let Some(connection) = core.slab.get(id)
        && from < bytes.len()
    {
        match session::on_bytes(connection.session, core, id, &mut bytes[from..], scanned) {
            Taken::Part(used) => {
                from += used;
                scanned = 0;
                session::resume(core, id);
            }
            Taken::All => return None,
            Taken::Keep { scanned } => {
                return Some(Rest { from, scanned, is_for_later: false });
            }
            Taken::Later => {
                core.park_input(id, InputReason::Later);
                return Some(Rest { from, scanned: 0, is_for_later: true });
            }
        }
    }
    None
}

/// Holds input of which `used` bytes have been used. They are dropped once they are the larger part:
/// to move what is behind each of many requests would cost more than the requests.
fn hold(core: &mut Core, id: ConnId, mut input: Vec<u8>, mut used: usize, scanned: usize) {
    if used >= input.len() / 2 {
        input.drain(..used);
        used = 0;
    }
    if let Some(connection) = core.slab.get_mut(id) {
        let busy = connection.busy();
        busy.input = input;
        busy.input_used = used;
        busy.scanned = scanned;
    }
}

/// The peer ended its side, or the connection broke.
pub(crate) fn ended(core: &mut Core, id: ConnId, error: Option<i32>) {
    let is_owed = error.is_none() && session::is_owed_answer(core, id);
    let Some(connection) = core.slab.get_mut(id) else {
        return;
    };
    let paused = connection.gates.is_input_parked();
    match connection.busy.as_mut() {
        Some(busy) if is_owed && (paused || busy.owes_answer() || busy.awaits_answer()) => {
            busy.peer_ended = true;
            if busy.awaits_answer() {
                // The answer ends the connection behind itself.
            } else if busy.input.is_empty() {
                core.finish(id, Then::Close);
            } else {
                // Requests that are held come first; `input` ends the connection behind them.
                core.revisit(id);
            }
        }
        _ => ending::remove(core, id, Close::Fin),
    }
}
