//! A client publishes on its WebSocket.

use switchboard_auth::Access;
use switchboard_hub::{Draft, Kind, NamespaceId, Receipt, ReplyTo, Subscription};
use switchboard_plane::ConnId;
use switchboard_ws::close;
use thiserror::Error;

use super::websocket;
use crate::connection::InputReason;
use crate::core::Core;
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
        match error {
            PublishError::Right(_) => core.counters.closed_right.add(1),
            _ => core.counters.closed_policy.add(1),
        }
        // What else is in this read is looked at only for the peer's Close.
        websocket::close(core, id, error.close_code(), &error.to_string());
    }
}

/// Publishes to the one channel of a connection.
fn publish_to_only(
    core: &mut Core,
    id: ConnId,
    kind: Kind,
    payload: &[u8],
) -> Result<(), PublishError> {
    let (Some(subscription), Some(connection)) = (core.subscription(id, 0), core.slab.get(id))
    else {
        return Ok(());
    };
    let are_several = connection.subscriptions.are_several();
    let draft = Draft::new(kind, payload);
    let rule = if are_several { Err(PublishError::Several) } else { Ok(()) };
    publish(core, id, subscription, draft, None, rule).map(drop)
}

/// Publishes to a channel that the client listens to, if it may; `rule` is what its session asks beside the
/// namespace. With a `request`, the session gets the receipt: from here, or later as `on_published` under
/// this number.
pub(super) fn publish(
    core: &mut Core,
    id: ConnId,
    subscription: Subscription,
    draft: Draft,
    request: Option<u32>,
    rule: Result<(), PublishError>,
) -> Result<Option<Receipt>, PublishError> {
    let (Some(namespace), Some(name)) =
        (core.hub.namespace(subscription.channel), core.hub.name(subscription.channel).cloned())
    else {
        return Ok(None);
    };
    let namespaces = &core.config.namespaces;
    if !identity::may_publish(core, id, namespace, &name) {
        return Err(match namespaces.rules(namespace).publish {
            Access::Nobody => PublishError::Namespace(namespaces.name(namespace).to_owned()),
            _ => PublishError::Right(name.to_string()),
        });
    }
    rule?;
    let per_second = namespaces.rules(namespace).publish_per_second;
    if per_second > 0 && !take_token(core, id, namespace, per_second) {
        let namespace = core.config.namespaces.name(namespace).to_owned();
        return Err(PublishError::TooMany { per_second, namespace });
    }
    let Some(connection) = core.slab.get(id) else {
        return Ok(None);
    };
    if !core.places.shared().may_publish(|| connection.peer.ip(), core.now_ms) {
        core.counters.refused_publishes.add(1);
        return Err(PublishError::Address);
    }
    let (shard, conn, generation) = (core.shard, id.index(), id.generation());
    let reply_to = request.map(|request| ReplyTo { shard, conn, generation, request });
    let receipt = core.hub.publish(core.now_ms, &name, draft, reply_to, &mut core.exchange.outbox);
    core.counters.published_by_clients.add(1);
    if core.exchange.is_over_bound() {
        core.park_input(id, InputReason::Mailbox);
    }
    Ok(receipt)
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
