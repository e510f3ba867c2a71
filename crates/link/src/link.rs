//! The only way to a plane's bytes.

use std::io;
use std::net::{IpAddr, SocketAddr};

use switchboard_plane::{Chunk, Close, ConnId, Event, Plane, SendException, SendResult};

use crate::Outgoing;

/// What the plane shall do for a connection.
#[derive(Clone, Copy, Debug)]
pub enum Action {
    /// End it.
    Close(ConnId, Close),
    /// Do not read from it.
    PauseRead(ConnId),
    /// Read from it again.
    ResumeRead(ConnId),
    /// Say that nothing more will come.
    ShutdownWrite(ConnId),
    /// Tell when its socket has room.
    WantWrite(ConnId),
}

/// What a socket took of a single send.
#[derive(Clone, Copy, Debug)]
pub enum Sent {
    /// Everything.
    All,
    /// So many bytes, perhaps none.
    Part(usize),
    /// The connection is broken.
    Failed,
}

/// What a socket did not take of its part of a batch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unsent<'a> {
    /// These bytes, which are to be sent once there is room.
    Rest(&'a [u8]),
    /// So many bytes, and the connection is broken. The plane reports its end.
    Failed(usize),
}

/// A plane, and whatever stands between it and those who use it.
#[derive(Debug)]
pub struct Link<P> {
    plane: P,
    /// Sends of the last batch that were not complete.
    exceptions: Vec<SendException>,
}

impl<P: Plane> Link<P> {
    /// A link over `plane`.
    pub fn new(plane: P) -> Self {
        Self { plane, exceptions: Vec::new() }
    }

    /// What happened since the last call. Received bytes of the last call are invalid from here on.
    ///
    /// # Errors
    /// When the plane as a whole is broken.
    pub fn poll(&mut self, events: &mut Vec<Event>) -> io::Result<()> {
        self.plane.poll(events)
    }

    /// Bytes that came in. They may be changed in place.
    pub fn received(&mut self, at: Chunk) -> &mut [u8] {
        self.plane.received(at)
    }

    /// Begins a connection, from `source` where that is given.
    ///
    /// # Errors
    /// When it cannot even be tried.
    pub fn connect(&mut self, to: SocketAddr, source: Option<IpAddr>) -> io::Result<ConnId> {
        self.plane.connect(to, source)
    }

    /// Sends a batch. Ask for what was [not sent](Self::unsent) before the next one.
    pub fn send(&mut self, outgoing: &Outgoing) {
        if !outgoing.is_empty() {
            self.plane.send_batch(outgoing.sends(), &mut self.exceptions);
        }
    }

    /// What sockets did not take of the batch that was sent last.
    pub fn unsent<'a>(
        &'a mut self,
        outgoing: &'a Outgoing,
    ) -> impl Iterator<Item = (ConnId, Unsent<'a>)> {
        let mut from = 0;
        self.exceptions.drain(..).filter_map(move |SendException { conn, result }| {
            let bytes = outgoing.find(conn, &mut from)?;
            let unsent = match result {
                SendResult::Short(sent) => Unsent::Rest(bytes.get(sent..).unwrap_or_default()),
                SendResult::WouldBlock => Unsent::Rest(bytes),
                SendResult::Failed(_) => Unsent::Failed(bytes.len()),
            };
            Some((conn, unsent))
        })
    }

    /// Sends to many connections, at most once to each: bytes that they may share. Appends one
    /// exception for each send that was not complete.
    pub fn send_all<'b>(
        &mut self,
        sends: impl IntoIterator<Item = (ConnId, &'b [u8])>,
        exceptions: &mut Vec<SendException>,
    ) {
        self.plane.send_batch(sends, exceptions);
    }

    /// Sends to one connection.
    pub fn send_one(&mut self, id: ConnId, bytes: &[u8]) -> Sent {
        self.plane.send_batch(std::iter::once((id, bytes)), &mut self.exceptions);
        self.exceptions.pop().map_or(Sent::All, |exception| match exception.result {
            SendResult::Short(bytes) => Sent::Part(bytes),
            SendResult::WouldBlock => Sent::Part(0),
            SendResult::Failed(_) => Sent::Failed,
        })
    }

    /// Does what was wished, in this order.
    pub fn act(&mut self, actions: impl IntoIterator<Item = Action>) {
        for action in actions {
            match action {
                Action::Close(id, how) => self.plane.close(id, how),
                Action::PauseRead(id) => self.plane.pause_read(id),
                Action::ResumeRead(id) => self.plane.resume_read(id),
                Action::ShutdownWrite(id) => self.plane.shutdown_write(id),
                Action::WantWrite(id) => self.plane.want_write(id),
            }
        }
    }

    /// Takes no further connections.
    pub fn stop_accepting(&mut self) {
        self.plane.stop_accepting();
    }

    /// Lets nobody else into the queues of the listeners below this number.
    pub fn hold_off(&mut self, below: u16) {
        self.plane.hold_off(below);
    }

    /// Closes the listeners below this number.
    pub fn close_listeners(&mut self, below: u16) {
        self.plane.close_listeners(below);
    }

    /// The plane, for what does not concern bytes.
    pub fn plane(&self) -> &P {
        &self.plane
    }
}
