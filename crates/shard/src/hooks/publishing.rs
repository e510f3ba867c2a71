//! A client wants to publish where the backend decides.

use switchboard_hooks::{Answer, Payload, Question, Refusal, Verdict};
use switchboard_hub::{ChannelName, Draft};
use switchboard_plane::ConnId;

use super::ask::ask_and_wait;
use super::client;
use crate::connection::{Asking, Ticket};
use crate::core::Core;

/// A publication about which the backend has decided.
#[derive(Debug)]
pub(crate) struct Decided {
    pub(crate) channel: ChannelName,
    /// The number under which its session wants the receipt.
    pub(crate) request: Option<u32>,
    /// What is to be published.
    pub(crate) draft: Result<Draft, Refusal>,
}

/// Asks whether a client may publish. It is not read before the backend has answered, so its publications
/// keep their order.
pub(crate) fn ask_to_publish(
    core: &mut Core,
    id: ConnId,
    channel: ChannelName,
    draft: Draft,
    request: Option<u32>,
) {
    let payload = Payload { kind: draft.kind(), bytes: draft.payload().to_vec() };
    let client = client::of_connection(core, id);
    let question = Question::Publish { client, channel: channel.clone(), payload };
    let asking = Asking::Publishing { channel, draft, request };
    ask_and_wait(core, id, (Ticket::Publishing, question), asking);
}

/// What became of the publication with which a connection waits. Its session says when it is read again.
pub(crate) fn decide(core: &mut Core, id: ConnId, verdict: Verdict) -> Option<Decided> {
    let busy = core.slab.get_mut(id)?.busy.as_mut()?;
    let Asking::Publishing { channel, draft, request } =
        *busy.asking.take_if(|asking| matches!(**asking, Asking::Publishing { .. }))?
    else {
        return None;
    };
    let draft = match verdict {
        Ok(Answer::Published(None)) => Ok(draft),
        Ok(Answer::Published(Some(payload))) => {
            Ok(draft.with_payload(payload.kind, &payload.bytes))
        }
        Ok(_) => Err(Refusal::Unavailable),
        Err(refusal) => Err(refusal),
    };
    Some(Decided { channel, request, draft })
}
