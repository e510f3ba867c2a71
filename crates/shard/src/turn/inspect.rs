//! What the internal API asks about the clients of a shard.

use std::sync::Arc;

use switchboard_api::centrifugo::GivenChannel;
use switchboard_hub::{ChannelName, SlowClient, SubscriberInfo, Subscription};
use switchboard_plane::ConnId;

use crate::command::Chosen;
use crate::connection::Connection;
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
    }
}

/// Up to `max` of a user's connections on this shard, and how many there are.
pub(crate) fn of_user(core: &Core, user: &str, max: usize) -> (u64, Vec<SubscriberInfo>) {
    let connections = || core.identities.of_user(user).filter_map(|slot| core.slab.at(slot));
    let list = connections().take(max).map(|connection| subscriber(core, connection)).collect();
    (connections().count() as u64, list)
}

/// Has some connections of a user end; says how many there are that were not to.
pub(crate) fn disconnect(core: &mut Core, user: &str, only: &Chosen) -> u64 {
    let slots = chosen(core, user, only);
    slots.into_iter().filter(|slot| core.identities.revoke(*slot)).count() as u64
}

/// Has some connections of a user end at another time; says how many there are.
pub(crate) fn prolong(core: &mut Core, user: &str, only: &Chosen, until_s: Option<u32>) -> u64 {
    let slots = chosen(core, user, only);
    for slot in &slots {
        core.identities.prolong(*slot, until_s.unwrap_or(NEVER_S));
    }
    slots.len() as u64
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

/// Those connections of a user whose clients ask for channels as they go. One that is named need not have shown
/// whose it is.
fn asking(core: &Core, user: &str, only: &Chosen) -> Vec<ConnId> {
    let connections: Vec<ConnId> = if let Some(name) = only.only.as_deref() {
        core.config.client_ids.find(core.shard, name).into_iter().collect()
    } else {
        let slots = chosen(core, user, only).into_iter();
        slots.filter_map(|slot| core.slab.at(slot)).map(|connection| connection.id).collect()
    };
    let asks = |id: &ConnId| {
        core.slab.get(*id).is_some_and(|it| it.session.is_begun_centrifuge())
            && core.identities.user(id.index()).unwrap_or_default() == user
    };
    connections.into_iter().filter(asks).collect()
}

fn chosen(core: &Core, user: &str, only: &Chosen) -> Vec<u32> {
    let is_chosen = |slot: &u32| {
        core.slab.at(*slot).is_some_and(|connection| only.has(&name_of(core, connection.id)))
    };
    core.identities.of_user(user).filter(is_chosen).collect()
}

/// Up to `max` of those who listen to a channel on this shard.
pub(crate) fn list(core: &Core, name: &ChannelName, max: usize) -> Vec<SubscriberInfo> {
    let members = core.hub.members(name, max);
    members
        .iter()
        .filter_map(|who| core.slab.at(who.conn))
        .map(|connection| subscriber(core, connection))
        .collect()
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
