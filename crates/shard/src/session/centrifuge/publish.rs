//! `publish`.

use switchboard_dialects::centrifuge::{ErrorCode, Publish, Reply, json};
use switchboard_hooks::Verdict;
use switchboard_hub::{ChannelName, Draft, Kind};
use switchboard_plane::ConnId;

use super::reply::{refuse, refuse_by_backend, reply};
use crate::core::Core;
use crate::hooks::{self, Decided};
use crate::session::asking::{asked, go_on, take};
use crate::session::publish::{self, PublishError};
use crate::subscribe::{find, presence::info_of};

/// A client publishes, to a channel that it need not listen to.
pub(super) fn publish(core: &mut Core, id: ConnId, number: u32, request: &Publish<'_>) {
    if let Err(code) = try_publish(core, id, number, request) {
        refuse(core, id, number, code);
    }
}

fn try_publish(
    core: &mut Core,
    id: ConnId,
    number: u32,
    request: &Publish<'_>,
) -> Result<(), ErrorCode> {
    let name = ChannelName::new(&request.channel).map_err(|_| ErrorCode::BadRequest)?;
    let data = request.data.ok_or(ErrorCode::BadRequest)?;
    let namespace = core.config.namespaces.resolve(&name).ok_or(ErrorCode::UnknownChannel)?;
    let may = publish::check_channel(core, id, namespace, &name).map_err(|error| code(&error))?;
    let payload = json(Kind::Text, data.get().as_bytes());
    let draft = Draft::new(Kind::Text, &payload).with_info(&info_in(core, id, &name));
    let own = asked(core, id).map(|asked| asked.number());
    let receipt =
        publish::publish_to(core, id, (name, may), draft, own).map_err(|error| code(&error))?;
    if receipt.is_some() {
        reply(core, id, number, &Reply::Publish {});
    } else if let Some(asked) = asked(core, id) {
        asked.await_receipt(&number.to_string());
    }
    Ok(())
}

/// What others are told of the client that publishes: with what is said of it in this channel, where it listens.
fn info_in(core: &Core, id: ConnId, name: &ChannelName) -> String {
    let own = core.terms.has(id.index()).then(|| find(core, id, name)).flatten();
    info_of(core, id, own.map(|(nth, _)| nth))
}

fn code(error: &PublishError) -> ErrorCode {
    match error {
        PublishError::Namespace(_) | PublishError::Right(_) | PublishError::Several => {
            ErrorCode::PermissionDenied
        }
        PublishError::TooMany { .. } | PublishError::Address | PublishError::User => {
            ErrorCode::TooManyRequests
        }
    }
}

/// A publication that went to another shard was made, or could not be.
pub(super) fn published(core: &mut Core, id: ConnId, own: u32, was_made: bool) {
    if let Some(number) = take(core, id, own).and_then(|number| number.parse().ok()) {
        if was_made {
            reply(core, id, number, &Reply::Publish {});
        } else {
            refuse(core, id, number, ErrorCode::Internal);
        }
    }
    go_on(core, id);
}

/// A backend has decided on a publication.
pub(super) fn decided(core: &mut Core, id: ConnId, verdict: Verdict) {
    if let Some(Decided { channel, request: Some(own), draft }) = hooks::decide(core, id, verdict) {
        match draft {
            Ok(draft) => {
                if publish::make(core, id, &channel, draft, Some(own)).is_some() {
                    published(core, id, own, true);
                }
            }
            Err(refusal) => {
                if let Some(number) = take(core, id, own).and_then(|number| number.parse().ok()) {
                    refuse_by_backend(core, id, number, &refusal);
                }
            }
        }
    }
    go_on(core, id);
}
