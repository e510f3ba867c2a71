//! `GET /echo`: messages come back as they went.

use switchboard_hub::Kind;
use switchboard_plane::ConnId;
use switchboard_ws::frame::{self, Opcode};
use switchboard_ws::head::Request;

use super::verbs::{Taken, Verbs};
use super::websocket::{self, Reader};
use crate::config::ECHO_LIMITS;
use crate::connection::Session;
use crate::core::Core;
use crate::http::{Answer, upgrade_with};

/// [`Session::Echo`].
pub(super) struct Echo;

/// Upgrades the connection.
pub(super) fn open(core: &mut Core, id: ConnId, request: &Request<'_>) -> Answer {
    match upgrade_with(request, &[], Some(&core.config.allowed_origins)) {
        Ok(upgrade) => {
            upgrade.complete(core, id, Session::Echo);
            Answer::TakenOver
        }
        Err(answer) => answer,
    }
}

impl Verbs for Echo {
    fn on_bytes(core: &mut Core, id: ConnId, bytes: &mut [u8], _scanned: usize) -> Taken {
        websocket::receive(core, id, bytes, &ECHO_LIMITS, Reader::new(message))
    }

    fn on_silent(core: &mut Core, id: ConnId) {
        websocket::ping(core, id);
    }

    fn on_flushed(core: &mut Core, id: ConnId) {
        core.clear_deadline(id);
    }

    fn on_due(core: &mut Core, id: ConnId) {
        websocket::due(core, id);
    }

    fn on_stop(core: &mut Core, id: ConnId, code: u16) {
        websocket::stop(core, id, code);
    }
}

fn message(core: &mut Core, id: ConnId, kind: Kind, payload: &[u8]) {
    let opcode = match kind {
        Kind::Text => Opcode::Text,
        Kind::Binary => Opcode::Binary,
    };
    core.reply(id, |out| frame::write(out, opcode, payload, None));
}
