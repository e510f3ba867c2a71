//! `POST /pub`: many publications, one JSON object per line, and one line of result for each.

use std::borrow::Cow;

use switchboard_api::{ApiError, NDJSON, lines};
use switchboard_hub::Published;
use switchboard_plane::ConnId;

use super::super::publications::{self, Progress};
use super::{answer, work};
use crate::api::Held;
use crate::connection::{Answering, ApiStage, ApiWork, Form, InputReason, Publications, Results};
use crate::core::Core;
use crate::http::Response;

/// Publishes every good line, in order. A bad line does not stop the others; a batch that has too many
/// is refused before its first.
pub(super) fn begin(
    core: &mut Core,
    id: ConnId,
    bytes: Cow<'_, [u8]>,
    held: Option<Held>,
    answering: Answering,
) {
    let lines_max = core.api.config.batch_lines_max;
    if lines::count(&bytes) > lines_max {
        return answer::refuse(core, id, &ApiError::too_many_lines(lines_max), answering);
    }
    let held = held.unwrap_or_else(|| Held::new(&core.api));
    let batch = Publications {
        form: Form::Lines,
        bytes: bytes.into_owned(),
        at: 0,
        results: Results::default(),
    };
    let work = ApiWork { held, stage: ApiStage::Batch(Box::new(batch), answering) };
    let due_ms = core.api.config.timeouts.shard_ms;
    answer::await_answer(core, id, work, due_ms);
    go_on(core, id);
}

/// Publishes as many lines as this turn has room for.
pub(super) fn go_on(core: &mut Core, id: ConnId) {
    let Some(mut work) = work::take(core, id) else {
        return;
    };
    let ApiStage::Batch(batch, answering) = &mut work.stage else {
        return work::put_back(core, id, work);
    };
    let Publications { form, bytes, at, results } = &mut **batch;
    let mut share = core.turn_budget.share();
    let progress = publications::publish_all(core, id, &mut share, *form, bytes, at, results);
    if batch.is_done() {
        let (results, answering) = (batch.results.take(), *answering);
        return finish(core, id, results, answering);
    }
    work::put_back(core, id, work);
    answer::set_due(core, id, core.api.config.timeouts.shard_ms);
    match progress {
        Progress::Later => core.revisit(id),
        Progress::Crowded => core.park_input(id, InputReason::Mailbox),
        Progress::Read | Progress::Full => {}
    }
}

pub(super) fn on_published(core: &mut Core, id: ConnId, number: u32, published: Published) {
    let busy = core.slab.get_mut(id).and_then(|connection| connection.busy.as_mut());
    let work = busy.and_then(|busy| busy.api.as_mut());
    let Some(ApiStage::Batch(batch, _)) = work.map(|work| &mut work.stage) else {
        return;
    };
    if batch.results.set(number, published) && publications::may_go_on(&batch.results) {
        core.revisit(id);
    }
}

/// Another shard is silent: the lines behind those that it was asked for are not tried.
pub(super) fn give_up(core: &mut Core, id: ConnId) {
    let Some(mut work) = work::take(core, id) else {
        return;
    };
    if let ApiStage::Batch(batch, answering) = &mut work.stage {
        let Publications { bytes, at, results, .. } = &mut **batch;
        results.give_up();
        while let Some((_, behind)) = lines::next(bytes, *at) {
            *at = behind;
            results.push(Some(Err(ApiError::not_tried())));
        }
        // A late receipt must find nobody.
        let (results, answering) = (results.take(), Answering { keep_alive: false, ..*answering });
        finish(core, id, results, answering);
    }
}

fn finish(core: &mut Core, id: ConnId, results: Vec<u8>, answering: Answering) {
    answer::finish(core, id, &Response::content(200, NDJSON, results), answering);
}
