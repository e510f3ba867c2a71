//! Publications of the internal API on their way to the hub.

use switchboard_api::{ApiError, Item, frames, lines};
use switchboard_hub::{ChannelName, Condition, Draft, Receipt, ReplyTo};
use switchboard_plane::ConnId;

use crate::connection::{Form, InputReason, Results};
use crate::core::{Amount, Core};

/// Publications of one connection whose receipts other shards owe.
const AWAITED_MAX: usize = 1_024;

/// How far [`publish_all`] came.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Progress {
    /// All were published.
    Read,
    /// This turn has had its share.
    Later,
    /// Enough receipts are awaited.
    Full,
    /// A mailbox is over its bound.
    Crowded,
}

/// Publishes. The receipt is there at once where this shard is the home of the channel; otherwise it
/// comes as `on_published` under `number`.
pub(super) fn publish(
    core: &mut Core,
    id: ConnId,
    name: &ChannelName,
    draft: Draft,
    number: u32,
) -> Option<Receipt> {
    let reply_to = reply_to(core, id, number);
    let Core { hub, exchange, now_ms, .. } = core;
    let receipt = hub.publish(*now_ms, name, draft, Some(reply_to), &mut exchange.outbox);
    core.counters.published_by_backends.add(1);
    if core.exchange.is_over_bound() {
        core.park_input(id, InputReason::Mailbox);
    }
    receipt
}

/// The same for what is published under a condition.
pub(super) fn publish_if(
    core: &mut Core,
    id: ConnId,
    name: &ChannelName,
    publication: (Draft, Condition),
    number: u32,
) -> Option<Receipt> {
    let reply_to = reply_to(core, id, number);
    let Core { hub, exchange, now_ms, .. } = core;
    let out = &mut exchange.outbox;
    let receipt = hub.publish_if(*now_ms, name, publication, Some(reply_to), out);
    core.counters.published_by_backends.add(1);
    if core.exchange.is_over_bound() {
        core.park_input(id, InputReason::Mailbox);
    }
    receipt
}

fn reply_to(core: &Core, id: ConnId, request: u32) -> ReplyTo {
    ReplyTo { shard: core.shard, conn: id.index(), generation: id.generation(), request }
}

/// Publishes what is written in `bytes` from `at` on, as much as this turn has room for, and as its `share` of it
/// lets the connection.
pub(super) fn publish_all(
    core: &mut Core,
    id: ConnId,
    share: &mut Amount,
    form: Form,
    bytes: &[u8],
    at: &mut usize,
    results: &mut Results,
) -> Progress {
    loop {
        if core.exchange.is_over_bound() {
            return Progress::Crowded;
        }
        if results.awaited() >= AWAITED_MAX {
            return Progress::Full;
        }
        let lines_max = core.api.config.batch_lines_max;
        if results.count() >= lines_max && *at < bytes.len() {
            results.push(Some(Err(ApiError::too_many_lines(lines_max))));
            *at = bytes.len();
            return Progress::Read;
        }
        let limits = core.api.config.item_limits();
        let (item, behind) = match form {
            Form::Lines => match lines::next(bytes, *at) {
                None => (None, bytes.len()),
                Some((line, behind)) => (Some(lines::parse(line, limits)), behind),
            },
            Form::Frames => match frames::next(bytes, *at) {
                None => (None, bytes.len()),
                Some(Ok((frame, behind))) => (Some(frame.parse(limits)), behind),
                Some(Err(error)) => (Some(Err(error)), bytes.len()),
            },
        };
        let Some(item) = item else {
            *at = bytes.len();
            return Progress::Read;
        };
        if !core.turn_budget.take_of(share, behind - *at) {
            return Progress::Later;
        }
        *at = behind;
        let item = item.and_then(|item| check_namespace(core, item));
        results.push(match item {
            Ok(Item { name, draft }) => {
                publish(core, id, &name, draft, results.next_number()).map(Ok)
            }
            Err(error) => Some(Err(error)),
        });
    }
}

/// Enough receipts have come: more may be published. Not at each of them, since every look costs.
pub(super) fn may_go_on(results: &Results) -> bool {
    results.awaited() == 0 || results.awaited() == AWAITED_MAX / 2
}

fn check_namespace(core: &Core, item: Item) -> Result<Item, ApiError> {
    match core.config.namespaces.resolve(&item.name) {
        Some(_) => Ok(item),
        None => Err(ApiError::unknown_namespace(&item.name)),
    }
}
