//! How the traffic secrets come out of rustls: through its key log, on the thread that calls it.
//!
//! The keys that rustls hands out at the end have no secret with them, and without one there is no `KeyUpdate`. So
//! the log is ours. It writes nothing anywhere: what it hears stays in a cell of the thread until the handshake that
//! is being driven takes it.

use std::cell::RefCell;

use rustls::KeyLog;
use zeroize::Zeroize;

use crate::keys::SECRET_BYTES;

/// The secrets of both directions, where their suite has 32 bytes for one.
#[derive(Default, Zeroize, zeroize::ZeroizeOnDrop)]
pub(crate) struct TrafficSecrets {
    pub(crate) client: Option<[u8; SECRET_BYTES]>,
    pub(crate) server: Option<[u8; SECRET_BYTES]>,
}

thread_local! {
    static HEARD: RefCell<TrafficSecrets> = RefCell::default();
}

/// Hears the secrets that rustls derives.
#[derive(Debug)]
pub(crate) struct Listener;

const CLIENT: &str = "CLIENT_TRAFFIC_SECRET_0";
const SERVER: &str = "SERVER_TRAFFIC_SECRET_0";

impl KeyLog for Listener {
    fn log(&self, label: &str, _client_random: &[u8], secret: &[u8]) {
        let secret = secret.try_into().ok();
        HEARD.with_borrow_mut(|heard| match label {
            CLIENT => heard.client = secret,
            SERVER => heard.server = secret,
            _ => {}
        });
    }

    fn will_log(&self, label: &str) -> bool {
        matches!(label, CLIENT | SERVER)
    }
}

impl TrafficSecrets {
    /// Adds what this thread has heard since the last call, and leaves nothing of it behind.
    pub(crate) fn take_heard(&mut self) {
        let mut heard = HEARD.take();
        self.client = heard.client.take().or(self.client);
        self.server = heard.server.take().or(self.server);
    }
}

/// Forgets what was heard and not taken, of a handshake that failed.
pub(crate) fn forget_heard() {
    HEARD.take().zeroize();
}
