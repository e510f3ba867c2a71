//! The ends of connections: a WebSocket that waits for the peer's Close, and one to which nothing more
//! will be said.

use switchboard_plane::ConnId;

use super::verbs::{Taken, Verbs};
use super::websocket::{self, Reader};
use crate::connection::Connection;
use crate::core::Core;
use crate::lifecycle::ending;

/// [`Session::Closing`](crate::connection::Session::Closing).
pub(super) struct Closing;

impl Verbs for Closing {
    /// Only the peer's Close is looked for.
    fn on_bytes(core: &mut Core, id: ConnId, bytes: &mut [u8], _scanned: usize) -> Taken {
        let limits = core.config.message;
        websocket::receive(core, id, bytes, &limits, Reader::new(|_, _, _, _| {}))
    }

    fn on_due(core: &mut Core, id: ConnId) {
        ending::cut(core, id);
    }
}

/// [`Session::Lingering`](crate::connection::Session::Lingering).
pub(super) struct Lingering;

impl Verbs for Lingering {
    fn on_bytes(_core: &mut Core, _id: ConnId, _bytes: &mut [u8], _scanned: usize) -> Taken {
        Taken::All
    }

    fn on_due(core: &mut Core, id: ConnId) {
        ending::cut(core, id);
    }

    fn is_owed_answer(_connection: &Connection) -> bool {
        true
    }
}
