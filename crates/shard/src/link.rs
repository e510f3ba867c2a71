//! The layer between sessions and the plane: it alone touches the bytes that come in and go out, and
//! posts mail before each byte that goes out (see [`exchange`](crate::exchange)).

use std::io;

use switchboard_link::{Action, Outgoing, Sent, Unsent};
use switchboard_plane::{Chunk, ConnId, Event, Plane, SendException};

use crate::exchange::Exchange;

/// A shard's link to its plane.
#[derive(Debug)]
pub(crate) struct Link<P>(switchboard_link::Link<P>);

impl<P: Plane> Link<P> {
    pub(crate) fn new(plane: P) -> Self {
        Self(switchboard_link::Link::new(plane))
    }

    /// What happened since the last call. Received bytes of the last call are invalid from here on.
    pub(crate) fn poll(&mut self, events: &mut Vec<Event>) -> io::Result<()> {
        self.0.poll(events)
    }

    /// Bytes that came in. They may be changed in place.
    pub(crate) fn received(&mut self, at: Chunk) -> &mut [u8] {
        self.0.received(at)
    }

    /// Sends the batch of a stage, after the mail.
    pub(crate) fn send(&mut self, exchange: &mut Exchange, outgoing: &Outgoing) {
        exchange.post();
        self.0.send(outgoing);
    }

    /// What sockets did not take of the batch that was sent last.
    pub(crate) fn unsent<'a>(
        &'a mut self,
        outgoing: &'a Outgoing,
    ) -> impl Iterator<Item = (ConnId, Unsent<'a>)> {
        self.0.unsent(outgoing)
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
        self.0.send_all(sends, exceptions);
    }

    /// Sends to one connection, after the mail.
    pub(crate) fn send_one(&mut self, exchange: &mut Exchange, id: ConnId, bytes: &[u8]) -> Sent {
        exchange.post();
        self.0.send_one(id, bytes)
    }

    /// Does what was wished, after the mail: an end is something that a client can act on, too.
    pub(crate) fn act(
        &mut self,
        exchange: &mut Exchange,
        actions: impl IntoIterator<Item = Action>,
    ) {
        exchange.post();
        self.0.act(actions);
    }

    pub(crate) fn stop_accepting(&mut self) {
        self.0.stop_accepting();
    }

    /// Lets nobody else into the queues of the listeners below this number.
    pub(crate) fn hold_off(&mut self, below: u16) {
        self.0.hold_off(below);
    }

    /// Closes the listeners below this number.
    pub(crate) fn close_listeners(&mut self, below: u16) {
        self.0.close_listeners(below);
    }

    /// The plane, for what does not concern bytes.
    pub(crate) fn plane(&self) -> &P {
        self.0.plane()
    }
}
