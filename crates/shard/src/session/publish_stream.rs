//! `GET /publish` of the internal API: a WebSocket on which a backend publishes. Each text message is
//! lines of JSON as in a batch, each binary message publications in the binary form
//! ([`frames`](switchboard_api::frames)); each is answered, in order, by a text message with a line of
//! result for every publication.
//!
//! As many messages may be under way as the window allows; beyond it the connection is not read.

use std::collections::VecDeque;
use std::sync::Arc;

use switchboard_api::{ApiError, lines};
use switchboard_hub::{Kind, Published};
use switchboard_plane::ConnId;
use switchboard_ws::close;
use switchboard_ws::frame::{self, Opcode};
use switchboard_ws::head::Request;
use switchboard_ws::message::{MessageLimits, Receiver};

use super::publications::{self, Progress};
use super::verbs::{Taken, Verbs};
use super::websocket::{self, Reader};
use crate::api::{Api, Held};
use crate::connection::{
    ApiStage, ApiWork, Busy, Form, InputReason, Publications, Results, Session,
};
use crate::core::Core;
use crate::http::{Answer, upgrade_with};

/// Messages under way.
const WINDOW_MESSAGES: usize = 64;

/// Bytes of the messages under way; a single one may be larger.
const WINDOW_BYTES: usize = 1 << 20;

/// [`Session::PublishStream`].
pub(super) struct PublishStream;

/// A backend with access wants to publish on a WebSocket.
pub(super) fn open(core: &mut Core, id: ConnId, request: &Request<'_>) -> Answer {
    if request.method() != "GET" {
        return crate::http::wrong_method("GET");
    }
    // The rules of access have looked at the Origin.
    match upgrade_with(request, &[], Some(&["*".to_owned()])) {
        Ok(upgrade) => {
            upgrade.complete(core, id, Session::PublishStream);
            Answer::TakenOver
        }
        Err(answer) => answer,
    }
}

impl Verbs for PublishStream {
    fn on_bytes(core: &mut Core, id: ConnId, bytes: &mut [u8], _scanned: usize) -> Taken {
        if is_full(core, id) {
            core.park_input(id, InputReason::Answer);
            return Taken::Keep { scanned: 0 };
        }
        let bytes_max = core.api.config.batch_bytes_max;
        let limits = MessageLimits {
            frame_bytes_max: bytes_max as u64,
            message_bytes_max: bytes_max,
            fragments_max: core.config.message.fragments_max,
        };
        let taken =
            websocket::receive(core, id, bytes, &limits, Reader::new(message).until(is_full));
        if !count_part(core, id) {
            close_crowded(core, id);
        }
        taken
    }

    fn on_turn(core: &mut Core, id: ConnId) {
        go_on(core, id);
    }

    fn on_published(core: &mut Core, id: ConnId, number: u32, published: Published) {
        let Some((_, messages)) = work(core, id) else {
            return;
        };
        let mut all = messages.iter_mut().map(|message| &mut message.results);
        let awaiting = all.find(|results| results.awaits(number));
        let is_enough = awaiting.is_some_and(|results| {
            results.set(number, published) && publications::may_go_on(results)
        });
        if is_enough {
            // Behind all mail: several receipts make one answer, and one send.
            core.revisit(id);
        }
    }

    /// A message that stays unfinished holds room that others may need.
    fn on_silent(core: &mut Core, id: ConnId) {
        let busy = core.slab.get(id).and_then(|connection| connection.busy.as_ref());
        if busy.is_some_and(|busy| busy.receiver.is_some()) {
            websocket::close(core, id, close::POLICY, "the message did not arrive in time");
        } else {
            websocket::ping(core, id);
        }
    }

    fn on_due(core: &mut Core, id: ConnId) {
        websocket::due(core, id);
    }

    fn on_flushed(core: &mut Core, id: ConnId) {
        core.clear_deadline(id);
    }

    /// What was taken is answered first.
    fn on_stop(core: &mut Core, id: ConnId, code: u16) {
        if !owes_answers(core, id) {
            websocket::stop(core, id, code);
        }
    }
}

/// A message of the backend. The first one is published where it lies.
fn message(core: &mut Core, id: ConnId, kind: Kind, bytes: &[u8]) {
    let form = match kind {
        Kind::Text => Form::Lines,
        Kind::Binary => Form::Frames,
    };
    let (mut at, mut results) = (0, Results::default());
    let lines_max = core.api.config.batch_lines_max;
    let mut bytes = bytes;
    if form == Form::Lines && lines::count(bytes) > lines_max {
        results.push(Some(Err(ApiError::too_many_lines(lines_max))));
        bytes = &[];
    }
    let is_first = work(core, id).is_none_or(|(_, messages)| messages.is_empty());
    let mut progress = Progress::Read;
    if is_first {
        let mut share = core.turn_budget.share();
        progress =
            publications::publish_all(core, id, &mut share, form, bytes, &mut at, &mut results);
        if at >= bytes.len() && results.awaited() == 0 {
            return answer(core, id, &results.take());
        }
    }
    let message = Publications { form, bytes: bytes.to_vec(), at, results };
    if !enqueue(core, id, message) {
        return close_crowded(core, id);
    }
    if is_first {
        follow(core, id, progress);
    } else {
        go_on(core, id);
    }
    if is_full(core, id) {
        core.park_input(id, InputReason::Answer);
    }
}

/// Keeps a message. False where there is no room for it.
fn enqueue(core: &mut Core, id: ConnId, message: Publications) -> bool {
    let Core { slab, api, .. } = core;
    let Some(connection) = slab.get_mut(id) else {
        return false;
    };
    let Some((held, messages)) = work_of(connection.busy(), api) else {
        return false;
    };
    // A part of it may have been counted while it arrived.
    let has_room = held.resize(bytes_of(messages) + message.bytes.len());
    if has_room {
        messages.push_back(message);
    }
    has_room
}

/// Others hold what there is: the backend comes again when they are done.
fn close_crowded(core: &mut Core, id: ConnId) {
    websocket::close(core, id, close::TRY_AGAIN_LATER, "too many bytes are in flight");
}

/// Counts what has arrived of a message that is not whole. False where there is no room for it.
fn count_part(core: &mut Core, id: ConnId) -> bool {
    let Core { slab, api, .. } = core;
    let Some(busy) = slab.get_mut(id).and_then(|connection| connection.busy.as_mut()) else {
        return true;
    };
    let part = busy.receiver.as_ref().map_or(0, Receiver::held_bytes);
    if part == 0 && busy.api.is_none() {
        return true;
    }
    let Some((held, messages)) = work_of(busy, api) else {
        return true;
    };
    let has_room = held.resize(bytes_of(messages) + part);
    if messages.is_empty() && part == 0 {
        busy.api = None;
    }
    has_room
}

/// Publishes what this turn has room for, answers what is done, and reads again where there is room.
fn go_on(core: &mut Core, id: ConnId) {
    let busy = core.slab.get_mut(id).and_then(|connection| connection.busy.as_mut());
    let Some(mut work) = busy.and_then(|busy| busy.api.take()) else {
        return;
    };
    let ApiWork { held, stage: ApiStage::Stream(messages) } = &mut *work else {
        return;
    };
    let progress = publish_waiting(core, id, messages);
    let waiting = messages.len();
    while messages.front().is_some_and(Publications::is_done)
        && let Some(mut message) = messages.pop_front()
    {
        held.shrink(message.bytes.len());
        answer(core, id, &message.results.take());
    }
    if messages.len() < waiting && !messages.is_empty() {
        // They may have waited for those results to go.
        core.revisit(id);
    }
    if let Some(connection) = core.slab.get_mut(id) {
        connection.busy().api = Some(work);
    }
    // A part of a message may be all that is left.
    count_part(core, id);
    follow(core, id, progress);
    let was_full = core.slab.get(id).is_some_and(|connection| connection.gates.awaits_answer());
    if was_full && !is_full(core, id) {
        core.unpark_input(id, &[InputReason::Answer]);
        core.revisit(id);
    }
    if core.phase.is_stopping() && !owes_answers(core, id) {
        let code = core.stop_code;
        websocket::stop(core, id, code);
    }
}

/// What it waits for now.
fn follow(core: &mut Core, id: ConnId, progress: Progress) {
    match progress {
        Progress::Later => core.revisit(id),
        Progress::Crowded => core.park_input(id, InputReason::Mailbox),
        Progress::Read | Progress::Full => {}
    }
}

/// Publishes the messages that have not been read to their end, in order.
fn publish_waiting(core: &mut Core, id: ConnId, messages: &mut VecDeque<Publications>) -> Progress {
    let (mut number, mut written) = (None, 0);
    let mut share = core.turn_budget.share();
    for message in messages {
        if written > WINDOW_BYTES {
            return Progress::Full;
        }
        let Publications { form, bytes, at, results } = message;
        if bytes.is_empty() {
            // It has its result, if any, and takes no number.
            continue;
        }
        if *at == 0
            && let Some(number) = number
        {
            *results = Results::from(number);
        }
        let progress = if *at < bytes.len() {
            publications::publish_all(core, id, &mut share, *form, bytes, at, results)
        } else {
            Progress::Read
        };
        if progress != Progress::Read {
            return progress;
        }
        number = Some(results.next_number());
        written += results.written_bytes();
    }
    Progress::Read
}

fn answer(core: &mut Core, id: ConnId, results: &[u8]) {
    core.reply(id, |out| frame::write(out, Opcode::Text, results, None));
}

/// No further message is taken.
fn is_full(core: &mut Core, id: ConnId) -> bool {
    core.phase.is_stopping()
        || work(core, id).is_some_and(|(_, messages)| {
            messages.len() >= WINDOW_MESSAGES || bytes_of(messages) >= WINDOW_BYTES
        })
}

/// Messages are under way.
fn owes_answers(core: &mut Core, id: ConnId) -> bool {
    work(core, id).is_some_and(|(_, messages)| !messages.is_empty())
}

fn bytes_of(messages: &VecDeque<Publications>) -> usize {
    messages.iter().map(|message| message.bytes.len()).sum()
}

/// What a connection holds, and its messages; made where there are none yet.
fn work_of<'b>(
    busy: &'b mut Busy,
    api: &Arc<Api>,
) -> Option<(&'b mut Held, &'b mut VecDeque<Publications>)> {
    let work = busy.api.get_or_insert_with(|| {
        Box::new(ApiWork { held: Held::new(api), stage: ApiStage::Stream(VecDeque::new()) })
    });
    match &mut work.stage {
        ApiStage::Stream(messages) => Some((&mut work.held, messages)),
        _ => None,
    }
}

/// What the connection holds, and its messages.
fn work(core: &mut Core, id: ConnId) -> Option<(&mut Held, &mut VecDeque<Publications>)> {
    let work = core.slab.get_mut(id)?.busy.as_mut()?.api.as_mut()?;
    match &mut work.stage {
        ApiStage::Stream(messages) => Some((&mut work.held, messages)),
        _ => None,
    }
}
