//! `GET /sub/{channel}[,{channel}]`: which way a client listens, and its subscriptions in the channels.

use switchboard_dialects::{
    self as dialects, Dialect, Listen, Transport, poll::write_preflight, write_event_stream_head,
};
use switchboard_hub::{BehindGap, ChannelName, Start, Subscriber, parse_list};
use switchboard_plane::ConnId;
use switchboard_ws::handshake;
use switchboard_ws::head::Request;

use crate::connection::{ListenMode, PollFlag, ResumeRequest, State};
use crate::core::Core;
use crate::http::{self, Answer};
use crate::poll;
use crate::presence;
use crate::start;
use crate::time::Tick;

/// The channels of a request, and the number of the first one's namespace.
pub(crate) struct Channels {
    pub(crate) names: Vec<ChannelName>,
    namespace: u16,
}

/// A client wants to listen.
pub(crate) fn subscribe(core: &mut Core, id: ConnId, request: &Request<'_>, list: &str) -> Answer {
    let cors = match cors(core, request) {
        Ok(cors) => cors,
        Err(answer) => return answer,
    };
    let answer = match request.method() {
        "GET" => get(core, id, request, list, cors),
        "OPTIONS" => preflight(core, id, request, cors),
        _ => http::wrong_method("GET, OPTIONS"),
    };
    match answer {
        Answer::Response(response) => {
            Answer::Response(response.with_cors(core.config.origin(cors)))
        }
        other => other,
    }
}

fn get(core: &mut Core, id: ConnId, request: &Request<'_>, list: &str, cors: u8) -> Answer {
    let channels = match channels(core, list) {
        Ok(channels) => channels,
        Err(answer) => return answer,
    };
    let listen = match dialects::parse(request, channels.names.len()) {
        Ok(listen) => listen,
        Err(error) => return Answer::refuse(400, error.to_string()),
    };
    // What is held back goes out behind what is still to be sent, never before it. And a position
    // may come from another shard, whose letters are to be read first.
    if core.outgoing.pending_bytes(id) > 0 || core.mailbox_behind {
        return Answer::Later;
    }
    match listen.transport {
        Transport::WebSocket => websocket(core, id, request, &channels, listen),
        Transport::EventStream => event_stream(core, id, &channels, listen, cors),
        Transport::LongPoll | Transport::IntervalPoll => {
            let keep_alive = http::keeps_alive(core, request);
            let to_earliest = listen.behind_gap == BehindGap::Earliest;
            let flags = [
                (PollFlag::KeepAlive, keep_alive),
                (PollFlag::Waits, listen.transport == Transport::LongPoll),
                (PollFlag::Json, listen.json),
                (PollFlag::GapToEarliest, to_earliest),
            ];
            poll::ask(core, id, &channels, listen, ListenMode::poll(cors, &flags))
        }
    }
}

fn channels(core: &Core, list: &str) -> Result<Channels, Answer> {
    let names = parse_list(list, core.config.channels_per_connection_max)
        .map_err(|error| Answer::refuse(400, error.to_string()))?;
    let mut first = None;
    for name in &names {
        let Some(namespace) = core.config.namespaces.resolve(name) else {
            let sentence = format!("channel {name} is in no configured namespace");
            return Err(Answer::refuse(404, sentence));
        };
        if core.config.namespaces.rules(namespace).join_leave
            && presence::channel_of(name).is_none()
        {
            let sentence = format!("channel {name} is too long a name for join and leave events");
            return Err(Answer::refuse(400, sentence));
        }
        first.get_or_insert(namespace);
    }
    Ok(Channels { names, namespace: first.unwrap_or_default() })
}

/// Which of the allowed origins the page that asks has, from 1; 0 for none and for the server's own.
fn cors(core: &Core, request: &Request<'_>) -> Result<u8, Answer> {
    let allowed = &core.config.allowed_origins;
    handshake::check_origin(request, allowed)
        .map_err(|error| Answer::refuse(error.status(), error.to_string()))?;
    let Some(origin) = request.header("origin") else {
        return if is_blind_embed(request) && !allowed.iter().any(|allowed| allowed == "*") {
            let sentence = "pages of other sites listen with an Origin that `allowed_origins` has";
            Err(Answer::refuse(403, sentence))
        } else {
            Ok(0)
        };
    };
    let found = allowed.iter().position(|allowed| allowed.as_bytes() == origin || allowed == "*");
    Ok(found.and_then(|found| u8::try_from(found + 1).ok()).unwrap_or(0))
}

/// A page of another site wants the answer without being able to read it, as an image or a script: then
/// browsers send no Origin (the Fetch standard's metadata headers). It could only hold lines open in
/// the name of its visitors.
fn is_blind_embed(request: &Request<'_>) -> bool {
    request.header("sec-fetch-site") == Some(b"cross-site")
        && request.header("sec-fetch-mode") == Some(b"no-cors")
}

/// A browser asks whether its page may send what it is about to send.
fn preflight(core: &mut Core, id: ConnId, request: &Request<'_>, cors: u8) -> Answer {
    let keep_alive = http::keeps_alive(core, request);
    let config = std::sync::Arc::clone(&core.config);
    core.reply(id, |out| write_preflight(config.origin(cors), keep_alive, out));
    Answer::Done
}

fn websocket(
    core: &mut Core,
    id: ConnId,
    request: &Request<'_>,
    channels: &Channels,
    listen: Listen,
) -> Answer {
    let accepted = match http::upgrade(core, request, &[dialects::v1::PROTOCOL]) {
        Ok(accepted) => accepted,
        Err(answer) => return answer,
    };
    let dialect = if accepted.has_protocol { Dialect::V1 } else { Dialect::Raw };
    let from_now = listen.starts.iter().all(|start| *start == Start::Now);
    join(core, id, channels, ListenMode::stream(dialect));
    presence::joined(core, id);
    if dialect == Dialect::Raw && from_now {
        accepted.take_over(core, id, State::Subscribed);
    } else {
        core.hold_subscriptions(id);
        accepted.take_over(core, id, State::Subscribed);
        wait(core, id, listen);
    }
    Answer::TakenOver
}

fn event_stream(
    core: &mut Core,
    id: ConnId,
    channels: &Channels,
    listen: Listen,
    cors: u8,
) -> Answer {
    let config = std::sync::Arc::clone(&core.config);
    join(core, id, channels, ListenMode::stream(Dialect::EventStream));
    presence::joined(core, id);
    core.hold_subscriptions(id);
    core.reply(id, |out| write_event_stream_head(config.origin(cors), out));
    core.counters.event_streams_opened.add(1);
    core.counters.event_streams_open.add(1);
    if let Some(connection) = core.slab.get_mut(id) {
        connection.state = State::Streaming;
        connection.deadline = Tick::NEVER;
    }
    wait(core, id, listen);
    Answer::TakenOver
}

/// Begins now, or when the homes of the channels have answered.
pub(crate) fn wait(core: &mut Core, id: ConnId, listen: Listen) {
    if let Some(connection) = core.slab.get_mut(id) {
        let request = ResumeRequest { starts: listen.starts, on_gap: listen.behind_gap };
        connection.busy().resume = Some(Box::new(request));
    }
    start::begin(core, id);
}

/// Takes a subscription in each channel. The answer goes out after this, so whoever sees it gets everything
/// that is published from then on.
pub(crate) fn join(core: &mut Core, id: ConnId, channels: &Channels, mode: ListenMode) {
    for (nth, name) in (0u16..).zip(&channels.names) {
        let who = Subscriber { conn: id.index(), nth };
        let subscription = core.hub.subscribe(core.now_ms, name, who, &mut core.outbox);
        let Some(connection) = core.slab.get_mut(id) else {
            return;
        };
        connection.mode = mode;
        if nth == 0 {
            connection.subscription = Some(subscription);
            connection.namespace = channels.namespace;
        } else {
            connection.busy().more_subscriptions.push(subscription);
        }
    }
}
