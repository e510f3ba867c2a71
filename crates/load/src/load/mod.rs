//! What is sent: sizes of messages.

mod sizes;

pub(crate) use sizes::Sizes;
