//! `/connection/websocket`: the upgrade of a Centrifuge SDK.

use std::sync::Arc;

use switchboard_dialects::centrifuge::{PROTOBUF, PROTOCOL};
use switchboard_plane::ConnId;
use switchboard_ws::head::Request;

use crate::connection::{ListenFlag, Session};
use crate::core::Core;
use crate::hooks;
use crate::http::{Answer, origin, upgrade_with};

/// An SDK wants to connect. Who its client is, it says as a WebSocket.
pub(crate) fn open(core: &mut Core, id: ConnId, request: &Request<'_>) -> Answer {
    match try_open(core, id, request) {
        Ok(answer) | Err(answer) => answer,
    }
}

fn try_open(core: &mut Core, id: ConnId, request: &Request<'_>) -> Result<Answer, Answer> {
    let config = Arc::clone(&core.config);
    let cors = origin::check(&config, request)?;
    let upgrade = upgrade_with(request, &[PROTOCOL], None)?;
    if upgrade.protocol.is_none() && wants_protobuf(request) {
        let sentence =
            "this server speaks JSON with Centrifuge SDKs (centrifuge-json), not Protobuf";
        return Err(Answer::refuse(400, sentence));
    }
    upgrade.complete(core, id, Session::CentrifugeOpening);
    let due = core.now.after_ms(config.timeouts.handshake_ms);
    if let Some(connection) = core.slab.get_mut(id) {
        connection.deadline = due;
        connection.mode.set(ListenFlag::FramePings, wants_frame_pings(request));
    }
    keep_headers(core, id, request, cors);
    Ok(Answer::TakenOver)
}

/// Keeps those headers that backends want to see of a client that begins, and of one that asks for a channel.
pub(super) fn keep_headers(core: &mut Core, id: ConnId, request: &Request<'_>, cors: u8) {
    let config = Arc::clone(&core.config);
    let headers = |names: &Option<_>| {
        names.as_ref().map(|names| hooks::headers(request, cors, names)).unwrap_or_default()
    };
    let (connect, subscribe) = (headers(&config.hooks.connect), headers(&config.hooks.subscribe));
    if let Some(connection) = core.slab.get_mut(id)
        && !(connect.is_empty() && subscribe.is_empty())
    {
        let commands = connection.busy().commands();
        commands.connect_headers = connect;
        commands.subscribe_headers = subscribe;
    }
}

/// Clients that do not want pings of the protocol say so in the query.
fn wants_frame_pings(request: &Request<'_>) -> bool {
    let query = request.query().unwrap_or_default();
    query.split('&').any(|it| it == "cf_ws_frame_ping_pong=true")
}

/// SDKs ask for it by its subprotocol, or in the query where they cannot.
fn wants_protobuf(request: &Request<'_>) -> bool {
    let offered = request.headers("sec-websocket-protocol");
    let mut offered = offered.flat_map(|value| value.split(|byte| *byte == b','));
    offered.any(|name| name.trim_ascii() == PROTOBUF.as_bytes())
        || request.query().is_some_and(|query| query.split('&').any(|it| it == "format=protobuf"))
}
