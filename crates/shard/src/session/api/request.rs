//! The head of a request: whose it is, what it wants, and what body follows.

use std::sync::Arc;

use http::request::Parts;
use switchboard_api::centrifugo::{self, ERROR_MODE, ErrorMode};
use switchboard_api::{
    ApiError, Granted, Meta, SCOPE, accepts_json, channel_in, check_encoding, lines,
};
use switchboard_plane::ConnId;
use switchboard_ws::head::{self, Body, HeadError, HeaderSlots, Request, Version};

use super::super::publish_stream;
use super::super::verbs::Taken;
use super::{admission, answer, body};
use crate::connection::{Answering, Target};
use crate::core::Core;
use crate::http::{Answer, knows_method};
use crate::lifecycle::ending;

/// One request at the start of `bytes`.
pub(super) fn receive(core: &mut Core, id: ConnId, bytes: &[u8], scanned: usize) -> Taken {
    if core.replies_are_enough(id) {
        return Taken::Later;
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
        Ok(request) => admit(core, id, &request, bytes, end),
        Err(error) => refuse_head(core, id, error),
    }
}

/// Whose request it is comes first: a stranger's is refused before anything of it is looked at.
fn admit(core: &mut Core, id: ConnId, request: &Request<'_>, bytes: &[u8], end: usize) -> Taken {
    let checked = core.api.config.access.check(request);
    match checked {
        Ok(Granted::Access) => admission::granted(core, id),
        Ok(Granted::Public) if request.has_body() => {
            let message = "a request without the API key (api_key) has no body";
            let error = ApiError::new(413, "too_large", message);
            return answer::refuse_and_end(core, id, &error);
        }
        Ok(Granted::Public) => {}
        Err(error) => {
            let is_whole = !request.has_body() && request.keep_alive();
            if !is_whole || core.phase.is_stopping() {
                return answer::refuse_and_end(core, id, &error);
            }
            answer::refuse(core, id, &error, answering(core, request));
            return Taken::Part(end);
        }
    }
    if request.path() == "/publish" && matches!(request.method(), "GET" | "HEAD") {
        return stream(core, id, request, end);
    }
    let limit = match target_and_limit(core, request) {
        Ok((target, limit)) => (target, limit),
        Err(error) => (Target::Refused(error), core.api.config.publish_bytes_max),
    };
    begin(core, id, request, limit, &bytes[end..], end)
}

/// The body follows, or there is none.
fn begin(
    core: &mut Core,
    id: ConnId,
    request: &Request<'_>,
    (target, bytes_max): (Target, usize),
    behind: &[u8],
    head_bytes: usize,
) -> Taken {
    let answering = answering(core, request);
    let body = request.body();
    if let Body::Length(length) = body
        && length > bytes_max as u64
    {
        return answer::refuse_and_end(core, id, &body::too_large(core, &target));
    }
    let expects = request.header("expect").filter(|_| request.version() == Version::Http11);
    if let Some(expected) = expects {
        if !expected.eq_ignore_ascii_case(b"100-continue") {
            let error = ApiError::new(417, "bad_expectation", "Expect may be 100-continue only");
            return answer::refuse_and_end(core, id, &error);
        }
        // RFC 9110 section 10.1.1: not where the body has begun to arrive.
        if body != Body::None && behind.is_empty() {
            core.reply(id, |out| out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n"));
        }
    }
    body::begin(core, id, target, answering, body, behind, head_bytes)
}

/// What is wanted, and the largest body that it may have.
fn target_and_limit(core: &Core, request: &Request<'_>) -> Result<(Target, usize), ApiError> {
    let config = &core.api.config;
    let is_publishing = matches!(request.method(), "POST" | "PUT");
    if let Some(segment) = request.path().strip_prefix("/pub/")
        && is_publishing
    {
        let name = channel_in(segment)?;
        if core.config.namespaces.resolve(&name).is_none() {
            return Err(ApiError::unknown_namespace(&name));
        }
        let event = request.header("x-eventsource-event");
        let meta = Meta::of_headers(request.header("content-type"), event)?;
        check_encoding(request.headers("content-encoding"))?;
        return Ok((Target::Publish { name, meta }, config.publish_bytes_max));
    }
    if request.path() == "/pub" && request.method() == "POST" {
        lines::check_content_type(request.header("content-type"))?;
        check_encoding(request.headers("content-encoding"))?;
        return Ok((Target::Batch, config.batch_bytes_max));
    }
    if request.method() == "POST"
        && let Some(method) = centrifugo::Method::in_path(request.path())
    {
        check_encoding(request.headers("content-encoding"))?;
        let mode = ErrorMode::of_header(request.header(ERROR_MODE));
        return Ok((Target::Calls(method, mode), config.batch_bytes_max));
    }
    if !knows_method(request.method()) {
        return Err(ApiError::unknown_method());
    }
    Ok((Target::Handler(Box::new(parts(request)?)), config.publish_bytes_max))
}

/// The head as the handler reads it.
fn parts(request: &Request<'_>) -> Result<Parts, ApiError> {
    let target = match request.query() {
        Some(query) => format!("{}?{query}", request.path()),
        None => request.path().to_owned(),
    };
    let mut builder = http::Request::builder().method(request.method()).uri(target);
    for value in request.headers("accept") {
        builder = builder.header(http::header::ACCEPT, value);
    }
    if let Some(value) = request.header(ERROR_MODE) {
        builder = builder.header(ERROR_MODE, value);
    }
    if let Some(value) = request.header(SCOPE) {
        builder = builder.header(SCOPE, value);
    }
    let bad = |_| ApiError::bad_request("bad_target", "the request target is not a valid path");
    builder.body(()).map(|request| request.into_parts().0).map_err(bad)
}

fn answering(core: &Core, request: &Request<'_>) -> Answering {
    Answering {
        keep_alive: request.keep_alive() && !core.phase.is_stopping(),
        head_only: request.method() == "HEAD",
        as_json: accepts_json(request.headers("accept")),
    }
}

/// A client wants to publish on a WebSocket.
fn stream(core: &mut Core, id: ConnId, request: &Request<'_>, end: usize) -> Taken {
    match publish_stream::open(core, id, request) {
        Answer::TakenOver => Taken::Part(end),
        Answer::Response(response) => {
            core.counters.refused_request.add(1);
            let date = core.wall.time().date;
            let head_only = request.method() == "HEAD";
            core.reply(id, |out| response.write(date, out, false, head_only));
            ending::end_after_answer(core, id);
            Taken::All
        }
        Answer::Done | Answer::Later | Answer::Asked => Taken::Later,
    }
}

/// The head did not come in time (RFC 9110 section 15.5.9), or no further one.
pub(super) fn late(core: &mut Core, id: ConnId) {
    let busy = core.slab.get(id).and_then(|connection| connection.busy.as_ref());
    let has_begun = busy.is_some_and(|busy| !busy.input.is_empty());
    core.counters.timed_out_head.add(1);
    if has_begun {
        answer::refuse_and_end(core, id, &ApiError::of_head(HeadError::Timeout));
    } else {
        ending::cut(core, id);
    }
}

fn refuse_head(core: &mut Core, id: ConnId, error: HeadError) -> Taken {
    answer::refuse_and_end(core, id, &ApiError::of_head(error))
}
