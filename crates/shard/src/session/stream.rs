//! What all streams share, WebSockets and event streams: how one begins, and how it is told of
//! gaps.

use switchboard_dialects::{Dialect, write_gap, write_start};
use switchboard_hub::{Gap, GapReason, SlowPolicy, Subscription};
use switchboard_plane::ConnId;

use crate::connection::Untold;
use crate::core::Core;
use crate::subscribe::{Lost, Missed, position, resume};

/// Notices that are made before the socket has taken those before them.
const NOTICES_BYTES_MAX: usize = 32 << 10;

/// Tells a subscriber what it missed and where it begins. Then it gets whatever follows.
pub(super) fn start(core: &mut Core, id: ConnId, dialect: Dialect, lost: Vec<Lost>) {
    tell(core, id, dialect, Untold { lost, next: 0 });
    core.want_room(id);
}

/// What was said has gone out: tells a subscriber more of what it missed. False when it knows all.
pub(super) fn tell_more(core: &mut Core, id: ConnId, dialect: Dialect) -> bool {
    let busy = core.slab.get_mut(id).and_then(|connection| connection.busy.as_mut());
    let Some(untold) = busy.and_then(|busy| busy.untold.take()) else {
        return false;
    };
    tell(core, id, dialect, *untold);
    true
}

fn tell(core: &mut Core, id: ConnId, dialect: Dialect, mut untold: Untold) {
    let mut notices = Vec::new();
    while let Some(Lost { channel, gap, .. }) = untold.lost.get(untold.next)
        && notices.len() < NOTICES_BYTES_MAX
    {
        untold.next += 1;
        let position = resume::position_before(core, id, &untold.lost[untold.next..]);
        write_gap(dialect, channel, gap, &position, &mut notices);
    }
    if untold.next == untold.lost.len() {
        let retry_ms = dialect.is_event_stream().then_some(core.config.event_stream_retry_ms);
        write_start(dialect, &position::text(core, id), retry_ms, &mut notices);
    } else if let Some(connection) = core.slab.get_mut(id) {
        connection.busy().untold = Some(Box::new(untold));
    }
    core.reply(id, |out| out.append(&mut notices));
}

/// Tells a subscriber which publications it will never get, if its namespace lets it go on without
/// them; its cursor is behind them already. False when it must go.
pub(super) fn tell_gap(
    core: &mut Core,
    id: ConnId,
    dialect: Dialect,
    subscription: Subscription,
    missed: Missed,
) -> bool {
    let Some(channel) = core.hub.name(subscription.channel).cloned() else {
        return false;
    };
    let namespaces = &core.config.namespaces;
    if namespaces.slow_policy(&channel) == SlowPolicy::Disconnect {
        return false;
    }
    if !dialect.has_positions() {
        return namespaces.lossy_plain(&channel);
    }
    core.counters.gaps_announced.add(1);
    let position = position::text(core, id);
    let gap = Gap { reason: GapReason::Slow, missed: Some(missed) };
    core.reply(id, |out| write_gap(dialect, &channel, &gap, &position, out));
    true
}
