//! `POST` and `PUT /pub/{channel}`: one publication.

use switchboard_api::{ChannelInfo, Meta};
use switchboard_hub::{ChannelName, Receipt};
use switchboard_plane::ConnId;

use super::super::publications;
use super::answer;
use crate::api::Held;
use crate::connection::{Answering, ApiStage, ApiWork};
use crate::core::Core;
use crate::http::Response;

/// Publishes a body.
pub(super) fn publish(
    core: &mut Core,
    id: ConnId,
    name: &ChannelName,
    meta: &Meta,
    body: &[u8],
    held: Option<Held>,
    answering: Answering,
) {
    let draft = meta.draft(meta.kind_of(body), body);
    if let Some(receipt) = publications::publish(core, id, name, draft, 0) {
        return answer(core, id, &receipt, answering);
    }
    // It counts until its home has it, and is under way whether or not there is room.
    let mut held = held.unwrap_or_else(|| Held::new(&core.api));
    held.resize(body.len());
    let work = ApiWork { held, stage: ApiStage::Receipt(answering) };
    answer::await_answer(core, id, work, core.api.config.timeouts.shard_ms);
}

/// The publication has its place.
pub(super) fn answer(core: &mut Core, id: ConnId, receipt: &Receipt, answering: Answering) {
    let (status, info) = ChannelInfo::of_receipt(receipt, core.now_ms);
    let (content_type, body) = info.write(answering.as_json);
    answer::finish(core, id, &Response::content(status, content_type, body), answering);
}
