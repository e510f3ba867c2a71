//! Where a subscriber begins: at once when this shard knows where its channels stand, else when
//! their homes have answered.
//!
//! Until then its subscriptions are out of the fan-out, as those of a connection whose socket is
//! full, and it begins as such a connection goes on: it pulls from the logs.

use std::ops::RangeInclusive;

use switchboard_dialects::{Listen, id::push_position};
use switchboard_hub::{Begin, GapReason, Position, ReplyTo, Start, Subscription};
use switchboard_plane::ConnId;

use super::position;
use super::subscriptions::has_deleted_channel;
use crate::connection::{Lost, ResumeRequest};
use crate::core::Core;

/// Offsets that a subscriber will never get.
pub(crate) type Missed = RangeInclusive<u64>;

/// How far a subscriber is that waits for the homes of its channels.
#[derive(Debug)]
pub(crate) enum Resumed {
    /// Some have not answered, or it does not wait.
    Waiting,
    /// All have answered, and one of the channels was deleted meanwhile.
    Deleted,
    /// All have answered, and its cursors stand where it begins.
    Started(Vec<Lost>),
}

/// Keeps in mind where a new subscriber wants to begin.
pub(crate) fn request(core: &mut Core, id: ConnId, listen: Listen) {
    let starts = core.subscriptions(id).map(|(nth, _)| nth).zip(listen.starts).collect();
    if let Some(connection) = core.slab.get_mut(id) {
        let request = ResumeRequest { starts, on_gap: listen.on_gap, reaching: None };
        connection.busy().resume = Some(Box::new(request));
    }
}

/// Sets the cursors of a subscriber once all its channels are known.
pub(crate) fn resume(core: &mut Core, id: ConnId) -> Resumed {
    let Some(begins) = resolve(core, id) else {
        return Resumed::Waiting;
    };
    if has_deleted_channel(core, id) {
        return Resumed::Deleted;
    }
    Resumed::Started(place(core, begins))
}

/// Where a subscription begins, and where it was to.
#[derive(Debug)]
struct Begun {
    nth: u16,
    subscription: Subscription,
    begin: Begin,
    asked: Start,
}

/// Where each subscription begins; none while a home has not answered.
fn resolve(core: &mut Core, id: ConnId) -> Option<Vec<Begun>> {
    let connection = core.slab.get(id)?;
    let request = connection.busy.as_ref()?.resume.as_ref()?;
    let begin = |subscription: Subscription, start: Start| match start {
        // It stands where the home stood when it heard of this subscriber.
        Start::Now => {
            core.hub.position(subscription.channel)?;
            Some(Begin { cursor: core.hub.cursor(subscription), gap: None })
        }
        _ => core.hub.begin(core.now_ms, subscription.channel, &start, request.on_gap),
    };
    let asked = request.starts.iter().filter_map(|(nth, asked)| {
        Some((*nth, connection.subscriptions.get(&core.pool, *nth)?, *asked))
    });
    let begins = asked
        .map(|(nth, subscription, asked)| {
            Some(Begun { nth, subscription, begin: begin(subscription, asked)?, asked })
        })
        .collect::<Option<Vec<_>>>()?;
    if core.config.shares_channels && waits_for_homes(core, id, &begins) {
        return None;
    }
    core.end_await_home(id);
    Some(begins)
}

/// Another machine may have given out positions that the homes here have not come to yet: they are asked once to
/// say when they have.
fn waits_for_homes(core: &mut Core, id: ConnId, begins: &[Begun]) -> bool {
    let is_ahead = |begun: &&Begun| is_future(&begun.begin);
    let Core { slab, hub, exchange, shard, .. } = core;
    let busy = slab.get_mut(id).and_then(|connection| connection.busy.as_mut());
    let Some(request) = busy.and_then(|busy| busy.resume.as_mut()) else {
        return false;
    };
    if let Some(left) = request.reaching {
        return left > 0;
    }
    let to = ReplyTo { shard: *shard, conn: id.index(), generation: id.generation(), request: 0 };
    let mut asked = 0;
    for Begun { subscription, asked: start, .. } in begins.iter().filter(is_ahead) {
        let stand = hub.position(subscription.channel);
        let position = match *start {
            Start::After(position) => Some(position),
            Start::AfterOffset(offset) => stand.map(|stand| Position { offset, ..stand }),
            _ => None,
        };
        if let Some(position) = position {
            hub.ask_to_reach(subscription.channel, position, to, &mut exchange.outbox);
            asked += 1;
        }
    }
    request.reaching = Some(asked);
    asked > 0
}

/// A home has come as far as it was asked to, or will not. Whether all have.
pub(crate) fn reached(core: &mut Core, id: ConnId) -> bool {
    let busy = core.slab.get_mut(id).and_then(|connection| connection.busy.as_mut());
    let request = busy.and_then(|busy| busy.resume.as_mut());
    let Some(left) = request.and_then(|request| request.reaching.as_mut()) else {
        return false;
    };
    *left = left.saturating_sub(1);
    *left == 0
}

/// It begins before it asked to, since the position seems to be from the future.
pub(crate) fn is_future(begin: &Begin) -> bool {
    begin.gap.as_ref().is_some_and(|gap| gap.reason == GapReason::Future)
}

/// Sets the cursors; returns what the subscriber cannot have.
fn place(core: &mut Core, begins: Vec<Begun>) -> Vec<Lost> {
    let mut lost = Vec::new();
    for Begun { nth, subscription, begin, asked } in begins {
        core.hub.place(subscription, begin.cursor);
        if let (Some(gap), Some(name)) = (begin.gap, core.hub.name(subscription.channel)) {
            lost.push(Lost { nth, channel: name.clone(), gap, asked });
        }
    }
    core.counters.gaps_announced.add(lost.len() as u64);
    lost
}

/// Where a subscriber stands that has not been told yet of some gaps: in their channels still where
/// it asked to begin, so that it hears of them when it comes back before the notices have reached
/// it.
pub(crate) fn position_before(core: &Core, id: ConnId, untold: &[Lost]) -> String {
    let mut text = String::new();
    for (nth, subscription) in core.subscriptions(id) {
        match untold.iter().find(|lost| lost.nth == nth).map(|lost| lost.asked) {
            Some(Start::After(position) | Start::WithoutHistory(position)) => {
                push_position(&mut text, position);
            }
            _ => {
                position::push(
                    core,
                    subscription.channel,
                    core.hub.cursor(subscription),
                    &mut text,
                );
            }
        }
    }
    text
}
