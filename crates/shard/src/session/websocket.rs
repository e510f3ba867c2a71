//! What all WebSockets share: the upgrade of a subscriber, frames, pings, the closing handshake.

use switchboard_dialects::{Listen, v1};
use switchboard_hooks::Refusal;
use switchboard_hub::{Kind, Start};
use switchboard_plane::ConnId;
use switchboard_ws::close;
use switchboard_ws::frame::{self, Opcode};
use switchboard_ws::head::Request;
use switchboard_ws::message::{Event, MessageLimits, Receiver, Role};

use super::verbs::Taken;
use crate::connection::{ListenMode, Session, Then};
use crate::core::Core;
use crate::http::{Answer, upgrade};
use crate::lifecycle::ending;
use crate::subscribe::{self, Channels, events, presence, resume};

/// The subprotocols, the preferred one first, and what speaks them.
const PROTOCOLS: [(&str, Session); 1] = [(v1::PROTOCOL, Session::V1)];

/// What a session does with what its client says.
#[derive(Clone, Copy)]
pub(super) struct Reader {
    /// A message has come.
    on_message: fn(&mut Core, ConnId, Kind, &[u8]),
    /// A message is under way, of at least so many bytes. False where it was refused.
    on_part: fn(&mut Core, ConnId, u64) -> bool,
    /// A pong has come.
    on_pong: fn(&mut Core, ConnId),
    /// Whether nothing more is to be taken for now.
    is_enough: fn(&mut Core, ConnId) -> bool,
}

impl Reader {
    /// Takes all messages.
    pub(super) const fn new(on_message: fn(&mut Core, ConnId, Kind, &[u8])) -> Self {
        Self { on_message, on_part: |_, _, _| true, on_pong: |_, _| {}, is_enough: |_, _| false }
    }

    /// Looks at those that are not whole: `on_part` refuses them before more of them is kept.
    pub(super) const fn or_refuse(mut self, on_part: fn(&mut Core, ConnId, u64) -> bool) -> Self {
        self.on_part = on_part;
        self
    }

    /// Hears of pongs.
    pub(super) const fn or_pong(mut self, on_pong: fn(&mut Core, ConnId)) -> Self {
        self.on_pong = on_pong;
        self
    }

    /// Takes them until it is enough: what is left then is for later.
    pub(super) const fn until(mut self, is_enough: fn(&mut Core, ConnId) -> bool) -> Self {
        self.is_enough = is_enough;
        self
    }
}

/// A client wants to listen on a WebSocket.
pub(super) fn open(
    core: &mut Core,
    id: ConnId,
    request: &Request<'_>,
    channels: &Channels,
    listen: Listen,
) -> Answer {
    let upgrade = match upgrade(request, &PROTOCOLS.map(|(name, _)| name)) {
        Ok(upgrade) => upgrade,
        Err(answer) => return answer,
    };
    let spoken = PROTOCOLS.iter().find(|(name, _)| upgrade.protocol == Some(*name));
    let session = spoken.map_or(Session::Plain, |(_, session)| *session);
    let from_now = listen.starts.iter().all(|start| *start == Start::Now);
    subscribe::subscribe(core, id, channels, ListenMode::default());
    presence::joined(core, id);
    events::joined(core, id, session);
    // Where machines share channels, it takes a moment until what it publishes itself would come to it.
    if session == Session::Plain && from_now && !core.config.shares_channels {
        upgrade.complete(core, id, session);
    } else {
        core.await_home(id);
        upgrade.complete(core, id, session);
        resume::request(core, id, listen);
    }
    Answer::TakenOver
}

/// A backend wants a client gone that wants to listen. A page learns the reason of a refusal only from a Close
/// frame, so the WebSocket is opened for it.
pub(super) fn open_to_close(
    core: &mut Core,
    id: ConnId,
    request: &Request<'_>,
    code: u16,
    reason: &str,
) -> Answer {
    match upgrade(request, &PROTOCOLS.map(|(name, _)| name)) {
        Ok(upgrade) => {
            upgrade.complete(core, id, Session::Plain);
            core.counters.closed_right.add(1);
            close(core, id, code, reason);
            Answer::TakenOver
        }
        Err(_) => Answer::refuse(403, reason),
    }
}

/// Handles everything in `bytes`. Replies are never larger than the messages that asked for them,
/// and reading is paused while they wait for a full socket, so what waits is bounded.
pub(super) fn receive(
    core: &mut Core,
    id: ConnId,
    bytes: &mut [u8],
    limits: &MessageLimits,
    reader: Reader,
) -> Taken {
    let Some(connection) = core.slab.get_mut(id) else {
        return Taken::All;
    };
    let stored = connection.busy.as_mut().and_then(|busy| busy.receiver.take());
    let mut is_new = stored.is_none();
    let mut receiver = stored.unwrap_or_default();
    let (open, used) = feed(core, id, &mut receiver, bytes, limits, (reader, &mut is_new));
    if open
        && let Some(bytes) = receiver.message_under_way()
        && core.slab.get(id).is_some_and(|connection| connection.session.is_open_websocket())
        && !(reader.on_part)(core, id, bytes)
    {
        return Taken::All;
    }
    let now_ms = core.now_ms;
    if open && let Some(connection) = core.slab.get_mut(id) {
        if receiver.is_idle() {
            connection.settle(now_ms);
        } else {
            let busy = connection.busy();
            busy.receiver = Some(receiver);
            if is_new {
                busy.received_since_ms = now_ms;
            }
        }
    }
    if open && used < bytes.len() { Taken::Part(used) } else { Taken::All }
}

/// Runs the receiver over the input. False when the connection is not to be read any further; else how
/// much was used. `is_new` becomes true where nothing of what is under way then was under way before.
fn feed(
    core: &mut Core,
    id: ConnId,
    receiver: &mut Receiver,
    bytes: &mut [u8],
    limits: &MessageLimits,
    (reader, is_new): (Reader, &mut bool),
) -> (bool, usize) {
    let mut at = 0;
    loop {
        match receiver.next(&mut bytes[at..], Role::Server, limits) {
            Ok(step) => {
                at += step.consumed;
                match step.event {
                    None => return (true, bytes.len()),
                    Some(event) if !handle(core, id, event, reader) => return (false, at),
                    Some(_) => {}
                }
                // A control frame in the middle of a message ends nothing.
                *is_new |= receiver.message_under_way().is_none();
                if (reader.is_enough)(core, id) {
                    return (true, at);
                }
            }
            Err(error) => {
                fail(core, id, error.close_code(), &error.to_string());
                return (false, at);
            }
        }
    }
}

/// One message or control frame. False when the connection is not to be read any further.
fn handle(core: &mut Core, id: ConnId, event: Event<'_>, reader: Reader) -> bool {
    let Some(session) = core.slab.get(id).map(|connection| connection.session) else {
        return false;
    };
    let is_open = session.is_open_websocket();
    match event {
        // After our Close the peer may still have data under way (RFC 6455 section 1.4).
        Event::Text(_) | Event::Binary(_) if !is_open => return session == Session::Closing,
        Event::Text(text) => (reader.on_message)(core, id, Kind::Text, text.as_bytes()),
        Event::Binary(bytes) => (reader.on_message)(core, id, Kind::Binary, bytes),
        Event::Ping(payload) if is_open => {
            core.reply(id, |out| frame::write(out, Opcode::Pong, payload, None));
        }
        Event::Ping(_) => {}
        Event::Pong(_) => (reader.on_pong)(core, id),
        Event::Close(frame) => {
            peer_closed(core, id, session, frame.map(|(code, _)| code));
            return false;
        }
    }
    true
}

/// The peer's Close: answered with its own code, unless it is the answer to ours; the server ends
/// the TCP connection first (RFC 6455 section 7.1.1).
fn peer_closed(core: &mut Core, id: ConnId, session: Session, code: Option<u16>) {
    if session.is_open_websocket() {
        subscribe::leave(core, id);
        core.reply(id, |out| match code {
            Some(code) => close::write_close(out, code, "", None),
            None => frame::write(out, Opcode::Close, &[], None),
        });
    }
    // A second Close must not move the deadline.
    if session != Session::Closing {
        core.enter(id, Session::Closing, core.now.after_ms(core.config.timeouts.close_ms));
    }
    core.finish(id, Then::Close);
}

/// Starts the closing handshake: no more publications, our Close frame, and then the peer's is
/// awaited until the deadline (RFC 6455 section 7.1.2).
pub(super) fn close(core: &mut Core, id: ConnId, code: u16, reason: &str) {
    let Some(connection) = core.slab.get(id) else {
        return;
    };
    if !connection.session.is_open_websocket() {
        return;
    }
    tracing::debug!(peer = ?connection.peer, code, reason, "closing");
    // Its leaving says whose it was.
    subscribe::leave(core, id);
    core.enter(id, Session::Closing, core.now.after_ms(core.config.timeouts.close_ms));
    core.reply(id, |out| close::write_close(out, code, reason, None));
}

/// A backend has refused what the client wanted, and the client has no other way to hear of it.
pub(super) fn close_refused(core: &mut Core, id: ConnId, refusal: &Refusal) {
    let (counter, code) = match refusal {
        Refusal::Disconnect { code, .. } => (&core.counters.closed_right, *code),
        Refusal::Error { is_temporary: false, .. } => {
            (&core.counters.closed_right, close::FORBIDDEN)
        }
        Refusal::Error { .. } | Refusal::Unavailable => {
            (&core.counters.closed_backend, close::TRY_AGAIN_LATER)
        }
    };
    counter.add(1);
    close(core, id, code, &refusal.to_string());
}

/// The peer broke the protocol: our Close frame, and nothing it sends is looked at any more
/// (RFC 6455 section 7.1.7).
pub(super) fn fail(core: &mut Core, id: ConnId, code: u16, reason: &str) {
    core.counters.closed_protocol.add(1);
    close_at_once(core, id, code, reason);
}

/// Our Close frame, and nothing more is looked at: a peer in the middle of a message could end it and
/// answer, but all of it would have to be kept until then.
pub(super) fn close_at_once(core: &mut Core, id: ConnId, code: u16, reason: &str) {
    close(core, id, code, reason);
    ending::linger(core, id);
}

/// Ends a subscriber that is too slow. It may come back and resume.
pub(super) fn close_slow(core: &mut Core, id: ConnId) {
    core.counters.closed_slow.add(1);
    close(core, id, close::SLOW, "too slow: reconnect and resume");
    if let Some(connection) = core.slab.get_mut(id) {
        connection.busy().too_slow = true;
    }
}

/// A channel of the subscriber is gone.
pub(super) fn close_deleted(core: &mut Core, id: ConnId) {
    close(core, id, close::NORMAL, "the channel was deleted");
}

pub(super) fn ping(core: &mut Core, id: ConnId) {
    let deadline = core.now.after_ms(core.config.timeouts.pong_ms);
    let Some(connection) = core.slab.get_mut(id) else {
        return;
    };
    connection.set_pinged(true);
    connection.deadline = deadline;
    core.counters.pings_sent.add(1);
    core.reply(id, |out| frame::write(out, Opcode::Ping, &[], None));
}

/// The pong did not come in time, or the socket made no progress.
pub(super) fn due(core: &mut Core, id: ConnId) {
    if core.is_output_parked(id) {
        close_slow(core, id);
    } else {
        core.counters.closed_dead.add(1);
        ending::cut(core, id);
    }
}

/// A message has not become whole in its time. A byte now and then must not keep what has come of it. Where
/// the server itself does not read, its time begins again.
pub(super) fn late(core: &mut Core, id: ConnId) {
    let now_ms = core.now_ms;
    let Some(connection) = core.slab.get_mut(id) else {
        return;
    };
    if connection.gates.is_input_parked() {
        connection.busy().received_since_ms = now_ms;
        return;
    }
    core.counters.timed_out_message.add(1);
    core.counters.closed_policy.add(1);
    close_at_once(core, id, close::POLICY, "the message did not arrive in time");
}

/// The server drains or stops, or the client is to go.
pub(super) fn stop(core: &mut Core, id: ConnId, code: u16) {
    let reason = match code {
        close::IDENTITY_EXPIRED => "the token has expired: connect with a new one",
        close::FORBIDDEN => "the connections of this user were ended",
        close::SERVICE_RESTART => "the server restarts: connect again",
        _ => "the server is stopping",
    };
    close(core, id, code, reason);
}
