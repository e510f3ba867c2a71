//! What the internal API asks about the clients of a shard.

use std::sync::Arc;

use switchboard_api::centrifugo::{Ending, GivenChannel};
use switchboard_dialects::centrifuge::Framing;
use switchboard_hub::{ChannelName, SlowClient, SubscriberInfo, Subscription};
use switchboard_plane::ConnId;

use crate::command::Chosen;
use crate::connection::{Connection, EmulationSession};
use crate::core::Core;
use crate::identity::NEVER_S;
use crate::session;
use crate::subscribe::presence::name_of;

fn subscriber(core: &Core, connection: &Connection) -> SubscriberInfo {
    SubscriberInfo {
        connection: name_of(core, connection.id),
        address: connection.peer.into(),
        transport: connection.session.describe(),
        user: core.identities.user(connection.id.index()).map(str::to_owned),
        info: core.identities.info(connection.id.index()).map(<[u8]>::to_vec),
        channel_info: None,
        is_hidden: false,
    }
}

/// Up to `max` of a user's connections on this shard, and how many there are.
pub(crate) fn of_user(core: &Core, user: &str, max: usize) -> (u64, Vec<SubscriberInfo>) {
    let connections = || core.identities.of_user(user).filter_map(|slot| core.slab.at(slot));
    let list = connections().take(max).map(|connection| subscriber(core, connection)).collect();
    (connections().count() as u64, list)
}

/// Has some connections of a user end; says how many there are that were not to.
pub(crate) fn disconnect(
    core: &mut Core,
    user: &str,
    only: &Chosen,
    ending: Option<&Arc<Ending>>,
) -> u64 {
    let ids = chosen(core, user, only).into_iter();
    ids.filter(|id| core.identities.revoke(id.index(), ending.cloned())).count() as u64
}

/// Says when some connections of a user end, and what others are told of them from now on; says how many there
/// are.
pub(crate) fn refresh(
    core: &mut Core,
    user: &str,
    only: &Chosen,
    (until_s, info): (Option<u32>, Option<&Arc<[u8]>>),
) -> u64 {
    let ids = chosen(core, user, only);
    for id in &ids {
        core.identities.prolong(id.index(), until_s.unwrap_or(NEVER_S));
        if let Some(info) = info {
            core.identities.set_info(id.index(), info);
        }
    }
    ids.len() as u64
}

/// Subscribes some connections of a user to a channel; says how many have as many channels as they may.
pub(crate) fn give(core: &mut Core, user: &str, only: &Chosen, given: &Arc<GivenChannel>) -> u64 {
    let clients = asking(core, user, only);
    clients.into_iter().filter(|id| !session::give(core, *id, given)).count() as u64
}

/// Ends the subscriptions of some connections of a user to a channel.
pub(crate) fn take_away(core: &mut Core, user: &str, only: &Chosen, name: &ChannelName) {
    for id in asking(core, user, only) {
        session::take_away(core, id, name);
    }
}

/// Those connections of a user whose clients ask for channels as they go.
fn asking(core: &Core, user: &str, only: &Chosen) -> Vec<ConnId> {
    chosen(core, user, only).into_iter().filter(|id| is_asking(core, *id)).collect()
}

fn is_asking(core: &Core, id: ConnId) -> bool {
    core.slab.get(id).is_some_and(|connection| connection.session.is_begun_centrifuge())
}

/// Some connections of a user. A client that asks for channels as it goes is found by its name or its session
/// also where it has not shown whose it is.
fn chosen(core: &Core, user: &str, only: &Chosen) -> Vec<ConnId> {
    let is_chosen = |id: &ConnId| only.has(&name_of(core, *id));
    let is_its = |id: &ConnId| core.identities.user(id.index()).unwrap_or_default() == user;
    match found(core, only) {
        Found::Here(id) => [id]
            .into_iter()
            .filter(|id| is_asking(core, *id) && is_its(id) && is_chosen(id))
            .collect(),
        Found::Elsewhere => Vec::new(),
        Found::Unsaid => {
            let of_user = core.identities.of_user(user).filter_map(|slot| core.slab.at(slot));
            of_user.map(|connection| connection.id).filter(is_chosen).collect()
        }
    }
}

/// What a name or a session says of where its connection is.
enum Found {
    Here(ConnId),
    Elsewhere,
    /// Nothing.
    Unsaid,
}

fn found(core: &Core, only: &Chosen) -> Found {
    if let Some(session) = only.session.as_deref() {
        let session = EmulationSession::of_text(session);
        let here = session.filter(|it| it.shard == core.shard && !it.is_outdated(core.accepted));
        let id = here.map(|session| session.id).filter(|id| is_emulated(core, *id));
        return id.map_or(Found::Elsewhere, Found::Here);
    }
    let name = only.only.as_deref();
    let id = name.and_then(|name| core.config.client_ids.find(core.shard, name));
    id.map_or(Found::Unsaid, Found::Here)
}

/// Whether a connection has a session.
fn is_emulated(core: &Core, id: ConnId) -> bool {
    let framing = core.slab.get(id).and_then(|connection| connection.session.framing());
    framing.is_some_and(|framing| framing != Framing::Message)
}

/// Up to `max` of those who listen to a channel on this shard.
pub(crate) fn list(core: &Core, name: &ChannelName, max: usize) -> Vec<SubscriberInfo> {
    let members = core.hub.members(name, max);
    let listed = members.iter().filter_map(|who| {
        let one = subscriber(core, core.slab.at(who.conn)?);
        let channel_info = core.terms.info(who.conn, who.nth).map(<[u8]>::to_vec);
        let is_hidden = core.terms.is_hidden(who.conn, who.nth);
        Some(SubscriberInfo { channel_info, is_hidden, ..one })
    });
    listed.collect()
}

/// Up to `max` of the clients that cannot keep up, those who are held back the longest first. Those
/// whose homes have not answered, and answers that are stuck without a channel, are none of them.
pub(crate) fn slowest(core: &Core, max: usize) -> Vec<SlowClient> {
    let since_ms = |id: &ConnId| {
        core.slab.get(*id).and_then(|c| c.busy.as_ref()).map_or(u64::MAX, |b| b.parked_since_ms)
    };
    let lags = |id: &&ConnId| {
        core.slab.get(**id).is_some_and(|connection| {
            !connection.subscriptions.is_empty() && !connection.gates.awaits_home()
        })
    };
    let mut ids: Vec<ConnId> = core.parked.iter().filter(lags).copied().collect();
    if ids.len() > max {
        ids.select_nth_unstable_by_key(max, since_ms);
        ids.truncate(max);
    }
    ids.sort_unstable_by_key(since_ms);
    ids.into_iter().filter_map(|id| slow_client(core, id)).collect()
}

/// One client with its lag in the channel where it is furthest behind.
fn slow_client(core: &Core, id: ConnId) -> Option<SlowClient> {
    let connection = core.slab.get(id)?;
    let busy = connection.busy.as_ref()?;
    let behind = |subscription: &Subscription| core.hub.publications_behind(*subscription);
    let subscription =
        core.subscriptions(id).map(|(_, subscription)| subscription).max_by_key(behind)?;
    let lag = core.hub.lag(subscription);
    Some(SlowClient {
        subscriber: subscriber(core, connection),
        channel: core.hub.name(subscription.channel)?.clone(),
        lag_publications: lag.publications,
        lag_bytes: lag.bytes,
        blocked_ms: core.now_ms.saturating_sub(busy.parked_since_ms),
    })
}
