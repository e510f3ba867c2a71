//! The layer between sessions and the plane: it alone touches the bytes that come in and go out.
//!
//! With plain TCP it passes them on as they are.

use std::io;

use switchboard_plane::{Chunk, Close, ConnId, Event, Plane, SendException, SendResult};

use crate::exchange::Exchange;

/// What the plane shall do for a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Action {
    Close(ConnId, Close),
    PauseRead(ConnId),
    ResumeRead(ConnId),
    ShutdownWrite(ConnId),
    WantWrite(ConnId),
}

/// What a socket took of one send.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Sent {
    All,
    /// So many bytes, perhaps none.
    Part(usize),
    Failed,
}

/// A shard's plane, and whatever stands between it and the sessions.
#[derive(Debug)]
pub(crate) struct Link<P> {
    plane: P,
    /// Those of a single send.
    exceptions: Vec<SendException>,
}

impl<P: Plane> Link<P> {
    pub(crate) fn new(plane: P) -> Self {
        Self { plane, exceptions: Vec::new() }
    }

    /// What happened since the last call. Received bytes of the last call are invalid from here on.
    pub(crate) fn poll(&mut self, events: &mut Vec<Event>) -> io::Result<()> {
        self.plane.poll(events)
    }

    /// Bytes that came in. They may be changed in place.
    pub(crate) fn received(&mut self, at: Chunk) -> &mut [u8] {
        self.plane.received(at)
    }

    /// Sends to many connections, at most once to each, after the mail. Appends one exception for each
    /// send that was not complete.
    pub(crate) fn send_all<'b>(
        &mut self,
        exchange: &mut Exchange,
        sends: impl IntoIterator<Item = (ConnId, &'b [u8])>,
        exceptions: &mut Vec<SendException>,
    ) {
        exchange.post();
        self.plane.send_batch(sends, exceptions);
    }

    /// Sends to one connection, after the mail.
    pub(crate) fn send(&mut self, exchange: &mut Exchange, id: ConnId, bytes: &[u8]) -> Sent {
        exchange.post();
        self.plane.send_batch(std::iter::once((id, bytes)), &mut self.exceptions);
        self.exceptions.pop().map_or(Sent::All, |exception| Sent::from(exception.result))
    }

    pub(crate) fn act(&mut self, action: Action) {
        match action {
            Action::Close(id, how) => self.plane.close(id, how),
            Action::PauseRead(id) => self.plane.pause_read(id),
            Action::ResumeRead(id) => self.plane.resume_read(id),
            Action::ShutdownWrite(id) => self.plane.shutdown_write(id),
            Action::WantWrite(id) => self.plane.want_write(id),
        }
    }

    pub(crate) fn stop_accepting(&mut self) {
        self.plane.stop_accepting();
    }

    /// The plane, for what does not concern bytes.
    pub(crate) fn plane(&self) -> &P {
        &self.plane
    }
}

impl From<SendResult> for Sent {
    /// Of a send that was not complete.
    fn from(result: SendResult) -> Self {
        match result {
            SendResult::Short(bytes) => Self::Part(bytes),
            SendResult::WouldBlock => Self::Part(0),
            SendResult::Failed(_) => Self::Failed,
        }
    }
}
