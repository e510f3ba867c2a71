//! Publications as bytes, for all who get the same ones or for one connection.

mod batch;
mod chain;
mod partial;
mod position_header;

pub(crate) use batch::{BATCH_BYTES_MAX, Batch};
pub(crate) use chain::{Chain, Wanted};
pub(crate) use partial::Partial;
pub(crate) use position_header::PositionHeader;
