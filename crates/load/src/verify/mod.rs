//! Whether everyone got everything, once and in order: no sockets, no clock.

mod excused;
mod findings;
mod payload;
mod progress;
mod sequence;

pub(crate) use excused::Excused;
pub(crate) use findings::{Findings, KINDS, Kind};
pub(crate) use payload::{SIZE_MIN, Stamp, each};
pub(crate) use progress::Progress;
pub(crate) use sequence::{Arrival, Cursor, Verifier};
