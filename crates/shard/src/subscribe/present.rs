//! Who listens to a channel, as its clients are told.

use switchboard_dialects::centrifuge::{Info, Present};
use switchboard_hub::ChannelName;
use switchboard_plane::ConnId;

use super::joined::has_joined;
use super::presence::name_of;
use crate::core::Core;
use crate::exchange::{Found, PresenceQuery, Users};

/// Clients that are listed at most.
const CLIENTS_MAX: usize = 1_024;

/// Bytes of those that are listed.
pub(crate) const CLIENTS_BYTES_MAX: usize = 64 << 10;

/// Clients of which the users are counted at most.
const COUNTED_MAX: usize = 4_096;

/// What a question costs beside what is found, in bytes that are found.
const QUESTION_BYTES: usize = 256;

/// Adds what this shard knows to a question. Returns what that costs, in bytes that are found.
pub(crate) fn add(core: &Core, query: &mut PresenceQuery) -> usize {
    query.answered();
    let (cost, is_enough) = match &mut query.found {
        Found::Clients(clients) => {
            let before = clients.bytes();
            let is_enough = !list(core, &query.channel, clients);
            (clients.bytes() - before, is_enough)
        }
        Found::Numbers { clients, users } => {
            let subscribers = core.hub.report(core.now_ms, &query.channel).subscribers;
            *clients += subscribers.saturating_sub(core.terms.hidden(&query.channel));
            let before = users.looked_at;
            count(core, &query.channel, users);
            ((users.looked_at - before) * size_of::<u64>() * 2, false)
        }
        Found::TooMany => (0, true),
    };
    if is_enough {
        query.end();
    }
    QUESTION_BYTES + cost
}

/// Lists those who listen on this shard; false where not all have room.
fn list(core: &Core, name: &ChannelName, clients: &mut Present) -> bool {
    members(core, name, CLIENTS_MAX).all(|(id, nth)| {
        let (client, slot) = (name_of(core, id), id.index());
        let user = core.identities.user(slot).unwrap_or_default();
        let info = Info::new(user, &client, core.identities.info(slot));
        let info = info.in_channel(core.terms.info(slot, nth));
        clients.push(&client, &info, CLIENTS_BYTES_MAX)
    })
}

/// Counts the users of those who listen on this shard. All without a name are one.
fn count(core: &Core, name: &ChannelName, users: &mut Users) {
    let numbers = core.places.shared().users();
    for (id, _) in members(core, name, COUNTED_MAX.saturating_sub(users.looked_at)) {
        let user = core.identities.user(id.index()).unwrap_or_default();
        users.looked_at += 1;
        users.numbers.insert(numbers.number(user));
    }
}

/// Up to `max` of those who listen to a channel on this shard and show to others, each with its subscription.
fn members(core: &Core, name: &ChannelName, max: usize) -> impl Iterator<Item = (ConnId, u16)> {
    // Those who do not show leave as many places to others, but never make this much longer.
    let hidden = usize::try_from(core.terms.hidden(name)).unwrap_or(max).min(max);
    let members = core.hub.members(name, max + hidden).into_iter();
    let shown = members.filter_map(move |who| {
        let connection = core.slab.at(who.conn)?;
        let shows = !core.terms.is_hidden(who.conn, who.nth);
        (shows && has_joined(core, connection, who.nth)).then_some((connection.id, who.nth))
    });
    shown.take(max)
}
