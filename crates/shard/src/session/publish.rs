//! A client publishes on its WebSocket.

use switchboard_hub::{Draft, Kind, Receipt, ReplyTo};
use switchboard_plane::ConnId;
use switchboard_ws::close;

use super::websocket;
use crate::connection::InputReason;
use crate::core::Core;
use crate::rate::TokenBucket;

/// A message of a subscriber: a publication to its channel.
pub(super) fn message(core: &mut Core, id: ConnId, kind: Kind, payload: &[u8]) {
    if let Err(reason) = publish(core, id, kind, payload, None) {
        core.counters.closed_policy.add(1);
        // What else is in this read is looked at only for the peer's Close.
        websocket::close(core, id, close::POLICY, &reason);
    }
}

/// Publishes, if the namespace lets clients do so. With a `request`, the session gets the receipt: from
/// here, or later as `on_published` under this number.
pub(super) fn publish(
    core: &mut Core,
    id: ConnId,
    kind: Kind,
    payload: &[u8],
    request: Option<u32>,
) -> Result<Option<Receipt>, String> {
    let Some(subscription) = core.subscription(id, 0) else {
        return Ok(None);
    };
    let Some(namespace) = core.hub.namespace(subscription.channel) else {
        return Ok(None);
    };
    let Some(connection) = core.slab.get_mut(id) else {
        return Ok(None);
    };
    let namespaces = &core.config.namespaces;
    let rules = namespaces.rules(namespace);
    if !rules.publish {
        let name = namespaces.name(namespace);
        return Err(format!("clients may not publish in namespace {name}"));
    }
    if connection.subscriptions.are_several() {
        return Err("a client that publishes must listen to exactly one channel".to_owned());
    }
    if rules.publish_per_second > 0 {
        let bucket = connection
            .busy()
            .bucket
            .get_or_insert_with(|| TokenBucket::new(rules.publish_per_second, core.now_ms));
        if !bucket.try_take(core.now_ms) {
            return Err(format!(
                "more than {} publications per second in namespace {}",
                rules.publish_per_second,
                namespaces.name(namespace)
            ));
        }
    }
    let Some(name) = core.hub.name(subscription.channel).cloned() else {
        return Ok(None);
    };
    let (shard, conn, generation) = (core.shard, id.index(), id.generation());
    let reply_to = request.map(|request| ReplyTo { shard, conn, generation, request });
    let draft = Draft::new(kind, payload);
    let receipt = core.hub.publish(core.now_ms, &name, draft, reply_to, &mut core.exchange.outbox);
    core.counters.published_by_clients.add(1);
    if core.exchange.is_over_bound() {
        core.park_input(id, InputReason::Mailbox);
    }
    Ok(receipt)
}
