//! What backends say to the internal API and what they are answered: bytes in, values out.
//!
//! It has no socket, clock or thread. The shards read publications with it and write receipts, and the
//! control side answers everything else in the same words: who has access ([`AccessRules`]), what a
//! publication is ([`Meta`], [`lines`], [`frames`]), how a refusal reads ([`ApiError`]), what is told
//! of a channel ([`ChannelInfo`]), what a number is that the server counts ([`Metric`]), how far the server is
//! in its life ([`Phase`]), and the same in the shapes of another server's API ([`centrifugo`]).
#![forbid(unsafe_code)]

mod access;
pub mod centrifugo;
mod channel;
mod encoding;
mod error;
pub mod frames;
mod item;
pub mod lines;
mod meta;
mod metric;
mod outcome;
mod phase;
mod scope;

pub use access::{AccessRules, ApiKey, Granted};
pub use channel::{ChannelInfo, accepts_json, channel_in};
pub use encoding::check_encoding;
pub use error::{ApiError, ErrorBody};
pub use item::{Item, ItemLimits};
pub use meta::{Meta, media_type};
pub use metric::{HistogramCounts, Kind, Metric, Unit};
pub use outcome::{Outcome, write_outcome};
pub use phase::{Phase, PhaseCell};
pub use scope::{NODE_SCOPE, SCOPE};

/// The media type of batches and their results.
pub const NDJSON: &str = "application/x-ndjson";
