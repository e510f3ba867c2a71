//! The requests of Centrifuge SDKs that have no WebSocket: those that open a stream, and those that have
//! commands for one, which may be on another shard.

use std::sync::Arc;

use switchboard_dialects::centrifuge::{Emulation as Asked, Framing, commands_in};
use switchboard_plane::ConnId;
use switchboard_ws::handshake;
use switchboard_ws::head::{Request, Version};

use super::centrifuge;
use super::verbs::{Taken, Verbs};
use crate::connection::{Connection, InputReason, ListenFlag, ListenMode, Session};
use crate::core::Core;
use crate::exchange::{Emulate, Emulated, Mail};
use crate::http::{Answer, Response, SdkPath, keeps_alive, origin, wrong_method};
use crate::lifecycle::ending;

/// How long another shard may take to answer, in milliseconds.
const SHARD_MS: u64 = 5_000;

/// When it is worth trying again.
const RETRY_AFTER_S: u32 = 1;

/// [`Session::Emulation`].
pub(super) struct Emulation;

/// A request to one of these paths, with its body.
pub(super) fn open(
    core: &mut Core,
    id: ConnId,
    request: &Request<'_>,
    path: SdkPath,
    body: &[u8],
) -> Answer {
    let cors = match origin::check(&core.config, request) {
        Ok(cors) => cors,
        Err(answer) => return answer,
    };
    let answer = match (path, request.method()) {
        (_, "OPTIONS") => Answer::Response(Response::preflight(path.methods())),
        (SdkPath::Emulation, "POST") => emulate(core, id, request, cors, body),
        (_, "POST") => stream(core, id, request, cors, (path, body)),
        (SdkPath::Sse, "GET") => {
            let commands = request.query().and_then(commands_in).unwrap_or_default();
            stream(core, id, request, cors, (path, commands.as_bytes()))
        }
        _ => wrong_method(path.methods()),
    };
    match answer {
        Answer::Response(response) => Answer::Response(response.with_cors(core.config.cors(cors))),
        other => other,
    }
}

/// Opens a stream.
fn stream(
    core: &mut Core,
    id: ConnId,
    request: &Request<'_>,
    cors: u8,
    (path, commands): (SdkPath, &[u8]),
) -> Answer {
    if let Err(answer) = check_content_type(request) {
        return answer;
    }
    // What stands in a WebSocket's text is looked at in the same way.
    if str::from_utf8(commands).is_err() {
        return Answer::refuse(400, "the body is no UTF-8");
    }
    if commands.trim_ascii().is_empty() {
        return Answer::refuse(
            400,
            "the commands of a Centrifuge client are missing, connect first",
        );
    }
    let Some(counted) = core.held_bytes.count(commands.len()) else {
        return answer(Emulated::Busy);
    };
    let framing = match (path, request.version()) {
        (SdkPath::Sse, Version::Http11) => Framing::ChunkedEvent,
        (SdkPath::Sse, Version::Http10) => Framing::Event,
        (_, Version::Http11) => Framing::ChunkedLine,
        (_, Version::Http10) => Framing::Line,
    };
    centrifuge::open_stream(core, id, request, (framing, cors), (commands, counted));
    Answer::TakenOver
}

/// Commands for a stream: obeyed here, or by the shard that has it.
fn emulate(core: &mut Core, id: ConnId, request: &Request<'_>, cors: u8, body: &[u8]) -> Answer {
    if let Err(answer) = check_content_type(request) {
        return answer;
    }
    let Some(Asked { session, data }) = Asked::parse(body) else {
        return Answer::refuse(400, "the body is no object with `session` and `data`, both texts");
    };
    let origin = handshake::foreign_origin(request).unwrap_or_default();
    let Some(session) = core.config.emulation.find(&session, origin) else {
        return count(core, Emulated::Gone);
    };
    if session.shard == core.shard {
        let emulated = centrifuge::take(core, &session, data.as_bytes());
        return count(core, emulated);
    }
    if core.exchange.is_over_bound() {
        return count(core, Emulated::Busy);
    }
    let Some(counted) = core.held_bytes.count(data.len()) else {
        return count(core, Emulated::Busy);
    };
    let keep_alive = keeps_alive(core, request);
    core.enter(id, Session::Emulation, core.now.after_ms(SHARD_MS));
    if let Some(connection) = core.slab.get_mut(id) {
        connection.mode = ListenMode::poll(cors, &[(ListenFlag::KeepAlive, keep_alive)]);
    }
    let (from, commands) = ((core.shard, id), data.into_owned().into_bytes());
    let emulate = Emulate { session, from, commands, _counted: counted };
    core.exchange.tell(session.shard, Mail::Emulate(Box::new(emulate)));
    Answer::TakenOver
}

/// Commands have come to the shard of their connection by way of another, which hears what became of them.
pub(super) fn handed_over(core: &mut Core, emulate: &Emulate) {
    let Emulate { session, from: (shard, id), commands, .. } = emulate;
    let emulated = centrifuge::take(core, session, commands);
    core.exchange.tell(*shard, Mail::Emulated(*id, emulated));
}

/// The shard of the connection has said what became of the commands of a request.
pub(super) fn answered(core: &mut Core, id: ConnId, emulated: Emulated) {
    let Answer::Response(response) = count(core, emulated) else {
        return;
    };
    finish(core, id, response);
}

/// Answers a request that was held, and goes on with the next one.
fn finish(core: &mut Core, id: ConnId, response: Response<'static>) {
    let Some(connection) = core.slab.get(id).filter(|it| it.session == Session::Emulation) else {
        return;
    };
    let (mode, has_more) = (connection.mode, connection.busy.is_some());
    let keep_alive = mode.has(ListenFlag::KeepAlive) && !core.phase.is_leaving();
    let (config, date) = (Arc::clone(&core.config), core.wall.time().date);
    let response = response.with_cors(config.cors(mode.cors));
    core.reply(id, |out| response.write(date, out, keep_alive, false));
    let deadline = core.now.after_ms(config.timeouts.http_idle_ms);
    core.enter(id, Session::Http, deadline);
    if !keep_alive {
        return ending::end_after_answer(core, id);
    }
    core.unpark_input(id, &[InputReason::Answer]);
    if has_more {
        core.revisit(id);
    }
}

/// Counts what became of commands, and answers.
fn count(core: &Core, emulated: Emulated) -> Answer {
    match emulated {
        Emulated::Taken => core.counters.emulations.add(1),
        Emulated::Gone | Emulated::Full | Emulated::Busy => core.counters.refused_emulations.add(1),
    }
    answer(emulated)
}

fn answer(emulated: Emulated) -> Answer {
    let later = |status, sentence: &str| {
        Answer::Response(Response::later(status, sentence.to_owned(), RETRY_AFTER_S))
    };
    match emulated {
        Emulated::Taken => Answer::Response(Response::text(204, String::new())),
        Emulated::Gone => Answer::refuse(404, "there is no such session; connect again"),
        Emulated::Full => later(429, "too many commands of this session wait; try again later"),
        Emulated::Busy => later(503, "too many commands wait; try again later"),
    }
}

/// Commands are JSON, which pages of other sites may call a text: then browsers do not ask first.
fn check_content_type(request: &Request<'_>) -> Result<(), Answer> {
    let Some(value) = request.header("content-type") else {
        return Ok(());
    };
    let media_type = value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let is_known = |known: &&str| media_type.eq_ignore_ascii_case(known.as_bytes());
    if ["application/json", "text/plain"].iter().any(is_known) {
        return Ok(());
    }
    let sentence = "this server speaks JSON with Centrifuge SDKs: the Content-Type of a request is \
                    application/json or text/plain";
    Err(Answer::refuse(415, sentence))
}

impl Verbs for Emulation {
    /// The requests behind the one that is held wait for its answer, which comes soon.
    fn on_bytes(core: &mut Core, id: ConnId, bytes: &mut [u8], _scanned: usize) -> Taken {
        if bytes.len() > core.config.head.bytes_max {
            core.park_input(id, InputReason::Answer);
        }
        Taken::Keep { scanned: 0 }
    }

    /// The other shard does not answer. What it has taken, it may still obey.
    fn on_due(core: &mut Core, id: ConnId) {
        give_up(core, id);
    }

    fn on_stop(core: &mut Core, id: ConnId, _code: u16) {
        give_up(core, id);
    }

    fn is_owed_answer(_connection: &Connection) -> bool {
        true
    }
}

/// The answer is not waited for, and the connection ends: it would be taken for that to the next request.
fn give_up(core: &mut Core, id: ConnId) {
    if core.is_output_parked(id) {
        return ending::cut(core, id);
    }
    if let Some(connection) = core.slab.get_mut(id) {
        connection.mode.set(ListenFlag::KeepAlive, false);
    }
    if let Answer::Response(response) = count(core, Emulated::Busy) {
        finish(core, id, response);
    }
}
