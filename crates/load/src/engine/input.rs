//! Received bytes: the answer to the handshake, then frames.

use switchboard_plane::ConnId;
use switchboard_ws::close;
use switchboard_ws::frame::{self, Opcode};
use switchboard_ws::handshake::{ResponseError, check_response};
use switchboard_ws::head::{HeadLimits, find_end};
use switchboard_ws::message::{Event, MessageLimits, Receiver, Role};

use super::stats::{Counter, Measure};
use super::{Core, End, Job, State};
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
        State::Open | State::Closing => frames(core, job, id, bytes),
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
    opened(core, job, id);
    if rest.is_empty() { None } else { frames(core, job, id, rest) }
}

/// `rest` is what came behind the head: a refusal says why there.
fn check<D>(core: &Core<D>, id: ConnId, head: &[u8], rest: &[u8]) -> Option<End> {
    let upgrade = core.endpoint.upgrade.as_ref()?;
    let key = upgrade.key(id);
    let protocols: Vec<&str> = upgrade.protocols.iter().map(String::as_str).collect();
    let key = str::from_utf8(&key).unwrap_or_default();
    check_response(head, key, &protocols).err().map(|error| match error {
        ResponseError::Status(status) => End::Refused(http::refusal(status, rest)),
        other => End::Response(other),
    })
}

/// The connection is open from now on.
pub(super) fn opened<J: Job>(core: &mut Core<J::Data>, job: &mut J, id: ConnId) {
    let is_raw = core.endpoint.upgrade.is_none();
    let now_ns = core.now_ns;
    let Some(connection) = core.slab.get_mut(id) else {
        return;
    };
    connection.state = if is_raw { State::Raw } else { State::Open };
    let started_ns = std::mem::take(&mut connection.busy().started_ns);
    connection.settle();
    core.connecting -= 1;
    core.open += 1;
    core.stats.add(Counter::Connected, 1);
    core.stats.record(Measure::Handshake, started_ns, now_ns);
    job.opened(core, id);
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
            Event::Text(text) => message(core, job, id, text.as_bytes()),
            Event::Binary(bytes) => message(core, job, id, bytes),
            Event::Ping(payload) => {
                core.stats.add(Counter::Pings, 1);
                let mask = core.random.mask();
                core.send(id, |out| frame::write(out, Opcode::Pong, payload, Some(mask)));
            }
            Event::Pong(_) => {}
            Event::Close(frame) => {
                closed_by_peer(core, id, frame);
                return None;
            }
        }
    }
}

fn message<J: Job>(core: &mut Core<J::Data>, job: &mut J, id: ConnId, message: &[u8]) {
    core.stats.add(Counter::Received, 1);
    core.stats.add(Counter::ReceivedBytes, message.len() as u64);
    job.message(core, id, message);
}

/// The peer's Close: answered, unless it is the answer to ours. The server ends TCP.
fn closed_by_peer<D>(core: &mut Core<D>, id: ConnId, frame: Option<(u16, &str)>) {
    let Some(connection) = core.slab.get_mut(id) else {
        return;
    };
    let ours_was_first = connection.state == State::Closing;
    connection.state = State::Closing;
    if ours_was_first {
        return;
    }
    let end = End::Closed(frame.map(|(code, _)| code), frame.map_or("", |(_, why)| why).to_owned());
    connection.busy().end = Some(end);
    let mask = Some(core.random.mask());
    core.send(id, |out| match frame {
        Some((code, _)) => close::write_close(out, code, "", mask),
        None => frame::write(out, Opcode::Close, &[], mask),
    });
    core.closes.begin(core.now_ns, id);
}
