//! What a backend wants of the subscriptions of a client, by the internal API.

use std::sync::Arc;

use switchboard_api::centrifugo::GivenChannel;
use switchboard_dialects::centrifuge::Unsubscribed;
use switchboard_hub::ChannelName;
use switchboard_plane::ConnId;

use super::{begin, server_side, subscribe};
use crate::connection::{Awaited, Order};
use crate::core::Core;
use crate::subscribe::find;

/// A client is to have a channel, at once or when its output is not parked. False where it has as many as it may.
pub(super) fn give(core: &mut Core, id: ConnId, given: &Arc<GivenChannel>) -> bool {
    forget(core, id, &given.name);
    if find(core, id, &given.name).is_none() && !has_room(core, id, given) {
        return false;
    }
    push(core, id, Order::Give(Arc::clone(given)));
    obey(core, id);
    let now_ms = core.now_ms;
    if let Some(connection) = core.slab.get_mut(id) {
        connection.settle(now_ms);
    }
    true
}

/// Whether a client may have one more channel beside those that it has and those that wait for it.
fn has_room(core: &Core, id: ConnId, given: &GivenChannel) -> bool {
    let (mut channels, mut info_bytes) = (0, 0);
    let waiting = orders(core, id).filter_map(|order| match order {
        Order::Give(given) => Some(&**given),
        Order::TakeAway(_) => None,
    });
    for given in waiting.chain([given]) {
        let options = &given.options;
        let has_joins = options.overrides.force_push_join_leave == Some(true);
        channels += 1 + usize::from(has_joins);
        info_bytes += options.info.as_ref().map_or(0, |info| info.len());
    }
    core.subscriptions(id).count() + channels <= core.config.channels_per_connection_max
        && core.terms.has_room(id.index(), None, info_bytes)
}

/// A client is to have a channel no more. While one of its subscriptions has not begun, that waits: nothing of it
/// goes before its reply.
pub(super) fn take_away(core: &mut Core, id: ConnId, name: &ChannelName) {
    forget(core, id, name);
    if find(core, id, name).is_some() {
        if core.slab.get(id).is_some_and(|connection| connection.gates.awaits_home()) {
            push(core, id, Order::TakeAway(name.clone()));
        } else {
            end(core, id, name);
        }
    }
}

/// Does what waits, as far as that can be done.
pub(super) fn obey(core: &mut Core, id: ConnId) {
    while orders(core, id).next().is_some() && is_open(core, id) {
        // It may have to wait for a home, and then goes out behind what is still to be sent.
        if core.outgoing.pending_bytes(id) > 0 {
            return core.revisit(id);
        }
        let Some(order) = take_first(core, id) else {
            return;
        };
        match order {
            Order::TakeAway(name) => end(core, id, &name),
            Order::Give(given) if find(core, id, &given.name).is_some() => {}
            Order::Give(given) => {
                if let Some(beginning) = server_side::give(core, id, &given) {
                    begin::begin(core, id, Awaited::Given(beginning));
                }
            }
        }
    }
}

fn end(core: &mut Core, id: ConnId, name: &ChannelName) {
    if let Some((nth, _)) = find(core, id, name) {
        subscribe::end(core, id, nth, Unsubscribed::Server);
    }
}

fn is_open(core: &Core, id: ConnId) -> bool {
    core.slab.get(id).is_some_and(|it| it.session.is_begun_centrifuge())
        && !core.is_output_parked(id)
}

fn orders(core: &Core, id: ConnId) -> impl Iterator<Item = &Order> {
    let busy = core.slab.get(id).and_then(|connection| connection.busy.as_ref());
    let commands = busy.and_then(|busy| busy.commands.as_ref());
    commands.into_iter().flat_map(|commands| &commands.orders)
}

fn push(core: &mut Core, id: ConnId, order: Order) {
    if let Some(connection) = core.slab.get_mut(id) {
        connection.busy().commands().orders.push(order);
    }
}

fn take_first(core: &mut Core, id: ConnId) -> Option<Order> {
    let commands = core.slab.get_mut(id)?.busy.as_mut()?.commands.as_mut()?;
    (!commands.orders.is_empty()).then(|| commands.orders.remove(0))
}

/// What was wanted of a channel before does not matter any more.
fn forget(core: &mut Core, id: ConnId, name: &ChannelName) {
    let busy = core.slab.get_mut(id).and_then(|connection| connection.busy.as_mut());
    if let Some(commands) = busy.and_then(|busy| busy.commands.as_mut()) {
        commands.orders.retain(|order| order.name() != name);
    }
}
