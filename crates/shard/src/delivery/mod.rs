//! Publications to subscribers: to all that keep up by fan-out, to the others as their sockets have room.

mod catch_up;
mod fan_out;

pub(crate) use catch_up::CatchUp;
pub(crate) use fan_out::FanOut;
