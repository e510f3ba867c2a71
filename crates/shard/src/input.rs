//! Received bytes, on their way to the request parser or the frame parser, and what is held back.
//!
//! Bytes are used where they lie in the receive arena. Only what cannot be used yet is copied: an
//! incomplete head, or requests that wait until the replies before them are out.

use switchboard_plane::ConnId;

use crate::connection::State;
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
        take_held_input(core, id);
    } else {
        consume(core, id, bytes, 0);
    }
}

/// Goes on with held input, if the replies are out, and reads again.
pub(crate) fn go_on(core: &mut Core, id: ConnId) {
    if core.slab.get(id).is_none_or(|connection| connection.blocked) {
        return;
    }
    take_held_input(core, id);
    if !core.replies_are_enough(id) {
        core.resume(id);
    }
}

fn take_held_input(core: &mut Core, id: ConnId) {
    let Some(busy) = core.slab.get_mut(id).and_then(|connection| connection.busy.as_mut()) else {
        return;
    };
    let mut input = std::mem::take(&mut busy.input);
    let scanned = std::mem::take(&mut busy.scanned);
    if !input.is_empty() {
        consume(core, id, &mut input, scanned);
    }
}

/// Uses up `bytes`, of which `scanned` have been searched for the end of a head before; what
/// cannot be used yet is held.
fn consume(core: &mut Core, id: ConnId, bytes: &mut [u8], mut scanned: usize) {
    let mut at = 0;
    while let Some(connection) = core.slab.get(id)
        && at < bytes.len()
    {
        match connection.state {
            State::Head | State::Refusing => {
                if core.replies_are_enough(id) {
                    hold_input(core, id, &bytes[at..], 0);
                    core.pause(id);
                    core.deferred.push(id);
                    return;
                }
                match http::request(core, id, &bytes[at..], scanned) {
                    Progress::Used(used) => at += used,
                    Progress::Incomplete => {
                        return hold_input(core, id, &bytes[at..], bytes.len() - at);
                    }
                    Progress::Over => return,
                }
                scanned = 0;
            }
            State::Echo | State::Subscribed | State::Closing => {
                return websocket::received(core, id, &mut bytes[at..]);
            }
            State::Lingering => return,
        }
    }
}

fn hold_input(core: &mut Core, id: ConnId, rest: &[u8], scanned: usize) {
    if let Some(connection) = core.slab.get_mut(id) {
        let busy = connection.busy();
        busy.input = rest.to_vec();
        busy.scanned = scanned;
    }
}
