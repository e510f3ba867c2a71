//! What is left to send of one publication.

use std::sync::Arc;

use switchboard_dialects::{Body, Dialect, Label, Shape, write_head};
use switchboard_hub::Publication;

use super::position_header::PositionHeader;

/// The rest of a publication: its head, shared bytes, and how far they went; never a copy of the
/// payload.
#[derive(Debug)]
pub(crate) struct Partial {
    publication: Arc<Publication>,
    /// What precedes the body; empty for plain WebSockets.
    head: Box<[u8]>,
    body: Body,
    tail: &'static [u8],
    sent: usize,
}

impl Partial {
    /// Of a publication in a dialect, of which `sent` bytes have gone out.
    pub(crate) fn new(
        dialect: Dialect,
        publication: &Arc<Publication>,
        header: &PositionHeader,
        sent: usize,
    ) -> Self {
        let mut id = String::new();
        header.write_id(publication.position(), &mut id);
        let label = Label { id: &id, channel: header.channel.as_ref() };
        let mut head = Vec::new();
        let Shape { body, tail } = write_head(dialect, publication, label, &mut head);
        Self { publication: Arc::clone(publication), head: head.into(), body, tail, sent }
    }

    /// A publication behind a head of its own, nothing of it sent.
    pub(crate) fn behind(head: Vec<u8>, shape: Shape, publication: &Arc<Publication>) -> Self {
        let Shape { body, tail } = shape;
        Self { publication: Arc::clone(publication), head: head.into(), body, tail, sent: 0 }
    }

    /// All of it, of which nothing must have been sent.
    pub(crate) fn bytes(&self) -> usize {
        self.head.len() + self.body.of(&self.publication).len() + self.tail.len()
    }

    /// Appends all of it.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        for part in [&self.head[..], self.body.of(&self.publication), self.tail] {
            out.extend_from_slice(part);
        }
    }

    /// What is to be sent next; empty when all is sent.
    pub(crate) fn next(&self) -> &[u8] {
        let mut start = self.sent;
        for part in [&self.head[..], self.body.of(&self.publication), self.tail] {
            if start < part.len() {
                return &part[start..];
            }
            start -= part.len();
        }
        &[]
    }

    pub(crate) fn advance(&mut self, sent: usize) {
        self.sent += sent;
    }
}
