//! Received bytes, on their way to the request parser or the frame parser, and what is held back.
//!
//! Bytes are used where they lie in the receive arena. Only what cannot be used yet is copied: an
//! incomplete head, or requests that wait until the replies before them are out.

use switchboard_plane::ConnId;

use crate::connection::{Busy, Pause, State, Then};
use crate::core::Core;
use crate::http::{self, Progress};
use crate::sweep;
use crate::websocket;

/// Bytes from a connection, in whatever state it is.
pub(crate) fn received(core: &mut Core, id: ConnId, bytes: &mut [u8]) {
    let now = core.now;
    let Some(connection) = core.slab.get_mut(id) else {
        return;
    };
    sweep::heard(connection, now);
    let held =
        connection.busy.as_mut().map(|busy| &mut busy.input).filter(|input| !input.is_empty());
    if let Some(input) = held {
        input.extend_from_slice(bytes);
        use_held(core, id);
    } else if let Some(Rest { from, scanned }) = consume(core, id, bytes, 0) {
        hold(core, id, bytes[from..].to_vec(), scanned);
    }
}

/// Goes on with held input, if the replies are out, and reads again.
pub(crate) fn go_on(core: &mut Core, id: ConnId) {
    if core.slab.get(id).is_none_or(|connection| connection.blocked) {
        return;
    }
    use_held(core, id);
    // What was held again is paused and stands in `deferred`; all else is read on. A send that
    // falls short in the flush that follows pauses it anew.
    if core.deferred.back() == Some(&id) {
        return;
    }
    let peer_ended = |busy: &Busy| busy.peer_ended;
    let busy = core.slab.get(id).and_then(|connection| connection.busy.as_deref());
    if busy.is_some_and(peer_ended) {
        core.finish(id, Then::Close);
    } else {
        core.resume(id, Pause::Output);
    }
}

/// Uses up what was held; what cannot be used yet stays where it is. Whoever is idle then, between
/// two requests or in a poll that is held, gives its busy part back.
fn use_held(core: &mut Core, id: ConnId) {
    let Some(busy) = core.slab.get_mut(id).and_then(|connection| connection.busy.as_mut()) else {
        return;
    };
    let mut input = std::mem::take(&mut busy.input);
    let scanned = std::mem::take(&mut busy.scanned);
    if !input.is_empty()
        && let Some(Rest { from, scanned }) = consume(core, id, &mut input, scanned)
    {
        input.drain(..from);
        hold(core, id, input, scanned);
    }
    let now_ms = core.now_ms;
    if let Some(connection) = core.slab.get_mut(id) {
        connection.settle(now_ms);
    }
}

/// What of the input is to be held: from where, and how much of that has been searched for the end
/// of a head.
struct Rest {
    from: usize,
    scanned: usize,
}

/// Uses up `bytes`, of which `scanned` have been searched before.
fn consume(core: &mut Core, id: ConnId, bytes: &mut [u8], mut scanned: usize) -> Option<Rest> {
    let mut from = 0;
    while let Some(connection) = core.slab.get(id)
        && from < bytes.len()
    {
        match connection.state {
            State::Head | State::Refusing => {
                if core.replies_are_enough(id) {
                    core.pause(id, Pause::Output);
                    core.deferred.push_back(id);
                    return Some(Rest { from, scanned: 0 });
                }
                match http::request(core, id, &bytes[from..], scanned) {
                    Progress::Used(used) => from += used,
                    Progress::Incomplete => {
                        if scanned == 0 {
                            limit_head_time(core, id);
                        }
                        return Some(Rest { from, scanned: bytes.len() - from });
                    }
                    Progress::Later => {
                        core.pause(id, Pause::Output);
                        core.deferred.push_back(id);
                        return Some(Rest { from, scanned: 0 });
                    }
                    Progress::Over => return None,
                }
                scanned = 0;
            }
            State::Echo | State::Subscribed | State::Closing => {
                websocket::received(core, id, &mut bytes[from..]);
                return None;
            }
            // The requests behind the one that is held wait for its answer.
            State::Polling => {
                if bytes.len() - from > core.config.head.bytes_max {
                    core.pause(id, Pause::Output);
                }
                return Some(Rest { from, scanned: 0 });
            }
            // Nothing is expected from who listens to an event stream.
            State::Streaming | State::Lingering => return None,
        }
    }
    None
}

/// A head that has begun is due in the time for a head, also when it is not the first of its
/// connection.
fn limit_head_time(core: &mut Core, id: ConnId) {
    let due = core.now.after_ms(core.config.timeouts.handshake_ms);
    if let Some(connection) = core.slab.get_mut(id) {
        connection.deadline = connection.deadline.min(due);
    }
}

fn hold(core: &mut Core, id: ConnId, input: Vec<u8>, scanned: usize) {
    if let Some(connection) = core.slab.get_mut(id) {
        let busy = connection.busy();
        busy.input = input;
        busy.scanned = scanned;
    }
}
