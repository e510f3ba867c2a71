//! What must hold whatever bytes a peer, a backend or a publisher sends: one property for each parser, as a function of
//! bytes that panics where it does not hold.
//!
//! libFuzzer looks for inputs that break one (`fuzz/targets`, `scripts/fuzz.sh`, `docs/fuzzing.md`), and the ordinary
//! tests run all seeds and all former findings (`tests/corpus.rs`). Each property says more than "it does not panic":
//! it compares with a reader of its own, as simple as can be and without regard to cost, or reads back what it wrote.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a property says what does not hold by panicking"
)]

pub mod centrifuge_commands;
pub mod centrifuge_payloads;
pub mod centrifugo_calls;
pub mod chunked_bodies;
pub mod emulation;
pub mod forwarded_addresses;
pub mod fossil_delta;
pub mod hook_answers;
pub mod listen_requests;
pub mod positions;
pub mod proxy_headers;
pub mod publish_frames;
pub mod publish_lines;
pub mod request_heads;
pub mod tokens;
pub mod v1_messages;
pub mod ws_messages;

mod encoded;
mod form;
mod json;
mod pieces;
mod published;
mod wire;

/// A property, by the name of its fuzz target and of the folders of its inputs.
#[derive(Clone, Copy, Debug)]
pub struct Property {
    /// The name.
    pub name: &'static str,
    /// Panics where the property does not hold for these bytes.
    pub check: fn(&[u8]),
}

macro_rules! properties {
    ($($name:ident),+ $(,)?) => {
        &[$(Property { name: stringify!($name), check: $name::check }),+]
    };
}

/// All of them, those of the Centrifuge SDKs first.
pub const ALL: &[Property] = properties![
    centrifuge_commands,
    centrifuge_payloads,
    fossil_delta,
    emulation,
    request_heads,
    chunked_bodies,
    ws_messages,
    v1_messages,
    positions,
    listen_requests,
    publish_lines,
    publish_frames,
    centrifugo_calls,
    tokens,
    hook_answers,
    proxy_headers,
    forwarded_addresses,
];
