//! How the connection of a Centrifuge client ends.

use switchboard_dialects::centrifuge::{Disconnect, Framing, Push, close_reason};
use switchboard_plane::ConnId;
use switchboard_ws::close as codes;

use super::push::{framing, push};
use crate::core::Core;
use crate::lifecycle::ending;
use crate::session::websocket;
use crate::subscribe;

/// Ends the connection, and counts why.
pub(super) fn close(core: &mut Core, id: ConnId, why: Disconnect) {
    let counters = &core.counters;
    match why {
        Disconnect::Slow => counters.closed_slow.add(1),
        Disconnect::NoPong => counters.closed_dead.add(1),
        Disconnect::ConnectionLimit => counters.refused_user.add(1),
        // Counted by who says so.
        Disconnect::Shutdown
        | Disconnect::Expired
        | Disconnect::ForceDisconnect
        | Disconnect::InsufficientState
        | Disconnect::SubscriptionExpired
        | Disconnect::InvalidToken => {}
        Disconnect::Stale => counters.timed_out_head.add(1),
        Disconnect::BadRequest | Disconnect::InappropriateProtocol => {
            counters.closed_protocol.add(1);
        }
        Disconnect::NotAvailable | Disconnect::TooManyErrors | Disconnect::ChannelLimit => {
            counters.closed_policy.add(1);
        }
    }
    close_with(core, id, why.code(), why.reason());
}

/// Ends the connection with a code: by a Close frame, or, where there is none, by a push and the end of the
/// stream.
pub(super) fn close_with(core: &mut Core, id: ConnId, code: u16, reason: &str) {
    match framing(core, id) {
        None => {}
        Some(Framing::Message) => websocket::close(core, id, code, &close_reason(reason)),
        Some(framing) => {
            tracing::debug!(?id, code, reason, "ending a stream");
            subscribe::leave(core, id);
            push(core, id, "", &Push::Disconnect { code, reason });
            core.reply(id, |out| framing.write_end(out));
            ending::linger(core, id);
        }
    }
}

/// Ends a client that is too slow. It comes back and goes on where it was.
pub(super) fn slow(core: &mut Core, id: ConnId) {
    close(core, id, Disconnect::Slow);
    if let Some(connection) = core.slab.get_mut(id) {
        connection.busy().too_slow = true;
    }
}

/// The server stops, or the client is to go: `code` is what other WebSockets are told.
pub(super) fn stop(core: &mut Core, id: ConnId, code: u16) {
    let why = match code {
        codes::IDENTITY_EXPIRED => Disconnect::Expired,
        codes::FORBIDDEN => Disconnect::ForceDisconnect,
        _ => Disconnect::Shutdown,
    };
    close(core, id, why);
}
