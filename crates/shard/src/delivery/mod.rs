//! Publications to subscribers: to all that keep up by fan-out, to the others as their sockets have room.

mod catch_up;
mod cut;
mod fan_out;
mod gathered;

pub(crate) use catch_up::CatchUp;
pub(crate) use fan_out::FanOut;
