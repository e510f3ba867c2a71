//! What the dialects write, read back by readers that are independent of the writers.
#![allow(clippy::expect_used, clippy::unwrap_used)] // a test says what it missed by panicking

mod centrifuge;
mod event_stream;
mod examples;
mod given;
mod poll;
mod read;
mod v1;
