//! Who listens: lists for the internal door, and the events of coming and going.

use switchboard_hub::{ChannelName, Draft, Kind, Listener, Seat, SlowClient};
use switchboard_plane::ConnId;

use crate::connection::{Connection, State};
use crate::core::Core;

/// What stands before the name of a channel in the name of the one for its joins and leaves.
const PREFIX: &str = "presence:";

/// The channel in which the joins and leaves of another are published; none for names that are too
/// long for it.
pub(crate) fn channel_of(name: &ChannelName) -> Option<ChannelName> {
    ChannelName::new(&format!("{PREFIX}{name}")).ok()
}

/// A WebSocket or an event stream has taken its subscriptions.
///
/// What is announced is published with the letters of the next turn, so that no shard sends it before
/// the others have been told.
pub(crate) fn joined(core: &mut Core, id: ConnId) {
    announce(core, id, "join");
}

/// Somebody is about to give up its subscriptions. Polls come and go all the time and say nothing.
pub(crate) fn leaving(core: &mut Core, id: ConnId) {
    if core.slab.get(id).is_some_and(|connection| connection.state != State::Polling) {
        announce(core, id, "leave");
    }
}

fn announce(core: &mut Core, id: ConnId, event: &str) {
    let Some(connection) = core.slab.get(id) else {
        return;
    };
    if !core.config.namespaces.any_join_leave() {
        return;
    }
    let namespaces = &core.config.namespaces;
    let announces = |name: &&ChannelName| {
        namespaces.resolve(name).is_some_and(|number| namespaces.rules(number).join_leave)
    };
    let names: Vec<ChannelName> = connection
        .subscriptions()
        .filter_map(|subscription| core.hub.name(subscription.channel))
        .filter(announces)
        .cloned()
        .collect();
    let connection = name_of(core, id);
    for name in names {
        let Some(channel) = channel_of(&name) else {
            continue;
        };
        let text = serde_json::json!({ "event": event, "channel": name.as_str(), "connection": connection });
        let draft = Draft::new(Kind::Text, text.to_string().as_bytes())
            .with_content_type("application/json")
            .with_event(event);
        core.announcements.push((channel, draft));
    }
}

/// Names a connection in the whole server: shard, slot, generation.
fn name_of(core: &Core, id: ConnId) -> String {
    format!("{}-{}-{}", core.shard.0, id.index(), id.generation())
}

fn listener(core: &Core, connection: &Connection) -> Listener {
    Listener {
        connection: name_of(core, connection.id),
        address: connection.peer.into(),
        transport: match connection.state {
            State::Streaming => "event_stream",
            State::Polling => "long_poll",
            _ => "websocket",
        },
    }
}

/// Up to `max` of those who listen to a channel on this shard.
pub(crate) fn list(core: &Core, name: &ChannelName, max: usize) -> Vec<Listener> {
    let members = core.hub.members(name, max);
    members
        .iter()
        .filter_map(|who| core.slab.at(who.conn))
        .map(|connection| listener(core, connection))
        .collect()
}

/// Up to `max` of the clients that cannot keep up, those who are held back the longest first. Those
/// whose homes have not answered, and answers that are stuck without a channel, are none of them.
pub(crate) fn slowest(core: &Core, max: usize) -> Vec<SlowClient> {
    let since_ms = |id: &ConnId| {
        core.slab.get(*id).and_then(|c| c.busy.as_ref()).map_or(u64::MAX, |b| b.blocked_since_ms)
    };
    let lags = |id: &&ConnId| {
        core.slab.get(**id).is_some_and(|connection| {
            connection.subscription.is_some() && !connection.waits_for_home()
        })
    };
    let mut ids: Vec<ConnId> = core.blocked.iter().filter(lags).copied().collect();
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
    let behind = |subscription: &Seat| {
        let head = core.hub.position(subscription.channel).map_or(0, |position| position.offset);
        head.saturating_sub(core.hub.cursor(*subscription))
    };
    let subscription = connection.subscriptions().max_by_key(behind)?;
    let lag = core.hub.lag(subscription);
    Some(SlowClient {
        listener: listener(core, connection),
        channel: core.hub.name(subscription.channel)?.clone(),
        lag_publications: lag.publications,
        lag_bytes: lag.bytes,
        blocked_ms: core.now_ms.saturating_sub(busy.blocked_since_ms),
    })
}
