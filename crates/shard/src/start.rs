//! Where a subscriber begins: at once when this shard knows where its channels stand, else when
//! their homes have answered.
//!
//! Until then its seats are out of the fan-out, as those of a connection whose socket is full, and
//! it begins in the same way as such a one goes on: it pulls from the logs.

use switchboard_dialects::{Dialect, write_gap, write_start};
use switchboard_hub::{Begin, BehindGap, ChannelName, Gap, Start};
use switchboard_plane::ConnId;
use switchboard_ws::close;

use crate::closing;
use crate::connection::State;
use crate::core::Core;
use crate::fanout;
use crate::poll;

/// What a subscriber asked for, while the homes of its channels have not answered.
#[derive(Debug)]
pub(crate) struct Pending {
    /// One for each channel.
    pub(crate) starts: Vec<Start>,
    pub(crate) behind_gap: BehindGap,
}

/// Begins if all channels are known. Called when the subscriber has taken its seats and whenever a
/// home has answered.
pub(crate) fn begin(core: &mut Core, id: ConnId) {
    let Some(begins) = resolve(core, id) else {
        return;
    };
    if core.has_deleted_channel(id) {
        fanout::close_deleted(core, id);
        return core.await_room(id);
    }
    let gaps = place(core, id, begins);
    let Some(connection) = core.slab.get(id) else {
        return;
    };
    match connection.state {
        State::Polling => poll::begin(core, id, &gaps),
        _ => begin_stream(core, id, &gaps),
    }
}

/// Where each channel begins; none while a home has not answered.
fn resolve(core: &mut Core, id: ConnId) -> Option<Vec<Begin>> {
    let connection = core.slab.get(id)?;
    let pending = connection.busy.as_ref()?.start.as_ref()?;
    let begins = connection
        .seats()
        .zip(&pending.starts)
        .map(|(seat, start)| match start {
            // It stands where the home stood when it heard of this subscriber.
            Start::Now => core.hub.position(seat.channel).map(|_| {
                let cursor = core.hub.cursor(seat);
                Begin { cursor, gap: None }
            }),
            _ => core.hub.begin(core.now_ms, seat.channel, start, pending.behind_gap),
        })
        .collect::<Option<Vec<Begin>>>()?;
    core.slab.get_mut(id)?.busy().start = None;
    Some(begins)
}

/// Sets the cursors; returns what the subscriber cannot have.
fn place(core: &mut Core, id: ConnId, begins: Vec<Begin>) -> Vec<(ChannelName, Gap)> {
    let mut gaps = Vec::new();
    let Some(connection) = core.slab.get(id) else {
        return gaps;
    };
    for (seat, begin) in connection.seats().zip(begins) {
        core.hub.place(seat, begin.cursor);
        if let (Some(gap), Some(name)) = (begin.gap, core.hub.name(seat.channel)) {
            core.counters.gaps_announced.add(1);
            gaps.push((name.clone(), gap));
        }
    }
    gaps
}

/// A WebSocket or an event stream: what it missed, where it begins, and then whatever follows.
fn begin_stream(core: &mut Core, id: ConnId, gaps: &[(ChannelName, Gap)]) {
    let Some(dialect) = core.slab.get(id).map(|connection| connection.manner.dialect()) else {
        return;
    };
    if dialect == Dialect::Raw && gaps.iter().any(|(channel, _)| !may_lose(core, channel)) {
        core.counters.closed_lost.add(1);
        closing::close_websocket(core, id, close::POSITION_LOST, "the position is lost");
    } else {
        let position = core.position_text(id);
        let is_event_stream = dialect == Dialect::EventStream;
        let retry_ms = is_event_stream.then_some(core.config.event_stream_retry_ms);
        core.reply(id, |out| {
            for (channel, gap) in gaps {
                write_gap(dialect, channel, gap, &position, out);
            }
            write_start(dialect, &position, retry_ms, out);
        });
    }
    core.await_room(id);
}

/// Whether raw clients of the channel's namespace may miss publications without being told.
pub(crate) fn may_lose(core: &Core, channel: &ChannelName) -> bool {
    let namespaces = &core.config.namespaces;
    namespaces.resolve(channel).is_some_and(|namespace| namespaces.rules(namespace).lossy_raw)
}
