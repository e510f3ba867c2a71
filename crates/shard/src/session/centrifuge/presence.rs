//! `presence` and `presence_stats`: who listens to a channel, on whichever shard.

use switchboard_dialects::centrifuge::{ErrorCode, Present, Reply};
use switchboard_hub::ChannelName;
use switchboard_plane::ConnId;

use super::reply::{refuse, reply};
use crate::connection::{Asking, InputReason};
use crate::core::Core;
use crate::exchange::{Found, PresenceQuery, Users};
use crate::identity::{self, Shown};
use crate::lifecycle::admission;
use crate::session::asking;

/// A client wants to know who listens to a channel. It need not listen itself.
pub(super) fn list(core: &mut Core, id: ConnId, number: u32, channel: &str) {
    ask(core, id, number, channel, Found::Clients(Present::default()));
}

/// A client wants to know how many listen to a channel.
pub(super) fn count(core: &mut Core, id: ConnId, number: u32, channel: &str) {
    ask(core, id, number, channel, Found::Numbers { clients: 0, users: Users::default() });
}

fn ask(core: &mut Core, id: ConnId, number: u32, channel: &str, found: Found) {
    if let Err(code) = try_ask(core, id, number, channel, found) {
        refuse(core, id, number, code);
    }
}

/// Asks all shards. The commands behind it wait for the answer.
fn try_ask(
    core: &mut Core,
    id: ConnId,
    number: u32,
    channel: &str,
    found: Found,
) -> Result<(), ErrorCode> {
    let name = ChannelName::new(channel).map_err(|_| ErrorCode::BadRequest)?;
    let namespace = core.config.namespaces.resolve(&name).ok_or(ErrorCode::UnknownChannel)?;
    if !core.config.namespaces.rules(namespace).presence_list {
        return Err(ErrorCode::NotAvailable);
    }
    if !identity::may_see_presence(&core.config, Shown::by(core, id), &name) {
        core.counters.refused_right.add(1);
        return Err(ErrorCode::PermissionDenied);
    }
    admission::may_join(core, id, core.identities.user(id.index()), 1).map_err(|reason| {
        admission::refuse(core, id, reason);
        ErrorCode::TooManyRequests
    })?;
    let query = PresenceQuery::new((core.shard, id), name, found, core.exchange.shards());
    core.presence_queries.push(Box::new(query)).map_err(|_| ErrorCode::TooManyRequests)?;
    if let Some(connection) = core.slab.get_mut(id) {
        connection.busy().asking = Some(Box::new(Asking::Presence(number)));
    }
    core.park_input(id, InputReason::Answer);
    Ok(())
}

/// All shards have answered, or too many ask.
pub(super) fn found(core: &mut Core, id: ConnId, found: &Found) {
    let busy = core.slab.get_mut(id).and_then(|connection| connection.busy.as_mut());
    let asking =
        busy.and_then(|busy| busy.asking.take_if(|asking| matches!(**asking, Asking::Presence(_))));
    let Some(Asking::Presence(number)) = asking.map(|asking| *asking) else {
        return;
    };
    match found {
        // Its client does not read what it is sent.
        Found::Clients(clients) if !core.has_room_for_reply(id, clients.bytes()) => {
            refuse(core, id, number, ErrorCode::TooManyRequests);
        }
        Found::Clients(clients) => {
            let presence = clients.to_json();
            reply(core, id, number, &Reply::Presence { presence: &presence });
        }
        Found::Numbers { clients, users } => {
            let (num_clients, num_users) = (*clients, users.numbers.len() as u64);
            reply(core, id, number, &Reply::PresenceStats { num_clients, num_users });
        }
        Found::TooMany => refuse(core, id, number, ErrorCode::TooManyRequests),
    }
    asking::go_on(core, id);
}
