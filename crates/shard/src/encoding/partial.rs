//! What is left to send of one publication, or of an answer with several.

use std::sync::Arc;

use switchboard_dialects::poll::JsonAnswer;
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
    /// What follows: the next piece of an answer that has several.
    then: Option<Box<Self>>,
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
        Self {
            publication: Arc::clone(publication),
            head: head.into(),
            body,
            tail,
            sent,
            then: None,
        }
    }

    /// A publication behind a head of its own, nothing of it sent.
    pub(crate) fn behind(head: Vec<u8>, shape: Shape, publication: &Arc<Publication>) -> Self {
        let Shape { body, tail } = shape;
        Self {
            publication: Arc::clone(publication),
            head: head.into(),
            body,
            tail,
            sent: 0,
            then: None,
        }
    }

    /// An answer in JSON; nothing for one that has all its bytes itself.
    pub(crate) fn of_json(answer: &JsonAnswer) -> Option<Self> {
        let JsonAnswer { own, shared } = answer;
        let (end, last) = shared.last()?;
        let piece = |head: &[u8], body, publication: &Arc<Publication>, then| Self {
            publication: Arc::clone(publication),
            head: head.into(),
            body,
            tail: b"",
            sent: 0,
            then,
        };
        let mut all = piece(&own[*end..], Body::Nothing, last, None);
        for (nth, (at, publication)) in shared.iter().enumerate().rev() {
            let from = nth.checked_sub(1).map_or(0, |before| shared[before].0);
            all = piece(&own[from..*at], Body::Member, publication, Some(Box::new(all)));
        }
        Some(all)
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

    /// What follows once all of it is sent.
    pub(crate) fn take_next(&mut self) -> Option<Box<Self>> {
        self.then.take()
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
