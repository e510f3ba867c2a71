//! Where a subscriber begins: at once when this shard knows where its channels stand, else when
//! their homes have answered.
//!
//! Until then its subscriptions are out of the fan-out, as those of a connection whose socket is full, and
//! it begins in the same way as such a one goes on: it pulls from the logs.

use switchboard_dialects::id::push_position;
use switchboard_dialects::{Dialect, write_gap, write_start};
use switchboard_hub::{Begin, ChannelName, Gap, Seat, Start};
use switchboard_plane::ConnId;
use switchboard_ws::close;

use crate::closing;
use crate::connection::{Connection, State};
use crate::core::Core;
use crate::fanout;
use crate::poll;

/// What a subscriber cannot have, and where it goes on, in one of its channels.
struct Lost {
    nth: usize,
    channel: ChannelName,
    gap: Gap,
    /// Where it asked to begin.
    asked: Start,
}

/// Begins if all channels are known. Called when the subscriber has taken its subscriptions and whenever a
/// home has answered.
pub(crate) fn begin(core: &mut Core, id: ConnId) {
    let Some(begins) = resolve(core, id) else {
        return;
    };
    if core.has_deleted_channel(id) {
        fanout::close_deleted(core, id);
        return core.await_room(id);
    }
    let lost = place(core, id, begins);
    let Some(connection) = core.slab.get(id) else {
        return;
    };
    match connection.state {
        State::Polling => {
            let gaps: Vec<_> = lost.into_iter().map(|lost| (lost.channel, lost.gap)).collect();
            poll::begin(core, id, &gaps);
        }
        _ => begin_stream(core, id, &lost),
    }
}

/// Where each channel begins, and where it was to; none while a home has not answered.
fn resolve(core: &mut Core, id: ConnId) -> Option<Vec<(Begin, Start)>> {
    let connection = core.slab.get(id)?;
    let request = connection.busy.as_ref()?.resume.as_ref()?;
    let begin = |subscription: Seat, start: &Start| match start {
        // It stands where the home stood when it heard of this subscriber.
        Start::Now => {
            core.hub.position(subscription.channel)?;
            Some(Begin { cursor: core.hub.cursor(subscription), gap: None })
        }
        _ => core.hub.begin(core.now_ms, subscription.channel, start, request.on_gap),
    };
    let begins = connection
        .subscriptions()
        .zip(&request.starts)
        .map(|(subscription, start)| Some((begin(subscription, start)?, *start)))
        .collect::<Option<Vec<_>>>()?;
    core.slab.get_mut(id)?.busy().resume = None;
    Some(begins)
}

/// Sets the cursors; returns what the subscriber cannot have.
fn place(core: &mut Core, id: ConnId, begins: Vec<(Begin, Start)>) -> Vec<Lost> {
    let mut lost = Vec::new();
    let Some(connection) = core.slab.get(id) else {
        return lost;
    };
    for (nth, (subscription, (begin, asked))) in connection.subscriptions().zip(begins).enumerate()
    {
        core.hub.place(subscription, begin.cursor);
        if let (Some(gap), Some(name)) = (begin.gap, core.hub.name(subscription.channel)) {
            lost.push(Lost { nth, channel: name.clone(), gap, asked });
        }
    }
    core.counters.gaps_announced.add(lost.len() as u64);
    lost
}

/// A WebSocket or an event stream: what it missed, where it begins, and then whatever follows.
fn begin_stream(core: &mut Core, id: ConnId, lost: &[Lost]) {
    let Some(dialect) = core.slab.get(id).map(|connection| connection.mode.dialect()) else {
        return;
    };
    if dialect == Dialect::Raw
        && lost.iter().any(|lost| !core.config.namespaces.lossy_raw(&lost.channel))
    {
        core.counters.closed_lost.add(1);
        closing::close_websocket(core, id, close::POSITION_LOST, "the position is lost");
    } else {
        let is_event_stream = dialect == Dialect::EventStream;
        let retry_ms = is_event_stream.then_some(core.config.event_stream_retry_ms);
        let mut notices = Vec::new();
        for (told, Lost { channel, gap, .. }) in lost.iter().enumerate() {
            let position = position_before(core, id, &lost[told + 1..]);
            write_gap(dialect, channel, gap, &position, &mut notices);
        }
        let position = core.position_text(id);
        core.reply(id, |out| {
            out.append(&mut notices);
            write_start(dialect, &position, retry_ms, out);
        });
    }
    core.await_room(id);
}

/// Where a subscriber stands that has not been told yet of some gaps: in their channels still where it
/// asked to begin, so that it hears of them when it comes back before the notices have reached it.
fn position_before(core: &Core, id: ConnId, untold: &[Lost]) -> String {
    let mut text = String::new();
    let subscriptions = core.slab.get(id).into_iter().flat_map(Connection::subscriptions);
    for (nth, subscription) in subscriptions.enumerate() {
        match untold.iter().find(|lost| lost.nth == nth).map(|lost| lost.asked) {
            Some(Start::After(position)) => push_position(&mut text, position),
            _ => core.push_position(subscription.channel, core.hub.cursor(subscription), &mut text),
        }
    }
    text
}
