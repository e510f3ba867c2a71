//! What all streams share, WebSockets and event streams: how one begins, and how it is told of
//! gaps.

use switchboard_dialects::{Dialect, write_gap, write_start};
use switchboard_hub::{Gap, GapReason, SlowPolicy, Subscription};
use switchboard_plane::ConnId;

use crate::core::Core;
use crate::subscribe::{Lost, Missed, position, resume};

/// Tells a subscriber what it missed and where it begins. Then it gets whatever follows.
pub(super) fn start(core: &mut Core, id: ConnId, dialect: Dialect, lost: &[Lost]) {
    let retry_ms = dialect.is_event_stream().then_some(core.config.event_stream_retry_ms);
    let mut notices = Vec::new();
    for (told, Lost { channel, gap, .. }) in lost.iter().enumerate() {
        let position = resume::position_before(core, id, &lost[told + 1..]);
        write_gap(dialect, channel, gap, &position, &mut notices);
    }
    let position = position::text(core, id);
    core.reply(id, |out| {
        out.append(&mut notices);
        write_start(dialect, &position, retry_ms, out);
    });
    core.want_room(id);
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
        return namespaces.lossy_raw(&channel);
    }
    core.counters.gaps_announced.add(1);
    let position = position::text(core, id);
    let gap = Gap { reason: GapReason::Slow, missed: Some(missed) };
    core.reply(id, |out| write_gap(dialect, &channel, &gap, &position, out));
    true
}
