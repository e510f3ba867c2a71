//! One connection as plain data: the fields of an idle one are in [`Connection`], those that only a
//! busy one needs are boxed in [`Busy`] and dropped when it is idle again.

use switchboard_link::HasId;
use switchboard_plane::ConnId;
use switchboard_ws::message::Receiver;

use super::End;
use crate::centrifuge::{Epoch, Place};

/// Where a connection is in its life.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum State {
    /// TCP is on its way.
    Connecting,
    /// The request is out, the answer is awaited.
    Handshake,
    /// A WebSocket whose dialect begins with commands: the reply to `connect` is awaited.
    Introducing,
    /// And then that to `subscribe`.
    Subscribing,
    /// A WebSocket.
    Open,
    /// A Close frame has been sent; the end is awaited.
    Closing,
    /// TCP without a handshake.
    Raw,
}

/// One connection; `D` is what the job keeps.
#[derive(Debug)]
pub(crate) struct Connection<D> {
    pub(crate) id: ConnId,
    /// What only busy connections need.
    pub(crate) busy: Option<Box<Busy>>,
    /// Its number in the whole run, from 0.
    pub(crate) number: u32,
    /// The number of its channel.
    pub(crate) channel: u32,
    pub(crate) state: State,
    /// The socket is full: output waits for `Writable`.
    pub(crate) blocked: bool,
    /// Has bytes in the batch that is being collected.
    pub(crate) queued: bool,
    /// The server wants its pings of the dialect answered.
    pub(crate) pongs: bool,
    /// Where it stands in its channel, where the dialect says it.
    pub(crate) epoch: Epoch,
    pub(crate) offset: u64,
    /// The job's part.
    pub(crate) data: D,
}

impl<D> Connection<D> {
    /// The busy part, made when it is not there.
    pub(crate) fn busy(&mut self) -> &mut Busy {
        self.busy.get_or_insert_default()
    }

    /// Drops the busy part when nothing is in it.
    pub(crate) fn settle(&mut self) {
        if self.busy.as_ref().is_some_and(|busy| busy.is_empty()) {
            self.busy = None;
        }
    }

    /// Where it stands in its channel, to go on there later.
    pub(crate) fn place(&self) -> Place {
        Place { offset: self.offset, epoch: self.epoch }
    }

    /// Whether the handshake is over, with what the dialect says first, or was none.
    pub(crate) fn was_open(&self) -> bool {
        matches!(self.state, State::Open | State::Closing | State::Raw)
    }
}

impl<D> HasId for Connection<D> {
    fn id(&self) -> ConnId {
        self.id
    }
}

/// What a connection needs only while it is busy.
#[derive(Debug, Default)]
pub(crate) struct Busy {
    /// When the connect began, until the handshake is over; 0 afterwards.
    pub(crate) started_ns: u64,
    /// A part of the answer's head.
    pub(crate) head: Vec<u8>,
    /// A frame or message in the middle.
    pub(crate) receiver: Option<Receiver>,
    /// Bytes that wait to be sent.
    pub(crate) output: Vec<u8>,
    /// How it will have ended, once it has: the Close frame comes before the end of TCP.
    pub(crate) end: Option<End>,
}

impl Busy {
    fn is_empty(&self) -> bool {
        self.started_ns == 0
            && self.head.is_empty()
            && self.receiver.is_none()
            && self.output.is_empty()
            && self.end.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_connection_is_small() {
        assert!(size_of::<Option<Connection<[u64; 3]>>>() <= 64);
    }
}
