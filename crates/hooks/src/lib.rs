//! What the server asks of backends, and what it tells them.
//!
//! A shard puts a [`Question`] on behalf of a client and gets an [`Answer`] or a [`Refusal`]; what happens
//! to connections and channels it tells as an [`Event`]. This crate has no socket, clock or thread: who
//! carries a question to a backend, and when, is not its business.
#![forbid(unsafe_code)]

mod answer;
mod event;
mod question;

pub use answer::{Answer, Refreshed, Refusal, Verdict};
pub use event::{Event, EventKind};
pub use question::{Client, Hook, Payload, Question};
