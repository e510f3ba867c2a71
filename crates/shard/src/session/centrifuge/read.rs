//! `history`.

use switchboard_dialects::centrifuge::{ErrorCode, History};
use switchboard_hub::ChannelName;
use switchboard_plane::ConnId;

use super::progress::Progress;
use super::reply::refuse;
use super::{begin, history};
use crate::connection::{Awaited, Reading, Wanted};
use crate::core::Core;
use crate::identity::{self, Shown};
use crate::session::publish::is_within_budget;
use crate::subscribe::{find, subscribe_to};

/// A client asks what a channel keeps. It need not listen to it, but must have the right to.
pub(super) fn read(core: &mut Core, id: ConnId, number: u32, request: &History<'_>) -> Progress {
    match try_read(core, id, number, request) {
        Ok(progress) => progress,
        Err(code) => {
            refuse(core, id, number, code);
            Progress::Done
        }
    }
}

fn try_read(
    core: &mut Core,
    id: ConnId,
    number: u32,
    request: &History<'_>,
) -> Result<Progress, ErrorCode> {
    let name = ChannelName::new(&request.channel).map_err(|_| ErrorCode::BadRequest)?;
    core.config.namespaces.resolve(&name).ok_or(ErrorCode::UnknownChannel)?;
    let listens = find(core, id, &name).is_some();
    let (config, shown) = (&core.config, Shown::by(core, id));
    if !(listens || identity::may_subscribe(config, shown, &name))
        || !identity::may_have_history(config, shown, &name)
    {
        core.counters.refused_right.add(1);
        return Err(ErrorCode::PermissionDenied);
    }
    // The reply may wait for a home, and then goes out behind what is still to be sent. And a position may
    // come from another shard, whose mail is to be read first.
    if core.outgoing.pending_bytes(id) > 0 || core.exchange.is_behind() {
        return Ok(Progress::Again);
    }
    is_within_budget(core, id).map_err(|_| ErrorCode::TooManyRequests)?;
    let wanted = Wanted {
        count_max: usize::try_from(request.limit).unwrap_or(usize::MAX),
        since: request.since.as_ref().map(|since| (since.offset, since.start())),
        reverse: request.reverse,
    };
    let known = match find(core, id, &name) {
        Some((_, subscription)) => Some(subscription.channel),
        None => core.hub.visit(core.now_ms, &name, &mut core.exchange.outbox),
    };
    if let Some(channel) = known {
        history::tell(core, id, number, channel, wanted);
    } else if let Some(nth) = subscribe_to(core, id, &name) {
        let awaited = Awaited::History(Reading { command: number, nth, wanted });
        begin::begin(core, id, awaited);
    }
    Ok(Progress::Done)
}
