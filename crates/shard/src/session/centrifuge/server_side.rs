//! Channels that the server gives a client that has not asked for them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use switchboard_api::centrifugo::GivenChannel;
use switchboard_auth::{Claims, Opening};
use switchboard_dialects::centrifuge::Recover;
use switchboard_hub::{ChannelName, Start};
use switchboard_plane::ConnId;

use super::begin::start;
use super::connected::GRACE_S;
use crate::connection::Beginning;
use crate::core::Core;
use crate::identity::{self, Grant, GrantedBy, NEVER_S};
use crate::subscribe::{self, events, presence, watches};

/// Why a client cannot have the channels that it is to have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum NotGiven {
    /// One is in no namespace, or has no name that a channel can have.
    Unknown,
    /// They are more than a connection may have.
    TooMany,
}

/// The channels that a client is to have from its beginning: those that its claims name, as far as their
/// namespaces let it listen. Names that stand for several are rights alone.
pub(super) fn given(core: &Core, claims: &Claims) -> Result<Vec<ChannelName>, NotGiven> {
    let names: BTreeSet<&str> = claims.channels.exact().collect();
    let mut given = Vec::new();
    for name in names {
        let name = ChannelName::new(name).map_err(|_| NotGiven::Unknown)?;
        let namespace = core.config.namespaces.resolve(&name).ok_or(NotGiven::Unknown)?;
        let has_joins = core.config.namespaces.rules(namespace).join_leave;
        if has_joins && presence::channel_of(&name).is_none() {
            return Err(NotGiven::Unknown);
        }
        if identity::may_subscribe(&core.config, Some(claims).into(), &name) {
            given.push(name);
        }
    }
    if given.len() > core.config.channels_per_connection_max {
        return Err(NotGiven::TooMany);
    }
    Ok(given)
}

/// Subscribes a client that begins to these. It goes on where it says that it was in them.
pub(super) fn subscribe(
    core: &mut Core,
    id: ConnId,
    names: &[ChannelName],
    had: &BTreeMap<Cow<'_, str>, Recover<'_>>,
    opening: Option<&Opening>,
) -> Vec<Beginning> {
    let mut begins = Vec::new();
    for name in names {
        let recover = had.get(name.as_str());
        let asked = recover.map_or(Start::Now, Recover::start);
        let start = start(core, id, name, asked);
        let options = opening.and_then(|opening| opening.channels.get(name.as_str()));
        let end_s = options.and_then(|options| options.expires_at_s);
        let end_s = end_s.and_then(|end_s| u32::try_from(end_s).ok());
        let end_s = end_s.map_or(NEVER_S, |end_s| end_s.saturating_add(GRACE_S));
        let Some(nth) = take(core, id, name, (GrantedBy::Identity, end_s)) else {
            break;
        };
        begins.push(Beginning {
            nth,
            start,
            offset: recover.map_or(0, |recover| recover.offset),
            rejects_unrecovered: false,
            data: options.and_then(|options| options.data.clone()),
            end_s: None,
        });
    }
    begins
}

/// Subscribes a client to a channel that a backend gives it.
pub(super) fn give(core: &mut Core, id: ConnId, given: &GivenChannel) -> Option<Beginning> {
    let end_s = given.end_s.map_or(NEVER_S, |end_s| end_s.saturating_add(GRACE_S));
    let (start, offset) = given.start;
    let nth = take(core, id, &given.name, (GrantedBy::Backend, end_s))?;
    let data = given.data.clone();
    Some(Beginning { nth, start, offset, rejects_unrecovered: false, data, end_s: None })
}

/// Subscribes a client to a channel on another word than its own, until then.
fn take(
    core: &mut Core,
    id: ConnId,
    name: &ChannelName,
    (by, end_s): (GrantedBy, u32),
) -> Option<u16> {
    let nth = subscribe::subscribe_to(core, id, name)?;
    watches::give_way(core, id, name);
    core.identities.grants.add(id.index(), Grant { nth, by, end_s });
    presence::joined_one(core, id, nth);
    events::joined_one(core, id, nth);
    Some(nth)
}

/// Whether the client did not ask for a channel that it listens to, so that it cannot ask for it anew.
pub(super) fn is(core: &Core, id: ConnId, nth: u16) -> bool {
    let grant = core.identities.grants.get(id.index(), nth);
    grant.is_some_and(|grant| match grant.by {
        GrantedBy::Identity | GrantedBy::Backend => true,
        GrantedBy::Token => false,
    })
}
