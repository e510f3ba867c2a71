//! Answers of the internal API, and what follows them.

use std::io::Write as _;

use switchboard_api::ApiError;
use switchboard_dialects::Date;
use switchboard_plane::ConnId;

use super::super::verbs::Taken;
use super::work;
use crate::api::ApiResponse;
use crate::connection::{Answering, ApiWork, InputReason, Then};
use crate::core::Core;
use crate::http::Response;
use crate::lifecycle::ending;

/// The answer comes later, within `due_ms`. Until then the connection is not read.
pub(super) fn await_answer(core: &mut Core, id: ConnId, work: ApiWork, due_ms: u64) {
    set_due(core, id, due_ms);
    work::put_back(core, id, Box::new(work));
    core.park_input(id, InputReason::Answer);
}

/// What the connection is in the middle of may take so long. Strangers keep the time that they have.
pub(super) fn set_due(core: &mut Core, id: ConnId, due_ms: u64) {
    let due = core.now.after_ms(due_ms);
    if let Some(connection) = core.slab.get_mut(id)
        && !connection.gates.is_output_parked()
        && !connection.place.is_stranger()
    {
        connection.deadline = due;
    }
}

/// Answers the request of the connection, and waits for the next one.
pub(super) fn finish(core: &mut Core, id: ConnId, response: &Response<'_>, answering: Answering) {
    let Answering { keep_alive, head_only, .. } = answering;
    let date = core.wall.time().date;
    let keep_alive = keep_alive && !core.phase.is_stopping();
    core.reply(id, |out| response.write(date, out, keep_alive, head_only));
    end_request(core, id, keep_alive);
}

/// Refuses a request that is whole.
pub(super) fn refuse(core: &mut Core, id: ConnId, error: &ApiError, answering: Answering) {
    core.counters.refused_request.add(1);
    finish(core, id, &Response::api_error(error), answering);
}

/// Refuses, and ends the connection: where the next request would begin is not known, or is of no
/// interest.
pub(super) fn refuse_and_end(core: &mut Core, id: ConnId, error: &ApiError) -> Taken {
    core.counters.refused_request.add(1);
    let date = core.wall.time().date;
    core.reply(id, |out| Response::api_error(error).write(date, out, false, false));
    ending::linger(core, id);
    Taken::All
}

/// There are too many connections, and this one is the last that came.
pub(super) fn refuse_newcomer(core: &mut Core, id: ConnId) {
    let message = "too many connections to the internal API (internal_connections_max); try again";
    let _ = refuse_and_end(core, id, &ApiError::new(503, "full", message));
}

/// Sends the answer of the handler.
pub(super) fn forward(core: &mut Core, id: ConnId, response: &ApiResponse, answering: Answering) {
    let Answering { keep_alive, head_only, .. } = answering;
    let date = core.wall.time().date;
    let keep_alive = keep_alive && !core.phase.is_stopping();
    core.reply(id, |out| write(response, date, out, keep_alive, head_only));
    end_request(core, id, keep_alive);
}

/// The time to the next request begins, unless the answer still waits for its socket.
pub(super) fn await_request(core: &mut Core, id: ConnId) {
    set_due(core, id, core.api.config.timeouts.idle_ms);
}

fn end_request(core: &mut Core, id: ConnId, keep_alive: bool) {
    drop_work(core, id);
    let busy = core.slab.get(id).and_then(|connection| connection.busy.as_ref());
    let peer_ended = busy.is_some_and(|busy| busy.peer_ended && busy.input.is_empty());
    if !keep_alive {
        return ending::end_after_answer(core, id);
    }
    if peer_ended {
        return core.finish(id, Then::Close);
    }
    await_request(core, id);
    let is_parked = core.slab.get(id).is_some_and(|it| it.gates.is_input_parked());
    core.unpark_input(id, &[InputReason::Answer]);
    if is_parked {
        core.revisit(id);
    }
}

fn drop_work(core: &mut Core, id: ConnId) {
    if let Some(busy) = core.slab.get_mut(id).and_then(|connection| connection.busy.as_mut()) {
        busy.api = None;
    }
}

/// Appends an answer of the handler.
fn write(response: &ApiResponse, date: Date, out: &mut Vec<u8>, keep_alive: bool, head_only: bool) {
    use http::header::{CONNECTION, CONTENT_LENGTH, DATE, TRANSFER_ENCODING};
    let status = response.status();
    // Writing to a Vec cannot fail.
    let reason = status.canonical_reason().unwrap_or("Unknown");
    let _ = write!(out, "HTTP/1.1 {} {reason}\r\n", status.as_u16());
    for (name, value) in response.headers() {
        if [CONNECTION, CONTENT_LENGTH, DATE, TRANSFER_ENCODING].contains(name) {
            continue;
        }
        out.extend_from_slice(name.as_str().as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    // A 204 must not say how long it is (RFC 9110 section 8.6); an answer to HEAD says how long the one
    // to GET would be (section 9.3.2).
    let length = response.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    if status != http::StatusCode::NO_CONTENT {
        let _ = match length.filter(|_| head_only) {
            Some(length) => write!(out, "Content-Length: {length}\r\n"),
            None => write!(out, "Content-Length: {}\r\n", response.body().len()),
        };
    }
    let connection = if keep_alive { "keep-alive" } else { "close" };
    let _ = write!(out, "X-Content-Type-Options: nosniff\r\nConnection: {connection}\r\n");
    date.push_line(out);
    out.extend_from_slice(b"\r\n");
    if !head_only {
        out.extend_from_slice(response.body());
    }
}
