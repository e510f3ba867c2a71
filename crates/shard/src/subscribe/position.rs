//! Where a connection stands in its channels, as its client is told.

use std::cmp::Ordering;

use switchboard_dialects::id::push_position;
use switchboard_hub::Position;
use switchboard_plane::ConnId;

use crate::connection::Delivery;
use crate::core::Core;
use crate::encoding::{Chain, PositionHeader, Wanted};

/// The positions in all channels of a connection.
pub(crate) fn text(core: &Core, id: ConnId) -> String {
    let mut text = String::new();
    for (_, subscription) in core.subscriptions(id) {
        push(core, subscription.channel, core.hub.cursor(subscription), &mut text);
    }
    text
}

/// Appends the position behind `cursor` in a channel.
pub(crate) fn push(core: &Core, channel: u32, cursor: u64, text: &mut String) {
    if let Some(Position { epoch, .. }) = core.hub.position(channel) {
        push_position(text, Position { epoch, offset: cursor });
    }
}

/// What is said with publications of the `nth` of a connection's subscriptions.
pub(crate) fn write_header(core: &Core, id: ConnId, nth: u16, header: &mut PositionHeader) {
    header.before.clear();
    header.after.clear();
    header.channel = None;
    header.chain = Chain::None;
    let Some(connection) = core.slab.get(id) else {
        return;
    };
    let Delivery::Stream(dialect) = connection.session.delivery() else {
        return;
    };
    if connection.shares_bytes(dialect) {
        let Some(subscription) = connection.subscriptions.get(&core.pool, nth) else {
            return;
        };
        let channel = || core.hub.name(subscription.channel).cloned();
        let (cursor, wanted) =
            (core.hub.cursor(subscription), Wanted::in_subscription(&core.hub, subscription));
        let chain = Chain::new(&core.hub, subscription.channel, cursor, wanted);
        *header = PositionHeader::shared(dialect, channel).behind(chain);
        return;
    }
    for (at, subscription) in core.subscriptions(id) {
        let channel = subscription.channel;
        let cursor = core.hub.cursor(subscription);
        match at.cmp(&nth) {
            Ordering::Less => push(core, channel, cursor, &mut header.before),
            Ordering::Equal => header.channel = core.hub.name(channel).cloned(),
            Ordering::Greater => push(core, channel, cursor, &mut header.after),
        }
    }
    if !header.after.is_empty() {
        header.after.insert(0, ',');
    }
}
