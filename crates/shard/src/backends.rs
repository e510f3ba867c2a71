//! Backends, as all shards share them.

use std::fmt;

use switchboard_hooks::{Event, Question, Verdict};

use crate::command::Reply;

/// Carries questions and events to backends.
pub trait Backends: fmt::Debug + Send + Sync {
    /// Takes a question and returns at once. The verdict may come from any thread, also from within this
    /// call; a reply that is dropped counts as no answer.
    fn ask(&self, question: Question, reply: Reply<Verdict>);

    /// Takes events in the order in which they happened, and returns at once.
    fn tell(&self, events: Vec<Event>);
}

/// There are none: nobody answers.
#[derive(Clone, Copy, Debug)]
pub struct NoBackends;

impl Backends for NoBackends {
    fn ask(&self, _question: Question, _reply: Reply<Verdict>) {}

    fn tell(&self, _events: Vec<Event>) {}
}
