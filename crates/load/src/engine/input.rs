//! Received bytes: the answer to the handshake, then frames.

use switchboard_plane::ConnId;
use switchboard_ws::close;
use switchboard_ws::frame::{self, Opcode};
use switchboard_ws::handshake::{ResponseError, check_response};
use switchboard_ws::head::{HeadLimits, find_end};
use switchboard_ws::message::{Event, MessageLimits, Receiver, Role};

use super::open::{message, opened};
use super::stats::Counter;
use super::{Core, Dialect, End, Job, State, centrifuge, v1};
use crate::http;

/// What a server may send.
const LIMITS: MessageLimits =
    MessageLimits { frame_bytes_max: 64 << 20, message_bytes_max: 64 << 20, fragments_max: 65_536 };

/// Handles bytes from a connection; an end is final.
pub(super) fn received<J: Job>(
    core: &mut Core<J::Data>,
    job: &mut J,
    id: ConnId,
    bytes: &mut [u8],
) -> Option<End> {
    match core.slab.get(id)?.state {
        State::Connecting => None,
        State::Handshake => handshake(core, job, id, bytes),
        State::Introducing | State::Subscribing | State::Open | State::Closing => {
            frames(core, job, id, bytes)
        }
        State::Raw => (!job.bytes(core, id, bytes)).then_some(End::Unusable),
    }
}

fn handshake<J: Job>(
    core: &mut Core<J::Data>,
    job: &mut J,
    id: ConnId,
    bytes: &mut [u8],
) -> Option<End> {
    let connection = core.slab.get_mut(id)?;
    let busy = connection.busy();
    let scanned = busy.head.len();
    let mut stored = std::mem::take(&mut busy.head);
    let whole: &mut [u8] = if scanned == 0 {
        bytes
    } else {
        stored.extend_from_slice(bytes);
        &mut stored
    };
    let end = match find_end(whole, scanned, &HeadLimits::default()) {
        Ok(Some(end)) => end,
        Ok(None) => {
            busy.head = whole.to_vec();
            return None;
        }
        Err(error) => return Some(End::Head(error)),
    };
    let (head, rest) = whole.split_at_mut(end);
    if let Some(failure) = check(core, id, head, rest) {
        return Some(failure);
    }
    upgraded(core, job, id);
    if rest.is_empty() { None } else { frames(core, job, id, rest) }
}

/// `rest` is what came behind the head: a refusal says why there.
fn check<D>(core: &Core<D>, id: ConnId, head: &[u8], rest: &[u8]) -> Option<End> {
    let upgrade = core.endpoint.upgrade.as_ref()?;
    let key = upgrade.key(id);
    let protocols = upgrade.offered();
    let key = str::from_utf8(&key).unwrap_or_default();
    check_response(head, key, &protocols).err().map(|error| match error {
        ResponseError::Status(status) => End::Refused(http::refusal(status, rest)),
        other => End::Response(other),
    })
}

/// It is a WebSocket from now on, and open where the dialect has no commands.
fn upgraded<J: Job>(core: &mut Core<J::Data>, job: &mut J, id: ConnId) {
    if core.endpoint.dialect() == Dialect::Centrifuge {
        centrifuge::begin(core, id);
    } else {
        opened(core, job, id);
    }
}

fn frames<J: Job>(
    core: &mut Core<J::Data>,
    job: &mut J,
    id: ConnId,
    bytes: &mut [u8],
) -> Option<End> {
    let busy = core.slab.get_mut(id)?.busy.as_mut();
    let mut receiver = busy.and_then(|busy| busy.receiver.take()).unwrap_or_default();
    if let Some(end) = feed(core, job, id, &mut receiver, bytes) {
        return Some(end);
    }
    let connection = core.slab.get_mut(id)?;
    if !receiver.is_idle() {
        connection.busy().receiver = Some(receiver);
    } else if connection.busy.is_some() {
        connection.settle();
    }
    None
}

fn feed<J: Job>(
    core: &mut Core<J::Data>,
    job: &mut J,
    id: ConnId,
    receiver: &mut Receiver,
    bytes: &mut [u8],
) -> Option<End> {
    let mut at = 0;
    loop {
        let step = match receiver.next(&mut bytes[at..], Role::Client, &LIMITS) {
            Ok(step) => step,
            Err(error) => return Some(End::Protocol(error)),
        };
        at += step.consumed;
        match step.event? {
            Event::Text(text) => {
                if let Some(end) = said(core, job, id, text) {
                    return Some(end);
                }
            }
            Event::Binary(bytes) => message(core, job, id, bytes),
            Event::Ping(payload) => {
                core.stats.add(Counter::Pings, 1);
                let mask = core.random.mask();
                core.send(id, |out| frame::write(out, Opcode::Pong, payload, Some(mask)));
            }
            Event::Pong(_) => {}
            Event::Close(frame) => return closed_by_peer(core, id, frame),
        }
    }
}

/// A text message, as the dialect has it; an end is final.
fn said<J: Job>(core: &mut Core<J::Data>, job: &mut J, id: ConnId, text: &str) -> Option<End> {
    match core.endpoint.dialect() {
        Dialect::Plain => message(core, job, id, text.as_bytes()),
        Dialect::V1 => return v1::received(core, job, id, text.as_bytes()),
        Dialect::Centrifuge => return centrifuge::received(core, job, id, text),
    }
    None
}

/// The peer's Close: answered, unless it is the answer to ours, and the server ends TCP. One that
/// comes before the connection is open is the end.
fn closed_by_peer<D>(core: &mut Core<D>, id: ConnId, frame: Option<(u16, &str)>) -> Option<End> {
    let connection = core.slab.get_mut(id)?;
    let end = End::Closed(frame.map(|(code, _)| code), frame.map_or("", |(_, why)| why).to_owned());
    if !connection.was_open() {
        return Some(end);
    }
    let ours_was_first = connection.state == State::Closing;
    connection.state = State::Closing;
    if ours_was_first {
        return None;
    }
    connection.busy().end = Some(end);
    let mask = Some(core.random.mask());
    core.send(id, |out| match frame {
        Some((code, _)) => close::write_close(out, code, "", mask),
        None => frame::write(out, Opcode::Close, &[], mask),
    });
    core.closes.begin(core.now_ns, id);
    None
}
