//! The body of a request, read within bounds of size, time and memory.

use std::borrow::Cow;

use switchboard_api::ApiError;
use switchboard_plane::ConnId;
use switchboard_ws::body::BodyReader;
use switchboard_ws::head::Body;

use super::super::verbs::Taken;
use super::{answer, batch, calls, handler, publish, work};
use crate::api::Held;
use crate::connection::{Answering, ApiStage, ApiWork, Incoming, InputReason, Target};
use crate::core::Core;
use crate::time::Tick;

/// A body of no more is taken also where there is no room: many clients send it behind its head, and with
/// one for each connection all of these are bounded.
const UNCOUNTED_BYTES: usize = 16 << 10;

/// A request whose head is known; `behind` is what has arrived behind it. A body that is there whole is
/// used where it lies, and counts towards nothing.
pub(super) fn begin(
    core: &mut Core,
    id: ConnId,
    target: Target,
    answering: Answering,
    body: Body,
    behind: &[u8],
    head_bytes: usize,
) -> Taken {
    let length = match body {
        Body::None => Some(0),
        Body::Length(length) => usize::try_from(length).ok(),
        Body::Chunked => None,
    };
    if let Some(body) = length.and_then(|length| behind.get(..length)) {
        let used = head_bytes + body.len();
        return complete(core, id, target, answering, Cow::Borrowed(body), None, used);
    }
    let is_publishing = matches!(target, Target::Publish { .. } | Target::Calls(..));
    if is_publishing && !core.turn_budget.has_room() {
        return later(core, id);
    }
    let body_ms = core.api.config.timeouts.body_ms;
    answer::set_due(core, id, body_ms);
    let due = core.now.after_ms(body_ms);
    let held = Held::new(&core.api);
    let incoming = Incoming {
        target,
        answering,
        reader: BodyReader::new(body),
        body: Vec::new(),
        received_bytes: 0,
        due,
        awaits_room: None,
    };
    let stage = ApiStage::Body(Box::new(incoming));
    work::put_back(core, id, Box::new(ApiWork { held, stage }));
    Taken::Part(head_bytes)
}

/// More of a body.
pub(super) fn receive(core: &mut Core, id: ConnId, bytes: &[u8]) -> Taken {
    let Some(mut work) = work::take(core, id) else {
        return Taken::All;
    };
    let ApiStage::Body(incoming) = &mut work.stage else {
        return Taken::All;
    };
    let bytes_max = bytes_max(core, &incoming.target);
    let mut used = 0;
    while used < bytes.len() && !incoming.reader.is_done() {
        // Bytes are counted before they are read: there may be no room for them.
        let mut ahead = incoming.reader;
        let part = match ahead.read(&bytes[used..]) {
            Ok(part) => part,
            Err(error) => {
                let error = ApiError::bad_request("bad_body", error.to_string());
                return answer::refuse_and_end(core, id, &error);
            }
        };
        let announced = usize::try_from(ahead.announced_bytes()).unwrap_or(usize::MAX);
        let total = incoming.received_bytes + part.data.len();
        if total.saturating_add(announced) > bytes_max {
            let error = too_large(core, &incoming.target);
            return answer::refuse_and_end(core, id, &error);
        }
        let is_kept = !matches!(incoming.target, Target::Refused(_));
        // What a read may bring at once counts for nobody, however many reads it came in.
        let counted = if total > UNCOUNTED_BYTES { total } else { 0 };
        if is_kept && !work.held.resize(counted) {
            incoming.awaits_room = Some(work.held.missing(counted));
            work::put_back(core, id, work);
            await_room(core, id);
            return if used == 0 { Taken::Keep { scanned: 0 } } else { Taken::Part(used) };
        }
        if incoming.awaits_room.take().is_some() {
            set_deadline(core, id, incoming.due);
            core.unpark_input(id, &[InputReason::Room]);
        }
        if is_kept {
            incoming.body.extend_from_slice(part.data);
        }
        incoming.reader = ahead;
        incoming.received_bytes = total;
        used += part.used;
    }
    if !incoming.reader.is_done() {
        work::put_back(core, id, work);
        return Taken::Part(used);
    }
    let ApiWork { held, stage } = *work;
    if let ApiStage::Body(incoming) = stage {
        let Incoming { target, answering, body, .. } = *incoming;
        return complete(core, id, target, answering, Cow::Owned(body), Some(held), used);
    }
    Taken::Part(used)
}

/// The request is whole; `used` bytes of what has arrived belong to it.
fn complete(
    core: &mut Core,
    id: ConnId,
    target: Target,
    answering: Answering,
    body: Cow<'_, [u8]>,
    held: Option<Held>,
    used: usize,
) -> Taken {
    match target {
        Target::Publish { name, meta } => {
            // One that has arrived in parts has waited already.
            if !core.turn_budget.take(body.len()) && held.is_none() {
                return later(core, id);
            }
            publish::publish(core, id, &name, &meta, &body, held, answering);
        }
        Target::Batch => batch::begin(core, id, body, held, answering),
        Target::Calls(method, mode) => {
            if !core.turn_budget.has_room() && held.is_none() {
                return later(core, id);
            }
            calls::begin(core, id, (method, mode), body, held, answering);
        }
        Target::Handler(parts) => handler::hand_over(core, id, *parts, body, held, answering),
        Target::Refused(error) => answer::refuse(core, id, &error, answering),
    }
    Taken::Part(used)
}

/// The largest body of such a request.
fn bytes_max(core: &Core, target: &Target) -> usize {
    match target {
        Target::Batch | Target::Calls(..) => core.api.config.batch_bytes_max,
        _ => core.api.config.publish_bytes_max,
    }
}

pub(super) fn too_large(core: &Core, target: &Target) -> ApiError {
    let config = &core.api.config;
    match target {
        Target::Calls(..) => {
            ApiError::too_large("a request", config.batch_bytes_max, "batch_bytes_max")
        }
        Target::Batch => ApiError::too_large("a batch", config.batch_bytes_max, "batch_bytes_max"),
        _ => ApiError::too_large("a publication", config.publish_bytes_max, "publish_bytes_max"),
    }
}

/// This turn has had its share of publications: the request is looked at again, with time for it.
fn later(core: &mut Core, id: ConnId) -> Taken {
    answer::set_due(core, id, core.api.config.timeouts.body_ms);
    Taken::Later
}

/// The connection is not read until others have given back some of what they hold, or it has waited
/// long enough.
fn await_room(core: &mut Core, id: ConnId) {
    let due = core.now.after_ms(core.api.config.timeouts.room_ms);
    if let Some(connection) = core.slab.get(id) {
        set_deadline(core, id, connection.deadline.min(due));
    }
    core.park_input(id, InputReason::Room);
    core.awaiting_room.push(id);
}

/// Looks again at bodies for which there is room now. They are not read before they have got it.
pub(crate) fn offer_room(core: &mut Core) {
    for id in std::mem::take(&mut core.awaiting_room) {
        let busy = core.slab.get(id).and_then(|connection| connection.busy.as_ref());
        let work = busy.and_then(|busy| busy.api.as_ref());
        let Some(ApiStage::Body(incoming)) = work.map(|work| &work.stage) else {
            continue;
        };
        match incoming.awaits_room {
            Some(bytes) if !core.api.has_room_for(bytes) => core.awaiting_room.push(id),
            Some(_) => core.revisit(id),
            None => {}
        }
    }
}

fn set_deadline(core: &mut Core, id: ConnId, deadline: Tick) {
    if let Some(connection) = core.slab.get_mut(id) {
        connection.deadline = deadline;
    }
}
