//! From a request to a WebSocket.

use switchboard_plane::ConnId;
use switchboard_ws::handshake::{self, Accept, HandshakeError, Rules};
use switchboard_ws::head::Request;

use super::answer::Answer;
use super::origin;
use super::response::{HEAD_BYTES, Response};
use crate::connection::Session;
use crate::core::Core;
use crate::time::Tick;

/// A handshake that has passed every check, with its answer.
#[derive(Debug)]
pub(crate) struct Upgrade {
    response: Vec<u8>,
    /// The subprotocol that was chosen.
    pub(crate) protocol: Option<&'static str>,
}

/// Checks a handshake that is known to be one, and whose Origin has been checked ([`origin::check`]).
/// `protocols` are those that the path speaks.
pub(crate) fn upgrade(
    request: &Request<'_>,
    protocols: &[&'static str],
) -> Result<Upgrade, Answer> {
    let rules = Rules { protocols, allowed_origins: None };
    accepted(request, protocols, handshake::check_wanted(request, &rules))
}

/// Checks what may be a handshake, of pages of these origins.
pub(crate) fn upgrade_with(
    request: &Request<'_>,
    protocols: &[&'static str],
    allowed_origins: Option<&[String]>,
) -> Result<Upgrade, Answer> {
    let rules = Rules { protocols, allowed_origins };
    accepted(request, protocols, handshake::check(request, &rules))
}

fn accepted(
    request: &Request<'_>,
    protocols: &[&'static str],
    checked: Result<Accept<'_>, HandshakeError>,
) -> Result<Upgrade, Answer> {
    let accept = checked.map_err(|error| {
        if error == HandshakeError::OriginNotAllowed {
            origin::log_refusal(request);
        }
        refuse(error)
    })?;
    let mut response = Vec::with_capacity(HEAD_BYTES);
    accept.write_response(&mut response);
    let protocol = protocols.iter().copied().find(|name| accept.protocol == Some(*name));
    Ok(Upgrade { response, protocol })
}

/// A handshake that came here without its Upgrade.
pub(crate) fn upgrade_required() -> Answer {
    refuse(HandshakeError::UpgradeLost)
}

fn refuse(error: HandshakeError) -> Answer {
    match error.status() {
        426 => Answer::Response(Response::upgrade_required(&error.to_string())),
        status => Answer::refuse(status, error.to_string()),
    }
}

impl Upgrade {
    /// Queues the 101; what follows is a WebSocket.
    pub(crate) fn complete(self, core: &mut Core, id: ConnId, session: Session) {
        core.counters.handshakes.add(1);
        core.reply(id, |out| out.extend_from_slice(&self.response));
        core.enter(id, session, Tick::NEVER);
    }
}
