//! `POST /api/publish`, `/api/broadcast` and `/api/batch`: publications in the shapes of Centrifugo's API.

use std::borrow::Cow;

use switchboard_api::centrifugo::{
    Answer, CallError, Calls, ERROR_MODE, ErrorMode, Method, Outcome,
};
use switchboard_hub::{NamespaceId, Published, Receipt};
use switchboard_plane::ConnId;

use super::super::publications;
use super::{answer, handler, work};
use crate::api::Held;
use crate::connection::{Answering, ApiStage, ApiWork, Calling, InputReason};
use crate::core::Core;
use crate::http::Response;

/// What is read and published here. Larger bodies, and batches with other commands, are the handler's: a
/// JSON object is read as a whole, and a turn must not be long.
const INLINE_BYTES_MAX: usize = 256 << 10;
const INLINE_PUBLICATIONS_MAX: usize = 1_024;

/// Makes the publications of a body.
pub(super) fn begin(
    core: &mut Core,
    id: ConnId,
    (method, mode): (Method, ErrorMode),
    body: Cow<'_, [u8]>,
    held: Option<Held>,
    answering: Answering,
) {
    let calls = if body.len() <= INLINE_BYTES_MAX {
        Calls::read(method, &body, core.api.config.item_limits())
    } else {
        Ok(None)
    };
    let calls = match calls {
        Ok(calls) => calls.filter(|calls| calls.len() <= INLINE_PUBLICATIONS_MAX),
        Err(error) => {
            core.counters.refused_request.add(1);
            return finish(core, id, Answer::unread(&error), answering);
        }
    };
    let Some(calls) = calls else {
        return hand_over(core, id, (method, mode), body, held, answering);
    };
    let mut held = held.unwrap_or_else(|| Held::new(&core.api));
    // It counts until the homes have it, and is under way whether or not there is room.
    held.resize(body.len());
    let calling = Box::new(Calling::new(calls, mode));
    let work = ApiWork { held, stage: ApiStage::Calls(calling, answering) };
    answer::await_answer(core, id, work, core.api.config.timeouts.shard_ms);
    go_on(core, id);
}

fn hand_over(
    core: &mut Core,
    id: ConnId,
    (method, mode): (Method, ErrorMode),
    body: Cow<'_, [u8]>,
    held: Option<Held>,
    answering: Answering,
) {
    let mut head = http::Request::post(method.path());
    if mode == ErrorMode::Transport {
        head = head.header(ERROR_MODE, "transport");
    }
    // The path and the header are good ones.
    if let Ok(head) = head.body(()) {
        handler::hand_over(core, id, head.into_parts().0, body, held, answering);
    }
}

/// Makes as many publications as this turn has room for.
pub(super) fn go_on(core: &mut Core, id: ConnId) {
    let Some(mut work) = work::take(core, id) else {
        return;
    };
    let ApiStage::Calls(calling, _) = &mut work.stage else {
        return work::put_back(core, id, work);
    };
    let mut waits_for = None;
    let is_single = calling.calls.len() == 1;
    let mut share = core.turn_budget.share();
    while let Some(number) = calling.next() {
        if core.exchange.is_over_bound() {
            waits_for = Some(InputReason::Mailbox);
            break;
        }
        let bytes = calling.calls.bytes(number);
        let budget = &mut core.turn_budget;
        let has_room =
            if is_single { budget.take(bytes) } else { budget.take_of(&mut share, bytes) };
        if !has_room {
            core.revisit(id);
            break;
        }
        match publish(core, id, &calling.calls, number) {
            Ok((Some(receipt), has_history)) => {
                calling.push(Ok(has_history.then_some(receipt.position)));
            }
            Ok((None, has_history)) => calling.push_awaited(has_history),
            Err(error) => calling.push(Err(error)),
        }
    }
    if calling.is_done() {
        return end(core, id, *work);
    }
    work::put_back(core, id, work);
    answer::set_due(core, id, core.api.config.timeouts.shard_ms);
    if let Some(reason) = waits_for {
        core.park_input(id, reason);
    }
}

/// Makes one. Says also whether its channel has a history.
fn publish(
    core: &mut Core,
    id: ConnId,
    calls: &Calls,
    number: usize,
) -> Result<(Option<Receipt>, bool), CallError> {
    let publication = calls.publication(number)?;
    let name = publication.name.clone();
    let namespace: NamespaceId =
        core.config.namespaces.resolve(&name).ok_or_else(|| CallError::unknown_channel(&name))?;
    let has_history = core.hub.keeps_history(namespace);
    let (draft, condition) = publication.admit(has_history)?;
    let receipt = if condition.is_some() {
        publications::publish_if(core, id, &name, (draft, condition), number as u32)
    } else {
        publications::publish(core, id, &name, draft, number as u32)
    };
    Ok((receipt, has_history))
}

pub(super) fn on_published(core: &mut Core, id: ConnId, number: u32, published: &Published) {
    let busy = core.slab.get_mut(id).and_then(|connection| connection.busy.as_mut());
    let work = busy.and_then(|busy| busy.api.as_mut());
    let Some(ApiStage::Calls(calling, _)) = work.map(|work| &mut work.stage) else {
        return;
    };
    if calling.set(number, published)
        && calling.is_done()
        && let Some(work) = work::take(core, id)
    {
        end(core, id, *work);
    }
}

/// Another shard is silent: what is not known to be published is answered as an error.
pub(super) fn give_up(core: &mut Core, id: ConnId) {
    if let Some(mut work) = work::take(core, id) {
        if let ApiStage::Calls(_, answering) = &mut work.stage {
            // A late receipt must find nobody.
            answering.keep_alive = false;
        }
        end(core, id, *work);
    }
}

fn end(core: &mut Core, id: ConnId, work: ApiWork) {
    if let ApiStage::Calls(calling, answering) = work.stage {
        let (calls, mode, outcomes): (Calls, ErrorMode, Vec<Outcome>) = calling.outcomes();
        finish(core, id, calls.answer(&outcomes, mode), answering);
    }
}

fn finish(core: &mut Core, id: ConnId, answer: Answer, answering: Answering) {
    let Answer { status, content_type, body } = answer;
    answer::finish(core, id, &Response::content(status, content_type, body), answering);
}
