//! What the server asks of backends, and what it tells them.
//!
//! A shard puts a [`Question`] on behalf of a client and gets an [`Answer`] or a [`Refusal`]; what happens
//! to connections and channels it tells as an [`Event`]. On the wire both are as Centrifugo's, in JSON
//! ([`request_body`], [`read_response`], [`batch_body`]), with a signature of our own ([`Signer`]). A
//! [`Breaker`] says when a backend may be asked, a [`Debounce`] which events are worth telling.
//!
//! This crate has no socket, clock or thread: who carries a question to a backend is not its business.
#![forbid(unsafe_code)]

mod answer;
mod batch;
mod breaker;
mod debounce;
mod event;
mod question;
mod request;
mod response;
mod signature;

pub use answer::{Answer, Refreshed, Refusal, Verdict};
pub use batch::batch_body;
pub use breaker::{Breaker, BreakerRules, Outcome, Permit};
pub use debounce::Debounce;
pub use event::{Event, EventKind};
pub use question::{Client, Hook, Payload, Question};
pub use request::request_body;
pub use response::{Garbage, read_response};
pub use signature::Signer;
