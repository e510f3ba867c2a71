//! Handshakes and connections with clients that nobody here wrote: rustls in memory, and `openssl s_client`.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test that cannot go on has failed

mod support;

#[path = "peers/handshakes.rs"]
mod handshakes;
#[path = "peers/openssl.rs"]
mod openssl;
#[path = "peers/resumption.rs"]
mod resumption;
