//! What a gateway wants done.

use std::fmt;

use switchboard_hub::Outbox;

use crate::call::Call;

/// Called once with the answer. Must be quick and must not block.
pub type Reply<T> = Box<dyn FnOnce(T) + Send>;

/// What a gateway wants done, in the order of the fields: who has a receipt may ask a shard about the
/// publication at once.
#[derive(Default)]
pub struct Out {
    /// What the shards must hear.
    pub mail: Outbox,
    /// To be called once the mail is posted.
    pub replies: Vec<Box<dyn FnOnce() + Send>>,
    /// For the engine.
    pub calls: Vec<Call>,
}

impl Out {
    /// Answers a program.
    pub(crate) fn reply<T: Send + 'static>(&mut self, reply: Reply<T>, value: T) {
        self.replies.push(Box::new(move || reply(value)));
    }
}

impl fmt::Debug for Out {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Out")
            .field("mail", &self.mail)
            .field("replies", &self.replies.len())
            .field("calls", &self.calls)
            .finish()
    }
}
