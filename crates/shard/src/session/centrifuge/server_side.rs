//! Channels that the server gives a client that has not asked for them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use switchboard_api::centrifugo::GivenChannel;
use switchboard_auth::{ChannelOptions, Claims, Opening};
use switchboard_dialects::centrifuge::Recover;
use switchboard_hub::{ChannelName, Start};
use switchboard_plane::ConnId;

use super::begun::{begun, granted};
use super::{begin, join_leave, subscription_token};
use crate::connection::Beginning;
use crate::core::Core;
use crate::identity::{self, Grant, GrantedBy};
use crate::subscribe::{self, presence};

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
    let (mut given, mut with_joins) = (Vec::new(), 0);
    for name in names {
        let name = ChannelName::new(name).map_err(|_| NotGiven::Unknown)?;
        let namespace = core.config.namespaces.resolve(&name).ok_or(NotGiven::Unknown)?;
        let has_joins = core.config.namespaces.rules(namespace).join_leave;
        if has_joins && presence::channel_of(&name).is_none() {
            return Err(NotGiven::Unknown);
        }
        if identity::may_subscribe(&core.config, Some(claims).into(), &name) {
            let overrides = options(claims.opening.as_deref(), &name).overrides;
            with_joins += usize::from(overrides.force_push_join_leave == Some(true));
            given.push(name);
        }
    }
    if given.len() + with_joins > core.config.channels_per_connection_max {
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
        let start = begin::start(core, id, name, recover.map_or(Start::Now, Recover::start));
        let offset = recover.map_or(0, |recover| recover.offset);
        let options = options(opening, name);
        let Some(beginning) =
            take(core, id, name, (GrantedBy::Identity, &options), (start, offset))
        else {
            break;
        };
        begins.push(beginning);
    }
    begins
}

/// Subscribes a client to a channel that a backend gives it.
pub(super) fn give(core: &mut Core, id: ConnId, given: &GivenChannel) -> Option<Beginning> {
    take(core, id, &given.name, (GrantedBy::Backend, &given.options), given.start)
}

/// What is said of a channel that a client has from its beginning.
fn options<'a>(opening: Option<&'a Opening>, name: &ChannelName) -> Cow<'a, ChannelOptions> {
    let options = opening.and_then(|opening| opening.channels.get(name.as_str()));
    options.map_or_else(Cow::default, Cow::Borrowed)
}

/// Subscribes a client to a channel on another word than its own. It has no wishes of its own, so it is granted
/// what the backend does not take.
fn take(
    core: &mut Core,
    id: ConnId,
    name: &ChannelName,
    (by, options): (GrantedBy, &ChannelOptions),
    (start, offset): (Start, u64),
) -> Option<Beginning> {
    let granted = granted(options, (false, false));
    let start = if granted.recovery { start } else { Start::Now };
    let end_s = subscription_token::end_s(options.expires_at_s);
    let presence = join_leave::wanted(core, id, name, (false, options.overrides));
    let nth = subscribe::subscribe_to(core, id, name)?;
    core.identities.grants.add(id.index(), Grant { nth, by, end_s });
    begun(core, id, (nth, name), (options, granted), presence.as_ref());
    let data = options.data.clone();
    Some(Beginning { nth, start, offset, granted, rejects_unrecovered: false, data, end_s: None })
}

/// Whether the client did not ask for a channel that it listens to, so that it cannot ask for it anew.
pub(super) fn is(core: &Core, id: ConnId, nth: u16) -> bool {
    let grant = core.identities.grants.get(id.index(), nth);
    grant.is_some_and(|grant| match grant.by {
        GrantedBy::Identity | GrantedBy::Backend => true,
        GrantedBy::Token | GrantedBy::Hook => false,
    })
}
