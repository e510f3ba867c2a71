//! Pings: by the silence of the server, since a client gives up when it hears nothing, whatever it says
//! itself. The deadline of a connection that has nothing else to wait for is that of its next ping.

use switchboard_dialects::centrifuge::Disconnect;
use switchboard_plane::ConnId;
use switchboard_ws::frame::{self, Opcode};

use super::close;
use super::push::framing;
use crate::connection::ListenFlag;
use crate::core::Core;
use crate::hooks;
use crate::time::Tick;

/// When a client that begins now is pinged first: in the second half of the interval, spread by the slot, so
/// that those who came together are not pinged together.
pub(super) fn first(core: &Core, id: ConnId) -> Tick {
    let interval_ms = core.config.timeouts.ping_interval_ms;
    core.now.after_ms(interval_ms / 2 + interval_ms / 2 * u64::from(id.index() % 64) / 64)
}

/// The answer to a ping of the protocol. Any other would be a way to keep the server busy for nothing.
pub(super) fn pong(core: &mut Core, id: ConnId) {
    let has = |flag| core.slab.get(id).is_some_and(|connection| connection.mode.has(flag));
    if has(ListenFlag::OwesPong) && !has(ListenFlag::FramePings) {
        answered(core, id);
    } else {
        close::close(core, id, Disconnect::BadRequest);
    }
}

/// A pong frame. One that no ping asked for says nothing (RFC 6455 section 5.5.3).
pub(super) fn pong_frame(core: &mut Core, id: ConnId) {
    let has = |flag| core.slab.get(id).is_some_and(|connection| connection.mode.has(flag));
    if has(ListenFlag::OwesPong) && has(ListenFlag::FramePings) {
        answered(core, id);
    }
}

/// A ping was answered.
fn answered(core: &mut Core, id: ConnId) {
    let (now, timeouts) = (core.now, &core.config.timeouts);
    let (interval_ms, pong_ms) = (timeouts.ping_interval_ms, timeouts.pong_ms);
    let Some(connection) = core.slab.get_mut(id) else {
        return;
    };
    connection.mode.set(ListenFlag::OwesPong, false);
    // The next one is due as long after the ping as that is told, however late its answer is.
    let since_ping_ms = pong_ms.saturating_sub(connection.deadline.since_ms(now));
    connection.deadline = now.after_ms(interval_ms.saturating_sub(since_ping_ms));
}

/// All that waited for a full socket has gone out, so the client has just heard something.
pub(super) fn flushed(core: &mut Core, id: ConnId) {
    let (now, timeouts) = (core.now, &core.config.timeouts);
    let Some(connection) = core.slab.get_mut(id) else {
        return;
    };
    let owes_pong = connection.mode.has(ListenFlag::OwesPong);
    let is_opening = !connection.session.is_begun_centrifuge();
    connection.deadline = now.after_ms(match (owes_pong, is_opening) {
        (_, true) => timeouts.handshake_ms,
        (true, false) => timeouts.pong_ms,
        (false, false) => timeouts.ping_interval_ms,
    });
}

/// The deadline has passed.
pub(super) fn due(core: &mut Core, id: ConnId) {
    let pong_due = core.now.after_ms(core.config.timeouts.pong_ms);
    let awaits_verdict = hooks::awaits_verdict(core, id);
    let Some(connection) = core.slab.get_mut(id) else {
        return;
    };
    if connection.gates.is_output_parked() {
        return close::slow(core, id);
    }
    if !connection.session.is_begun_centrifuge() {
        return close::close(core, id, Disconnect::Stale);
    }
    let owes_pong = connection.mode.has(ListenFlag::OwesPong);
    // Nothing is heard of a client that is not read.
    if owes_pong && !connection.gates.is_input_parked() && !awaits_verdict {
        return close::close(core, id, Disconnect::NoPong);
    }
    let has_frame_pings = connection.mode.has(ListenFlag::FramePings);
    connection.deadline = pong_due;
    if !owes_pong {
        connection.mode.set(ListenFlag::OwesPong, true);
        core.counters.pings_sent.add(1);
        if has_frame_pings {
            core.reply(id, |out| frame::write(out, Opcode::Ping, &[], None));
        } else if let Some(framing) = framing(core, id) {
            core.reply(id, |out| framing.write_ping(out));
        }
    }
}
