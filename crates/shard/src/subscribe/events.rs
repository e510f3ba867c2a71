//! What backends are told: who comes and goes, and which channels have subscribers.

use std::sync::Arc;

use switchboard_hooks::{Event, EventKind};
use switchboard_hub::ChannelName;
use switchboard_plane::ConnId;

use super::joined::joined as joined_to;
use super::presence::name_of;
use crate::connection::Session;
use crate::core::Core;

/// A WebSocket or an event stream listens from now on.
pub(crate) fn joined(core: &mut Core, id: ConnId, session: Session) {
    connected(core, id, session);
    if core.config.hooks.events.subscriptions {
        let (connection, user, channels) = who(core, id);
        for channel in channels {
            let (connection, user) = (connection.clone(), Arc::clone(&user));
            push(core, EventKind::Subscribed { connection, user, channel });
        }
    }
}

/// A client has begun, with or without channels.
pub(crate) fn connected(core: &mut Core, id: ConnId, session: Session) {
    if core.config.hooks.events.connections {
        let (connection, user, _) = who(core, id);
        let kind = EventKind::Connected { connection, transport: session.describe(), user };
        push(core, kind);
    }
}

/// One that had begun to listen has taken one more subscription.
pub(crate) fn joined_one(core: &mut Core, id: ConnId, nth: u16) {
    if let Some((connection, user, channel)) = one(core, id, nth) {
        push(core, EventKind::Subscribed { connection, user, channel });
    }
}

/// One that goes on to listen is about to give up one of its subscriptions.
pub(super) fn leaving_one(core: &mut Core, id: ConnId, nth: u16) {
    if let Some((connection, user, channel)) = one(core, id, nth) {
        push(core, EventKind::Unsubscribed { connection, user, channel });
    }
}

/// Who is to be told of one subscription; none where nobody wants to hear of it.
fn one(core: &Core, id: ConnId, nth: u16) -> Option<(String, Arc<str>, ChannelName)> {
    if !core.config.hooks.events.subscriptions {
        return None;
    }
    let channel = core.hub.name(core.subscription(id, nth)?.channel)?.clone();
    let user = core.identities.user(id.index()).unwrap_or_default();
    Some((name_of(core, id), user.into(), channel))
}

/// A connection is about to give up its subscriptions. Polls come and go all the time and say nothing.
pub(super) fn leaving(core: &mut Core, id: ConnId) {
    let left = left(core, id);
    core.events.extend(left);
}

/// What is told when a connection gives up its subscriptions, or its client is another from now on.
pub(crate) fn left(core: &Core, id: ConnId) -> Vec<Event> {
    let rules = core.config.hooks.events;
    let listens = core.slab.get(id).is_some_and(|connection| {
        // A Centrifuge client has begun when it has said who it is.
        connection.session.is_begun_centrifuge()
            || (connection.session != Session::Poll && !connection.subscriptions.is_empty())
    });
    let mut left = Vec::new();
    if !listens || !(rules.connections || rules.subscriptions) {
        return left;
    }
    let (connection, user, channels) = who(core, id);
    if rules.subscriptions {
        for channel in channels {
            let (connection, user) = (connection.clone(), Arc::clone(&user));
            left.push(event(core, EventKind::Unsubscribed { connection, user, channel }));
        }
    }
    if rules.connections {
        left.push(event(core, EventKind::Disconnected { connection, user }));
    }
    left
}

/// Hands over what there is to tell.
pub(crate) fn tell(core: &mut Core) {
    if core.config.hooks.events.channels {
        tell_occupancy(core);
    }
    if !core.events.is_empty() {
        let events = std::mem::take(&mut core.events);
        core.backends.tell(events);
    }
}

fn tell_occupancy(core: &mut Core) {
    for change in core.hub.take_occupancy() {
        let channel = change.channel;
        let is_occupied = change.is_occupied;
        let kind = if is_occupied {
            EventKind::Occupied { channel }
        } else {
            EventKind::Vacated { channel }
        };
        push(core, kind);
    }
}

fn push(core: &mut Core, kind: EventKind) {
    let event = event(core, kind);
    core.events.push(event);
}

fn event(core: &Core, kind: EventKind) -> Event {
    Event { time_ms: core.wall.time().of_stamp_ms(core.now_ms), kind }
}

/// How the connection is named, its user, and its channels.
fn who(core: &Core, id: ConnId) -> (String, Arc<str>, Vec<ChannelName>) {
    let names = joined_to(core, id).filter_map(|(_, to)| core.hub.name(to.channel).cloned());
    let user = core.identities.user(id.index()).unwrap_or_default();
    (name_of(core, id), user.into(), names.collect())
}
