//! The events of coming and going.

use switchboard_dialects::centrifuge::Info;
use switchboard_dialects::{JOIN, LEAVE, PRESENCE_PREFIX};
use switchboard_hub::{ChannelName, Draft, Kind};
use switchboard_plane::ConnId;

use super::joined::joined as joined_to;
use crate::connection::Session;
use crate::core::{Announcement, Core};

/// The channel in which the joins and leaves of another are published; none for names that are too
/// long for it.
pub(crate) fn channel_of(name: &ChannelName) -> Option<ChannelName> {
    ChannelName::new(&format!("{PRESENCE_PREFIX}{name}")).ok()
}

/// The channel whose joins and leaves are published in this one.
pub(crate) fn watched_by(name: &ChannelName) -> Option<ChannelName> {
    ChannelName::new(name.as_str().strip_prefix(PRESENCE_PREFIX)?).ok()
}

/// A WebSocket or an event stream has taken its subscriptions.
///
/// What is announced is published with the mail of the next turn, so that no shard sends it before
/// the others have been told.
pub(crate) fn joined(core: &mut Core, id: ConnId) {
    announce(core, id, None, JOIN);
}

/// One that had begun to listen has taken one more subscription.
pub(crate) fn joined_one(core: &mut Core, id: ConnId, nth: u16) {
    announce(core, id, Some(nth), JOIN);
}

/// One that goes on to listen is about to give up one of its subscriptions.
pub(crate) fn leaving_one(core: &mut Core, id: ConnId, nth: u16) {
    announce(core, id, Some(nth), LEAVE);
}

/// Somebody is about to give up its subscriptions. Polls come and go all the time and say nothing.
pub(crate) fn leaving(core: &mut Core, id: ConnId) {
    if core.slab.get(id).is_some_and(|connection| connection.session != Session::Poll) {
        announce(core, id, None, LEAVE);
    }
}

/// Announces it in one channel of a connection, or in all.
fn announce(core: &mut Core, id: ConnId, only: Option<u16>, event: &str) {
    let (namespaces, slot) = (&core.config.namespaces, id.index());
    if !namespaces.any_join_leave() && core.terms.is_empty() {
        return;
    }
    let bound = |nth, name: &ChannelName| {
        let rules = namespaces.rules(namespaces.resolve(name)?);
        let is_told = core.terms.join_leave(slot, nth).unwrap_or(rules.join_leave);
        is_told.then_some((nth, name.clone(), rules.join_leave_per_second))
    };
    let told: Vec<(u16, ChannelName, u32)> = joined_to(core, id)
        .filter(|(nth, _)| only.is_none_or(|only| only == *nth))
        .filter_map(|(nth, subscription)| bound(nth, core.hub.name(subscription.channel)?))
        .collect();
    if told.is_empty() {
        return;
    }
    let connection = name_of(core, id);
    for (nth, name, per_second) in told {
        let Some(channel) = channel_of(&name) else {
            continue;
        };
        let info = core.config.centrifuge.then(|| info_of(core, id, Some(nth)));
        let text = serde_json::json!({ "event": event, "channel": name.as_str(), "connection": connection });
        let mut draft = Draft::new(Kind::Text, text.to_string().as_bytes())
            .with_content_type("application/json")
            .with_event(event);
        if let Some(info) = &info {
            draft = draft.with_info(info);
        }
        core.announcements.push(Announcement { channel, draft, per_second });
    }
}

/// What others are told of the client of a connection, as JSON; with what is said of it in the channel of one of
/// its subscriptions.
pub(crate) fn info_of(core: &Core, id: ConnId, nth: Option<u16>) -> String {
    let (client, slot) = (name_of(core, id), id.index());
    let user = core.identities.user(slot).unwrap_or_default();
    let in_channel = nth.and_then(|nth| core.terms.info(slot, nth));
    Info::new(user, &client, core.identities.info(slot)).in_channel(in_channel).to_json()
}

/// Names a connection in the whole server: shard, slot, generation. Centrifuge clients have names that
/// nobody else can make.
pub(crate) fn name_of(core: &Core, id: ConnId) -> String {
    if core.slab.get(id).is_some_and(|connection| connection.session.is_centrifuge()) {
        return core.config.client_ids.of(core.shard, id);
    }
    format!("{}-{}-{}", core.shard.0, id.index(), id.generation())
}
