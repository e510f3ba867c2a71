//! A stream to a Centrifuge SDK that has no WebSocket: the answer to a request that has its first commands.

use std::sync::Arc;

use switchboard_dialects::centrifuge::Framing;
use switchboard_hub::Kind;
use switchboard_plane::ConnId;
use switchboard_ws::handshake;
use switchboard_ws::head::Request;

use super::{commands, open};
use crate::connection::{Counted, EmulationSession, ListenMode, Session};
use crate::core::Core;

/// Opens it and obeys the first commands. They are `counted` as long as some wait.
pub(crate) fn open_stream(
    core: &mut Core,
    id: ConnId,
    request: &Request<'_>,
    (framing, cors): (Framing, u8),
    (bytes, counted): (&[u8], Counted),
) {
    let config = Arc::clone(&core.config);
    let (date, due) = (core.wall.time().date, core.now.after_ms(config.timeouts.handshake_ms));
    core.reply(id, |out| framing.write_response_head(date, config.cors(cors), out));
    core.enter(id, Session::of_centrifuge(framing, false), due);
    open::keep_headers(core, id, request, cors);
    let place = EmulationSession { shard: core.shard, id, accepted: core.accepted };
    let origin = handshake::foreign_origin(request).unwrap_or_default();
    let session = config.emulation.issue(place, origin);
    if let Some(connection) = core.slab.get_mut(id) {
        // A poll may have been answered on the same connection.
        connection.mode = ListenMode::default();
        connection.busy().commands().session = Some(session.into());
    }
    commands::message(core, id, Kind::Text, bytes);
    commands::count(core, id, counted);
}
