//! One thread's connections on a plane, and what every mode needs of them: connecting, the
//! handshake, frames, pings, closes, full sockets. What a mode does with them is a [`Job`].

mod by_target;
mod centrifuge;
pub(crate) mod clock;
mod connection;
mod core;
mod counters;
mod deadlines;
mod dialect;
mod end;
mod endpoint;
mod input;
mod open;
mod orders;
pub(crate) mod pool;
mod ramp;
pub(crate) mod random;
mod share;
pub(crate) mod stats;
mod v1;
mod worker;

pub(crate) use self::core::Core;
pub(crate) use connection::{Connection, State};
pub(crate) use dialect::Dialect;
pub(crate) use end::End;
pub(crate) use endpoint::{Endpoint, Upgrade};
pub(crate) use orders::Orders;
pub(crate) use ramp::Ramp;
pub(crate) use share::Share;

use switchboard_plane::ConnId;

/// What a mode does with its connections. Everything is called on the thread of the connections.
pub(crate) trait Job {
    /// What it keeps for each connection.
    type Data: Copy + Default + std::fmt::Debug;

    /// A connection is open: the handshake is over, with what the dialect says first, or TCP is
    /// connected where there is none.
    fn opened(&mut self, core: &mut Core<Self::Data>, id: ConnId);

    /// A whole message arrived on an open WebSocket, or a publication where the dialect has them.
    fn message(&mut self, core: &mut Core<Self::Data>, id: ConnId, message: &[u8]);

    /// Bytes arrived on a connection without a handshake. False: it cannot go on.
    fn bytes(&mut self, _core: &mut Core<Self::Data>, _id: ConnId, _bytes: &[u8]) -> bool {
        false
    }

    /// A connection is over and gone, or never came to be. Not called for those that the job
    /// itself closed at once.
    fn ended(
        &mut self,
        core: &mut Core<Self::Data>,
        connection: &Connection<Self::Data>,
        end: &End,
    );

    /// Something may be due. Returns when the next thing is, in nanoseconds of the clock.
    fn step(&mut self, core: &mut Core<Self::Data>) -> Option<u64>;

    /// The run is over; all connections are still there.
    fn finish(&mut self, core: &mut Core<Self::Data>);
}
