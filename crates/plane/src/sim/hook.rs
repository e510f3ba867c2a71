//! What a test does in the middle of a send.

use super::client::ClientId;

pub(super) struct Hook(Box<dyn FnMut(ClientId)>);

impl Hook {
    pub(super) fn new(act: impl FnMut(ClientId) + 'static) -> Self {
        Self(Box::new(act))
    }

    pub(super) fn call(&mut self, client: ClientId) {
        (self.0)(client);
    }
}

impl std::fmt::Debug for Hook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hook")
    }
}
