//! What the dialects write, read back by readers that know nothing of the writers.

mod event_stream;
mod examples;
mod given;
mod poll;
mod read;
mod v1;
