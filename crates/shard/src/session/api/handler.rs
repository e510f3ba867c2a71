//! Requests that the shards do not answer themselves: to the handler, and its answer back.

use std::borrow::Cow;

use http::request::Parts;
use switchboard_plane::ConnId;

use super::answer;
use crate::api::Held;
use crate::connection::{Answering, ApiStage, ApiWork};
use crate::core::Core;

/// Hands a whole request over.
pub(super) fn hand_over(
    core: &mut Core,
    id: ConnId,
    parts: Parts,
    body: Cow<'_, [u8]>,
    held: Option<Held>,
    answering: Answering,
) {
    let held = held.unwrap_or_else(|| Held::new(&core.api));
    let due_ms = core.api.config.timeouts.handler_ms;
    answer::await_answer(core, id, ApiWork { held, stage: ApiStage::Handler(answering) }, due_ms);
    let reply = core.exchange.answer_by_mail(id);
    core.api.handle(http::Request::from_parts(parts, body.into_owned()), reply);
}
