//! What a client may do with a channel.

use switchboard_auth::{Access, Claims, Patterns, allows};
use switchboard_dialects::Listen;
use switchboard_hub::{ChannelName, NamespaceId, Start};
use switchboard_plane::ConnId;

use crate::config::{ClientRules, Config};
use crate::core::Core;
use crate::http::{Answer, Response};
use crate::subscribe::{Channels, presence};

/// What a client has shown of who it is, as far as its rights go.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shown<'a> {
    user: Option<&'a str>,
    channels: Option<&'a Patterns>,
}

impl<'a> From<Option<&'a Claims>> for Shown<'a> {
    fn from(who: Option<&'a Claims>) -> Self {
        Self { user: who.map(|claims| &*claims.user), channels: who.map(|claims| &claims.channels) }
    }
}

impl<'a> Shown<'a> {
    /// Of a connection whose client asks for channels as it goes.
    pub(crate) fn by(core: &'a Core, id: ConnId) -> Self {
        let slot = id.index();
        let channels = core.identities.claims(slot).map(|claims| &claims.channels);
        Self { user: core.identities.user(slot), channels }
    }

    /// Whether it names this channel.
    pub(crate) fn names(self, name: &ChannelName) -> bool {
        self.channels.is_some_and(|channels| channels.match_name(name))
    }
}

/// Whether a client may listen to these channels, and of which of them a backend decides.
///
/// # Errors
/// 401 for a client that has not said who it is, 403 for one that has.
pub(crate) fn check_subscribe(
    core: &Core,
    who: Option<&Claims>,
    channels: &Channels,
) -> Result<Vec<ChannelName>, Answer> {
    let config = &core.config;
    let shown = who.into();
    let names = channels.names.iter().filter(|name| !may_subscribe(config, shown, name));
    let to_ask: Vec<ChannelName> = names.cloned().collect();
    let Some(name) = to_ask.iter().find(|name| !asks(config, shown, name)) else {
        return Ok(to_ask);
    };
    core.counters.refused_right.add(1);
    let helps =
        !is_for_nobody(config, name) && !watched(name).any(|name| is_for_nobody(config, &name));
    Err(if who.is_none() && helps {
        Answer::Response(Response::unauthorized(None))
    } else {
        Answer::refuse(403, format!("this client may not listen to channel {name}"))
    })
}

/// Whether a client may listen to a channel without a question to a backend.
pub(crate) fn may_subscribe(config: &Config, who: Shown<'_>, name: &ChannelName) -> bool {
    is_allowed(config, who, name, |rules| rules.subscribe) && may_watch(config, who, name)
}

/// Whether a client may listen to a channel that a token for this subscription grants it. Such tokens are also for
/// anonymous clients.
pub(crate) fn may_subscribe_by_token(config: &Config, who: Shown<'_>, name: &ChannelName) -> bool {
    let user = Some(who.user.unwrap_or_default());
    let may = |access| allows(access, user, || true, |_| false);
    may(rules(config, name).subscribe)
        && watched(name).all(|name| may(rules(config, &name).presence))
}

/// Whether a backend decides if a client may listen to a channel.
pub(crate) fn asks(config: &Config, who: Shown<'_>, name: &ChannelName) -> bool {
    rules(config, name).subscribe == Access::Hook && may_watch(config, who, name)
}

/// Whoever listens to `presence:NAME` learns who is in NAME, and needs the right for that.
fn may_watch(config: &Config, who: Shown<'_>, name: &ChannelName) -> bool {
    watched(name).all(|name| is_allowed(config, who, &name, |rules| rules.presence))
}

/// Whether a client may know who listens to a channel.
pub(crate) fn may_see_presence(config: &Config, who: Shown<'_>, name: &ChannelName) -> bool {
    is_allowed(config, who, name, |rules| rules.presence)
}

/// The channel whose joins and leaves are published in this one, the one whose are in that, and so on.
fn watched(name: &ChannelName) -> impl Iterator<Item = ChannelName> {
    std::iter::successors(presence::watched_by(name), presence::watched_by)
}

/// Nobody may listen to a channel, or to the one for its joins and leaves: no token would help.
fn is_for_nobody(config: &Config, name: &ChannelName) -> bool {
    let rules = rules(config, name);
    rules.subscribe == Access::Nobody || rules.presence == Access::Nobody
}

/// Where a client may begin in these channels: one without the right to their history begins with what is
/// published from now on. It hears of a gap where it asked for what came after a position, since nothing
/// is left out in silence.
pub(crate) fn without_history(
    config: &Config,
    who: Option<&Claims>,
    channels: &Channels,
    listen: &mut Listen,
) {
    for (name, start) in channels.names.iter().zip(&mut listen.starts) {
        if *start != Start::Now && !may_have_history(config, who.into(), name) {
            *start = match *start {
                Start::After(position) => Start::WithoutHistory(position),
                _ => Start::Now,
            };
        }
    }
}

/// Whether a client may have what was published before it came.
pub(crate) fn may_have_history(config: &Config, who: Shown<'_>, name: &ChannelName) -> bool {
    is_allowed(config, who, name, |rules| rules.history)
}

fn is_allowed(
    config: &Config,
    who: Shown<'_>,
    name: &ChannelName,
    access: impl FnOnce(&ClientRules) -> Access,
) -> bool {
    let rules = rules(config, name);
    let is_granted = || who.names(name);
    let is_own = |user: &str| rules.user_channels.is_own(user, name);
    allows(access(rules), who.user, is_granted, is_own)
}

fn rules<'c>(config: &'c Config, name: &ChannelName) -> &'c ClientRules {
    let namespaces = &config.namespaces;
    namespaces.rules(namespaces.resolve(name).unwrap_or(NamespaceId::DEFAULT))
}

/// Whether the client of a connection may publish in a channel of this namespace.
pub(crate) fn may_publish(
    core: &Core,
    id: ConnId,
    namespace: NamespaceId,
    name: &ChannelName,
) -> bool {
    let rules = core.config.namespaces.rules(namespace);
    let claims = || core.identities.claims(id.index());
    let is_granted = || claims().is_some_and(|claims| claims.publish.match_name(name));
    let is_own = |user: &str| rules.user_channels.is_own(user, name);
    allows(rules.publish, core.identities.user(id.index()), is_granted, is_own)
}
