//! Remembers whether a client with access has spoken on a connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Shared by a connection and its requests, which carry it as an extension.
#[derive(Clone, Debug, Default)]
pub(crate) struct Access(Arc<AtomicBool>);

impl Access {
    /// A request passed the guard.
    pub(crate) fn grant(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_granted(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
