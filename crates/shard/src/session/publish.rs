//! A client publishes on its WebSocket.

use switchboard_auth::Access;
use switchboard_hooks::Verdict;
use switchboard_hub::{ChannelName, Draft, Kind, NamespaceId, Receipt, ReplyTo, Subscription};
use switchboard_plane::ConnId;
use switchboard_ws::close;
use thiserror::Error;

use super::websocket;
use crate::connection::InputReason;
use crate::core::Core;
use crate::hooks::{self, Decided};
use crate::identity;
use crate::rate::TokenBucket;

/// Why a client's publication is refused.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub(super) enum PublishError {
    #[error("clients may not publish in namespace {0}")]
    Namespace(String),
    #[error("this client may not publish to channel {0}")]
    Right(String),
    #[error("a client that publishes must listen to exactly one channel")]
    Several,
    #[error("more than {per_second} publications per second in namespace {namespace}")]
    TooMany { per_second: u32, namespace: String },
    #[error(
        "more publications per second than an address may make (publishes_per_second_per_address)"
    )]
    Address,
    #[error("more publications per second than a user may make (publishes_per_second_per_user)")]
    User,
}

impl PublishError {
    /// The close code for a client that has no other way to hear of it.
    fn close_code(&self) -> u16 {
        match self {
            Self::Right(_) => close::FORBIDDEN,
            _ => close::POLICY,
        }
    }
}

/// A message of a subscriber: a publication to its channel.
pub(super) fn message(core: &mut Core, id: ConnId, kind: Kind, payload: &[u8]) {
    if let Err(error) = publish_to_only(core, id, kind, payload) {
        count(core, &error);
        // What else is in this read is looked at only for the peer's Close.
        websocket::close(core, id, error.close_code(), &error.to_string());
    }
}

/// A message of a subscriber is under way. False where it was refused: no more is kept of what its client
/// may not publish.
pub(super) fn part(core: &mut Core, id: ConnId, _bytes: u64) -> bool {
    let Some(subscription) = core.subscription(id, 0) else {
        return true;
    };
    let may = check_only(core, id, subscription);
    if let Err(error) = &may {
        count(core, error);
        websocket::close_at_once(core, id, error.close_code(), &error.to_string());
    }
    may.is_ok()
}

fn count(core: &Core, error: &PublishError) {
    match error {
        PublishError::Right(_) => core.counters.closed_right.add(1),
        _ => core.counters.closed_policy.add(1),
    }
}

/// Publishes to the one channel of a connection.
fn publish_to_only(
    core: &mut Core,
    id: ConnId,
    kind: Kind,
    payload: &[u8],
) -> Result<(), PublishError> {
    let Some(subscription) = core.subscription(id, 0) else {
        return Ok(());
    };
    let Some(may) = check_only(core, id, subscription)? else {
        return Ok(());
    };
    // There is no answer to a client that publishes like this, but one that fails has to be told.
    let request = core.config.shares_channels.then_some(0);
    publish(core, id, (subscription, may), Draft::new(kind, payload), request).map(drop)
}

/// Without a name in its messages, the channel of a connection must be the only one.
fn check_only(
    core: &Core,
    id: ConnId,
    subscription: Subscription,
) -> Result<Option<May>, PublishError> {
    let may = check(core, id, subscription)?;
    let connection = core.slab.get(id);
    let are_several = connection.is_some_and(|connection| connection.subscriptions.are_several());
    if are_several { Err(PublishError::Several) } else { Ok(may) }
}

/// Where a client may publish, as far as its rights go.
#[derive(Clone, Copy, Debug)]
pub(super) struct May {
    namespace: NamespaceId,
    /// A backend decides.
    asks: bool,
}

/// Whether a client may publish to a channel that it listens to; none where the channel is gone.
pub(super) fn check(
    core: &Core,
    id: ConnId,
    subscription: Subscription,
) -> Result<Option<May>, PublishError> {
    let (Some(namespace), Some(name)) =
        (core.hub.namespace(subscription.channel), core.hub.name(subscription.channel))
    else {
        return Ok(None);
    };
    check_channel(core, id, namespace, name).map(Some)
}

/// Whether a client may publish to a channel of this namespace.
pub(super) fn check_channel(
    core: &Core,
    id: ConnId,
    namespace: NamespaceId,
    name: &ChannelName,
) -> Result<May, PublishError> {
    if identity::may_publish(core, id, namespace, name) {
        return Ok(May { namespace, asks: false });
    }
    let namespaces = &core.config.namespaces;
    match namespaces.rules(namespace).publish {
        Access::Hook => Ok(May { namespace, asks: true }),
        Access::Nobody => Err(PublishError::Namespace(namespaces.name(namespace).to_owned())),
        _ => Err(PublishError::Right(name.to_string())),
    }
}

/// Publishes to a channel that the client listens to, as [`check`] says that it may, unless that is too much.
/// With a `request`, the session gets the receipt: from here, or later as `on_published` under this number.
/// Where a backend decides, it hears of that as `on_verdict`.
pub(super) fn publish(
    core: &mut Core,
    id: ConnId,
    (subscription, may): (Subscription, May),
    draft: Draft,
    request: Option<u32>,
) -> Result<Option<Receipt>, PublishError> {
    match core.hub.name(subscription.channel).cloned() {
        Some(name) => publish_to(core, id, (name, may), draft, request),
        None => Ok(None),
    }
}

/// The same by the name of the channel, which the client need not listen to.
pub(super) fn publish_to(
    core: &mut Core,
    id: ConnId,
    (name, May { namespace, asks }): (ChannelName, May),
    draft: Draft,
    request: Option<u32>,
) -> Result<Option<Receipt>, PublishError> {
    let per_second = core.config.namespaces.rules(namespace).publish_per_second;
    if per_second > 0 && !take_token(core, id, namespace, per_second) {
        let namespace = core.config.namespaces.name(namespace).to_owned();
        return Err(PublishError::TooMany { per_second, namespace });
    }
    is_within_budget(core, id)?;
    if asks {
        hooks::ask_to_publish(core, id, name, draft, request);
        return Ok(None);
    }
    Ok(make(core, id, &name, draft, request))
}

/// Whether neither the address nor the user of a client has made as many publications, and requests to
/// backends, as it may.
pub(super) fn is_within_budget(core: &Core, id: ConnId) -> Result<(), PublishError> {
    let Some(connection) = core.slab.get(id) else {
        return Ok(());
    };
    let (shared, now_ms) = (core.places.shared(), core.now_ms);
    let error = if !shared.may_publish(|| connection.peer.ip(), now_ms) {
        PublishError::Address
    } else if !shared.users().may_publish(core.identities.user(id.index()), now_ms) {
        PublishError::User
    } else {
        return Ok(());
    };
    core.counters.refused_publishes.add(1);
    Err(error)
}

/// Makes a publication of a client that may. The receipt comes from here, or later as `on_published`.
pub(super) fn make(
    core: &mut Core,
    id: ConnId,
    name: &ChannelName,
    draft: Draft,
    request: Option<u32>,
) -> Option<Receipt> {
    let (shard, conn, generation) = (core.shard, id.index(), id.generation());
    let reply_to = request.map(|request| ReplyTo { shard, conn, generation, request });
    let receipt = core.hub.publish(core.now_ms, name, draft, reply_to, &mut core.exchange.outbox);
    core.counters.published_by_clients.add(1);
    if core.exchange.is_over_bound() {
        core.park_input(id, InputReason::Mailbox);
    }
    receipt
}

/// A backend has decided on the publication of a plain WebSocket. One that may not publish, or not now, has
/// no other way to hear of it than the end.
pub(super) fn decided(core: &mut Core, id: ConnId, verdict: Verdict) {
    let Some(Decided { channel, request, draft }) = hooks::decide(core, id, verdict) else {
        return;
    };
    match draft {
        Ok(draft) => {
            make(core, id, &channel, draft, request);
            core.unpark_input(id, &[InputReason::Answer]);
            core.revisit(id);
        }
        Err(refusal) => websocket::close_refused(core, id, &refusal),
    }
}

/// Whether the client has not published as often as it may in a namespace.
fn take_token(core: &mut Core, id: ConnId, namespace: NamespaceId, per_second: u32) -> bool {
    let now_ms = core.now_ms;
    let Some(connection) = core.slab.get_mut(id) else {
        return false;
    };
    let buckets = &mut connection.busy().buckets;
    let at = buckets.iter().position(|(of, _)| *of == namespace).unwrap_or_else(|| {
        buckets.push((namespace, TokenBucket::new(per_second, now_ms)));
        buckets.len() - 1
    });
    buckets[at].1.try_take(now_ms)
}
