//! Bytes from an open WebSocket: frames, echo, client publications, the peer's Close.

use switchboard_hub::{Draft, Kind};
use switchboard_plane::ConnId;
use switchboard_ws::close;
use switchboard_ws::frame::{self, Opcode};
use switchboard_ws::message::{Event, MessageLimits, Receiver, Role};

use crate::closing;
use crate::config::ECHO_LIMITS;
use crate::connection::{State, Then};
use crate::core::Core;
use crate::rate::TokenBucket;

/// Handles everything in `bytes`. Replies are never larger than the messages that asked for them,
/// and reading is paused while they wait for a full socket, so what waits is bounded.
pub(crate) fn received(core: &mut Core, id: ConnId, bytes: &mut [u8]) {
    let Some(connection) = core.slab.get_mut(id) else {
        return;
    };
    let limits = if connection.state == State::Echo { ECHO_LIMITS } else { core.config.message };
    let stored = connection.busy.as_mut().and_then(|busy| busy.receiver.take());
    let mut receiver = stored.unwrap_or_default();
    let open = feed(core, id, &mut receiver, bytes, &limits);
    if !open {
        return;
    }
    let now_ms = core.now_ms;
    if let Some(connection) = core.slab.get_mut(id) {
        if receiver.is_idle() {
            connection.settle(now_ms);
        } else {
            connection.busy().receiver = Some(receiver);
        }
    }
}

/// Runs the receiver over the input. False when the connection is not to be read any further.
fn feed(
    core: &mut Core,
    id: ConnId,
    receiver: &mut Receiver,
    bytes: &mut [u8],
    limits: &MessageLimits,
) -> bool {
    let mut at = 0;
    loop {
        match receiver.next(&mut bytes[at..], Role::Server, limits) {
            Ok(step) => {
                at += step.consumed;
                match step.event {
                    None => return true,
                    Some(event) if !handle(core, id, event) => return false,
                    Some(_) => {}
                }
            }
            Err(error) => {
                closing::fail_websocket(core, id, error.close_code(), &error.to_string());
                return false;
            }
        }
    }
}

/// One message or control frame. False when the connection is not to be read any further.
fn handle(core: &mut Core, id: ConnId, event: Event<'_>) -> bool {
    let Some(state) = core.slab.get(id).map(|connection| connection.state) else {
        return false;
    };
    match event {
        Event::Text(text) => data(core, id, state, Kind::Text, text.as_bytes()),
        Event::Binary(bytes) => data(core, id, state, Kind::Binary, bytes),
        Event::Ping(payload) => {
            if state.is_open_websocket() {
                core.reply(id, |out| frame::write(out, Opcode::Pong, payload, None));
            }
            true
        }
        Event::Pong(_) => true,
        Event::Close(frame) => {
            peer_closed(core, id, state, frame.map(|(code, _)| code));
            false
        }
    }
}

fn data(core: &mut Core, id: ConnId, state: State, kind: Kind, payload: &[u8]) -> bool {
    match state {
        State::Echo => {
            let opcode = match kind {
                Kind::Text => Opcode::Text,
                Kind::Binary => Opcode::Binary,
            };
            core.reply(id, |out| frame::write(out, opcode, payload, None));
            true
        }
        State::Subscribed => match publish(core, id, kind, payload) {
            Ok(()) => true,
            Err(reason) => {
                core.counters.closed_policy.add(1);
                closing::close_websocket(core, id, close::POLICY, &reason);
                // What else is in this read is looked at only for the peer's Close.
                true
            }
        },
        // After our Close the peer may still have data under way (RFC 6455 section 1.4).
        State::Closing => true,
        State::Head | State::Refusing | State::Streaming | State::Polling | State::Lingering => {
            false
        }
    }
}

/// A subscriber publishes to its channel, if the namespace lets it.
fn publish(core: &mut Core, id: ConnId, kind: Kind, payload: &[u8]) -> Result<(), String> {
    let Some(connection) = core.slab.get_mut(id) else {
        return Ok(());
    };
    let rules = core.config.namespaces.rules(connection.namespace);
    if !rules.publish {
        return Err(format!("clients may not publish in namespace {}", rules.name));
    }
    let Some(subscription) = connection.subscription else {
        return Ok(());
    };
    if connection.subscriptions().count() > 1 {
        return Err("a client that publishes must listen to exactly one channel".to_owned());
    }
    if rules.publish_per_second > 0 {
        let bucket = connection
            .busy()
            .bucket
            .get_or_insert_with(|| TokenBucket::new(rules.publish_per_second, core.now_ms));
        if !bucket.try_take(core.now_ms) {
            return Err(format!(
                "more than {} publications per second in namespace {}",
                rules.publish_per_second, rules.name
            ));
        }
    }
    let Some(name) = core.hub.name(subscription.channel).cloned() else {
        return Ok(());
    };
    core.hub.publish(core.now_ms, &name, Draft::new(kind, payload), &mut core.outbox);
    core.counters.published_by_clients.add(1);
    if core.mailbox_over_bound {
        core.hold_publisher(id);
    }
    Ok(())
}

/// The peer's Close: answered with its own code, unless it is the answer to ours; the server ends
/// the TCP connection first (RFC 6455 section 7.1.1).
fn peer_closed(core: &mut Core, id: ConnId, state: State, code: Option<u16>) {
    if state.is_open_websocket() {
        core.leave_channels(id);
        core.reply(id, |out| match code {
            Some(code) => close::write_close(out, code, "", None),
            None => frame::write(out, Opcode::Close, &[], None),
        });
    }
    let deadline = core.now.after_ms(core.config.timeouts.close_ms);
    // A second Close must not move the deadline.
    if let Some(connection) = core.slab.get_mut(id)
        && connection.state != State::Closing
    {
        connection.state = State::Closing;
        connection.deadline = deadline;
    }
    core.finish(id, Then::Close);
}
