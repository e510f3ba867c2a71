//! The bodies of requests to the public listener, read within bounds of size, time and memory. Only some
//! paths take one.

use switchboard_plane::ConnId;
use switchboard_ws::body::BodyReader;
use switchboard_ws::head::{Body, Request, Version};

use crate::connection::RequestBody;
use crate::core::Core;
use crate::http::Response;

/// The largest body.
const BODY_BYTES_MAX: usize = 64 << 10;

/// When it is worth trying again where too many bodies arrive at once.
const RETRY_AFTER_S: u32 = 1;

/// What is there of a body.
pub(super) enum Arrival {
    /// So many of the bytes behind the head are all of it.
    Here(usize),
    /// All of it has come, with the last so many bytes.
    Whole(Box<RequestBody>, usize),
    /// So many bytes were taken; more is to come.
    Part(usize),
    /// It is not taken, and the connection ends.
    Refused(Response<'static>),
}

/// The body of a request begins at `end` in `bytes`.
pub(super) fn begin(
    core: &mut Core,
    id: ConnId,
    request: &Request<'_>,
    bytes: &[u8],
    end: usize,
) -> Arrival {
    let length = match request.body() {
        Body::None => Some(0),
        Body::Length(length) if length > BODY_BYTES_MAX as u64 => return too_large(),
        Body::Length(length) => usize::try_from(length).ok(),
        Body::Chunked => None,
    };
    let expects = request.header("expect").filter(|_| request.version() == Version::Http11);
    if expects.is_some_and(|expected| !expected.eq_ignore_ascii_case(b"100-continue")) {
        return refuse(417, "Expect may be 100-continue only");
    }
    if let Some(length) = length.filter(|length| bytes.len() - end >= *length) {
        return Arrival::Here(length);
    }
    let Some(counted) = core.held_bytes.count(end) else {
        return no_room();
    };
    // RFC 9110 section 10.1.1: not where the body has begun to arrive.
    if expects.is_some() && bytes.len() == end {
        core.reply(id, |out| out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n"));
    }
    // All of it is due when its head was.
    core.limit_head_time(id);
    if let Some(connection) = core.slab.get_mut(id) {
        let reader = BodyReader::new(request.body());
        let body = RequestBody { head: bytes[..end].to_vec(), reader, bytes: Vec::new(), counted };
        connection.busy().body = Some(Box::new(body));
    }
    Arrival::Part(end)
}

/// More of a body; none where none is under way.
pub(super) fn receive(core: &mut Core, id: ConnId, bytes: &[u8]) -> Option<Arrival> {
    let mut body = core.slab.get_mut(id)?.busy.as_mut()?.body.take()?;
    let mut used = 0;
    while used < bytes.len() && !body.reader.is_done() {
        let part = match body.reader.read(&bytes[used..]) {
            Ok(part) => part,
            Err(error) => return Some(refuse(400, error.to_string())),
        };
        let announced = usize::try_from(body.reader.announced_bytes()).unwrap_or(usize::MAX);
        let total = body.bytes.len() + part.data.len();
        if total.saturating_add(announced) > BODY_BYTES_MAX {
            return Some(too_large());
        }
        if !body.counted.set(body.head.len() + total) {
            return Some(no_room());
        }
        body.bytes.extend_from_slice(part.data);
        used += part.used;
    }
    if body.reader.is_done() {
        return Some(Arrival::Whole(body, used));
    }
    if let Some(connection) = core.slab.get_mut(id) {
        connection.busy().body = Some(body);
    }
    Some(Arrival::Part(used))
}

fn refuse(status: u16, sentence: impl Into<String>) -> Arrival {
    Arrival::Refused(Response::refusal(status, sentence.into()))
}

fn too_large() -> Arrival {
    refuse(413, "the body of a request here has at most 64 KiB")
}

fn no_room() -> Arrival {
    let sentence = "too many requests with large bodies arrive at once; try again later";
    Arrival::Refused(Response::later(503, sentence.to_owned(), RETRY_AFTER_S))
}
