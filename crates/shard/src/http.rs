//! Requests on the public door, from bytes to routes.

use switchboard_plane::ConnId;
use switchboard_ws::handshake::{self, Rules};
use switchboard_ws::head::{self, HeadError, HeaderSlots, Request};

use crate::admission;
use crate::closing;
use crate::connection::State;
use crate::core::Core;
use crate::listen;
use crate::response::{self, Response};
use crate::time::Tick;

/// What became of the bytes of one request.
pub(crate) enum Progress {
    /// This many bytes were used; what follows belongs to the next request or to the WebSocket.
    Used(usize),
    /// The head is not complete.
    Incomplete,
    /// What was said before must be out first; then the same bytes once more.
    Later,
    /// The connection takes no more requests.
    Over,
}

/// One request head at the start of `bytes`, of which `scanned` have been searched before.
pub(crate) fn request(core: &mut Core, id: ConnId, bytes: &[u8], scanned: usize) -> Progress {
    let config = std::sync::Arc::clone(&core.config);
    let end = match head::find_end(bytes, scanned, &config.head) {
        Ok(Some(end)) => end,
        Ok(None) => return Progress::Incomplete,
        Err(error) => return refuse_head(core, id, error),
    };
    let mut slots = HeaderSlots::new();
    let request = match head::parse(&bytes[..end], &mut slots, &config.head) {
        Ok(request) => request,
        Err(error) => return refuse_head(core, id, error),
    };
    let refusing = core.slab.get(id).is_some_and(|connection| connection.state == State::Refusing);
    if refusing && !admission::try_serve(core, id) {
        core.counters.refused_full.add(1);
        let retry_after_s = 1 + id.index() % 5; // spread, so that they do not come back together
        return answer_and_end(core, id, &Response::full(retry_after_s));
    }
    if request.has_body() {
        return refuse(core, id, 413, "a request to this door has no body");
    }
    let keep_alive = keeps_alive(core, &request);
    match route(core, id, &request) {
        Answer::TakenOver => return Progress::Used(end),
        Answer::Later => return Progress::Later,
        Answer::Done => {}
        Answer::Response(response) => {
            if response.status >= 400 {
                core.counters.refused_request.add(1);
            }
            let head_only = request.method() == "HEAD";
            core.reply(id, |out| response.write(out, keep_alive, head_only));
        }
    }
    if !keep_alive {
        closing::end_after_answer(core, id);
        return Progress::Over;
    }
    core.await_request(id);
    Progress::Used(end)
}

/// Whether a further request may follow. A proxy may believe that a refused upgrade took place, and
/// what follows is not HTTP to it: nothing after it is read as a request.
pub(crate) fn keeps_alive(core: &Core, request: &Request<'_>) -> bool {
    request.keep_alive() && request.header("upgrade").is_none() && !core.stopping
}

/// How a route ends.
pub(crate) enum Answer {
    Response(Response<'static>),
    /// The answer is queued.
    Done,
    /// The connection is something else now: a WebSocket, an event stream, a poll that is held.
    TakenOver,
    /// What was said before must be out first.
    Later,
}

impl Answer {
    pub(crate) fn refuse(status: u16, sentence: impl Into<String>) -> Self {
        Self::Response(Response::refusal(status, sentence.into()))
    }
}

fn route(core: &mut Core, id: ConnId, request: &Request<'_>) -> Answer {
    let path = request.path();
    let page = core.config.page;
    if let Some(channels) = path.strip_prefix("/sub/") {
        return listen::subscribe(core, id, request, channels);
    }
    match path {
        "/" => for_get_or_head(request, || Response::page(page)),
        "/health" => for_get_or_head(request, || Response::text(200, "ok\n".to_owned())),
        "/echo" if core.config.echo => for_get(request, |request| echo(core, id, request)),
        _ => Answer::refuse(404, "there is nothing at this path; channels are at /sub/{channel}"),
    }
}

fn for_get(request: &Request<'_>, handle: impl FnOnce(&Request<'_>) -> Answer) -> Answer {
    if request.method() == "GET" { handle(request) } else { wrong_method("GET") }
}

fn for_get_or_head(request: &Request<'_>, handle: impl FnOnce() -> Response<'static>) -> Answer {
    match request.method() {
        "GET" | "HEAD" => Answer::Response(handle()),
        _ => wrong_method("GET, HEAD"),
    }
}

pub(crate) fn wrong_method(allow: &'static str) -> Answer {
    let sentence = format!("this path answers {allow} only");
    Answer::Response(Response::refusal(405, sentence).with_allow(allow))
}

/// `GET /echo`: messages come back as they went.
fn echo(core: &mut Core, id: ConnId, request: &Request<'_>) -> Answer {
    match upgrade(core, request, &[]) {
        Ok(accepted) => {
            accepted.take_over(core, id, State::Echo);
            Answer::TakenOver
        }
        Err(answer) => answer,
    }
}

/// A handshake that has passed every check, with its answer.
pub(crate) struct Accepted {
    response: Vec<u8>,
    /// A subprotocol was chosen.
    pub(crate) has_protocol: bool,
}

/// Checks a handshake. `protocols` are those that the path speaks.
pub(crate) fn upgrade(
    core: &Core,
    request: &Request<'_>,
    protocols: &[&str],
) -> Result<Accepted, Answer> {
    if !handshake::wants_upgrade(request) {
        return Err(Answer::Response(Response::upgrade_required(
            "this path speaks WebSocket: send Upgrade: websocket",
        )));
    }
    let rules = Rules { protocols, allowed_origins: &core.config.allowed_origins };
    let accept = handshake::check(request, &rules).map_err(|error| match error.status() {
        426 => Answer::Response(Response::upgrade_required(&error.to_string())),
        status => Answer::refuse(status, error.to_string()),
    })?;
    let mut response = Vec::with_capacity(response::HEAD_BYTES);
    accept.write_response(&mut response);
    Ok(Accepted { response, has_protocol: accept.protocol.is_some() })
}

impl Accepted {
    /// Queues the 101; what follows is a WebSocket.
    pub(crate) fn take_over(self, core: &mut Core, id: ConnId, state: State) {
        core.counters.handshakes.add(1);
        core.counters.websockets_open.set(core.counters.websockets_open.get() + 1);
        core.reply(id, |out| out.extend_from_slice(&self.response));
        if let Some(connection) = core.slab.get_mut(id) {
            connection.state = state;
            connection.deadline = Tick::NEVER;
        }
    }
}

fn refuse_head(core: &mut Core, id: ConnId, error: HeadError) -> Progress {
    refuse(core, id, error.status(), &error.to_string())
}

/// Refuses and ends the connection: where the framing is in doubt, a next request cannot be found.
fn refuse(core: &mut Core, id: ConnId, status: u16, sentence: &str) -> Progress {
    core.counters.refused_request.add(1);
    answer_and_end(core, id, &Response::refusal(status, sentence.to_owned()))
}

fn answer_and_end(core: &mut Core, id: ConnId, response: &Response<'_>) -> Progress {
    core.reply(id, |out| response.write(out, false, false));
    closing::linger(core, id);
    Progress::Over
}

/// The head did not come in time (RFC 9110 section 15.5.9).
pub(crate) fn head_timed_out(core: &mut Core, id: ConnId) {
    let Some(connection) = core.slab.get(id) else {
        return;
    };
    let has_begun = connection.busy.as_ref().is_some_and(|busy| !busy.input.is_empty());
    core.counters.timed_out_head.add(1);
    if has_begun && connection.state == State::Head && !connection.blocked {
        let response = Response::refusal(408, "the request head did not arrive in time".to_owned());
        answer_and_end(core, id, &response);
    } else {
        closing::cut(core, id);
    }
}
