//! Requests, one after another on a connection that is kept alive.

use std::sync::Arc;

use switchboard_hooks::Verdict;
use switchboard_plane::{Close, ConnId};
use switchboard_ws::head::{self, Body, HeadError, HeaderSlots, Request};

use super::http_body::{self, Arrival};
use super::verbs::{Taken, Verbs};
use super::{centrifuge, echo, emulation, listen};
use crate::admission::Reason;
use crate::connection::{Connection, RequestBody, Session, Then, Ticket};
use crate::core::Core;
use crate::hooks;
use crate::http::{Answer, Response, Route, keeps_alive, route, takes_body};
use crate::lifecycle::{admission, ending};

/// [`Session::Http`] and [`Session::Refusing`].
pub(super) struct Http;

impl Verbs for Http {
    /// One request head at the start of `bytes`.
    fn on_bytes(core: &mut Core, id: ConnId, bytes: &mut [u8], scanned: usize) -> Taken {
        if hooks::awaits_verdict(core, id) {
            return Taken::Keep { scanned: 0 };
        }
        if core.replies_are_enough(id) {
            return Taken::Later;
        }
        if let Some(arrival) = http_body::receive(core, id, bytes) {
            return arrived(core, id, arrival);
        }
        let config = Arc::clone(&core.config);
        let end = match head::find_end(bytes, scanned, &config.head) {
            Ok(Some(end)) => end,
            Ok(None) => {
                if scanned == 0 {
                    core.limit_head_time(id);
                }
                return Taken::Keep { scanned: bytes.len() };
            }
            Err(error) => return refuse_head(core, id, error),
        };
        let mut slots = HeaderSlots::new();
        match head::parse(&bytes[..end], &mut slots, &config.head) {
            Ok(request) if takes_body(&config, &request) => {
                match http_body::begin(core, id, &request, bytes, end) {
                    Arrival::Here(length) => {
                        let body = &bytes[end..end + length];
                        handle(core, id, &request, end + length, body)
                    }
                    arrival => arrived(core, id, arrival),
                }
            }
            Ok(request) => match end_of_request(&request, end, bytes) {
                Ok(Some(end)) => handle(core, id, &request, end, &[]),
                Ok(None) => {
                    core.limit_head_time(id);
                    // The head's last empty line is found again at once.
                    Taken::Keep { scanned: end - 2 }
                }
                Err(error) => refuse_head(core, id, error),
            },
            Err(error) => refuse_head(core, id, error),
        }
    }

    /// The head did not come in time (RFC 9110 section 15.5.9).
    fn on_due(core: &mut Core, id: ConnId) {
        let Some(connection) = core.slab.get(id) else {
            return;
        };
        if connection.gates.is_output_parked() {
            return ending::cut(core, id);
        }
        if hooks::awaits_verdict(core, id) {
            let refusal = admission::refuse(core, id, Reason::Backend);
            answer_and_end(core, id, &Response::try_later(refusal));
            return;
        }
        let busy = connection.busy.as_ref();
        let has_begun = busy.is_some_and(|busy| !busy.input.is_empty() || busy.body.is_some());
        let is_served = connection.session == Session::Http;
        core.counters.timed_out_head.add(1);
        if has_begun && is_served {
            let sentence = "the request did not arrive in time".to_owned();
            answer_and_end(core, id, &Response::refusal(408, sentence));
        } else {
            ending::cut(core, id);
        }
    }

    fn on_flushed(core: &mut Core, id: ConnId) {
        if core.slab.get(id).is_some_and(|connection| connection.session == Session::Http) {
            core.await_request(id);
        }
    }

    fn on_verdict(core: &mut Core, id: ConnId, _ticket: Ticket, verdict: Verdict) {
        hooks::note(core, id, verdict);
    }

    fn is_owed_answer(_connection: &Connection) -> bool {
        true
    }

    /// A request under way gets its answer. One that meets the end on its way is no reason for a reset, while
    /// there is time.
    fn on_stop(core: &mut Core, id: ConnId, _code: u16) {
        if !core.phase.is_stopping() {
            ending::end_after_answer(core, id);
        } else if core.is_output_parked(id) {
            core.finish(id, Then::Close);
        } else {
            ending::remove(core, id, Close::Fin);
        }
    }
}

/// What has come of a body.
fn arrived(core: &mut Core, id: ConnId, arrival: Arrival) -> Taken {
    match arrival {
        Arrival::Here(used) | Arrival::Part(used) => Taken::Part(used),
        Arrival::Refused(response) => {
            core.counters.refused_request.add(1);
            answer_and_end(core, id, &response)
        }
        Arrival::Whole(body, used) => {
            let RequestBody { head, bytes, counted, .. } = *body;
            // What is kept of it is counted anew.
            drop(counted);
            let (config, mut slots) = (Arc::clone(&core.config), HeaderSlots::new());
            match head::parse(&head, &mut slots, &config.head) {
                Ok(request) => handle(core, id, &request, used, &bytes),
                Err(error) => refuse_head(core, id, error),
            }
        }
    }
}

/// Where the next request begins, if that has arrived. Nothing here takes a body; proxies write an
/// empty one in chunks where they do not know that none follows.
fn end_of_request(
    request: &Request<'_>,
    head_end: usize,
    bytes: &[u8],
) -> Result<Option<usize>, HeadError> {
    match request.body() {
        Body::None => Ok(Some(head_end)),
        Body::Length(_) => Err(HeadError::BodyNotAccepted),
        Body::Chunked => {
            let body = head::read_empty_chunks(&bytes[head_end..])?;
            Ok(body.map(|length| head_end + length))
        }
    }
}

/// A request that ends at `end`, with its body where its path takes one.
fn handle(core: &mut Core, id: ConnId, request: &Request<'_>, end: usize, body: &[u8]) -> Taken {
    if let Err(refusal) = admission::at_request(core, id, request) {
        return answer_and_end(core, id, &Response::try_later(refusal));
    }
    let answer = match route(&core.config, core.phase, request) {
        Route::Answer(answer) => answer,
        Route::Echo => echo::open(core, id, request),
        Route::Centrifuge => centrifuge::open(core, id, request),
        Route::Sdk(path) => emulation::open(core, id, request, path, body),
        Route::Subscribe(channels) => listen::open(core, id, request, channels),
    };
    let response = match answer {
        Answer::TakenOver => return Taken::Part(end),
        Answer::Later => return Taken::Later,
        Answer::Asked => return Taken::Keep { scanned: 0 },
        Answer::Done => None,
        Answer::Response(response) => Some(response),
    };
    let keep_alive = keeps_alive(core, request);
    if let Some(response) = response {
        if response.status >= 400 {
            core.counters.refused_request.add(1);
        }
        let head_only = request.method() == "HEAD";
        let date = core.wall.time().date;
        core.reply(id, |out| response.write(date, out, keep_alive, head_only));
    }
    if !keep_alive {
        ending::end_after_answer(core, id);
        return Taken::All;
    }
    core.await_request(id);
    Taken::Part(end)
}

fn refuse_head(core: &mut Core, id: ConnId, error: HeadError) -> Taken {
    refuse(core, id, error.status(), &error.to_string())
}

/// Refuses and ends the connection: where the framing is in doubt, a next request cannot be found.
fn refuse(core: &mut Core, id: ConnId, status: u16, sentence: &str) -> Taken {
    core.counters.refused_request.add(1);
    answer_and_end(core, id, &Response::refusal(status, sentence.to_owned()))
}

fn answer_and_end(core: &mut Core, id: ConnId, response: &Response<'_>) -> Taken {
    let date = core.wall.time().date;
    core.reply(id, |out| response.write(date, out, false, false));
    ending::linger(core, id);
    Taken::All
}
