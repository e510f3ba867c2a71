//! What is left to send of one publication, or of an answer with several.

use std::sync::Arc;

use switchboard_dialects::poll::JsonAnswer;
use switchboard_dialects::{Body, Dialect, Label, Shape, write_head};
use switchboard_hub::{Form, Publication};

use super::position_header::PositionHeader;

/// The rest of a publication: its head, shared bytes, and how far they went; never a copy of the
/// payload.
#[derive(Debug)]
pub(crate) struct Partial {
    /// What precedes the body; empty for plain WebSockets.
    head: Box<[u8]>,
    body: Shared,
    tail: &'static [u8],
    sent: usize,
    /// What follows: the next piece of an answer that has several.
    then: Option<Box<Self>>,
}

/// The bytes between head and tail, and what keeps them.
#[derive(Debug)]
enum Shared {
    Frame(Arc<Publication>),
    Payload(Arc<Publication>),
    Form(Arc<Form>),
    Info(Arc<Publication>),
    Nothing,
}

impl Shared {
    fn new(body: Body, publication: &Arc<Publication>) -> Self {
        match body {
            Body::Frame => Self::Frame(Arc::clone(publication)),
            Body::Payload => Self::Payload(Arc::clone(publication)),
            Body::Form(form) => Self::Form(form),
            Body::Info => Self::Info(Arc::clone(publication)),
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Frame(publication) => publication.frame(),
            Self::Payload(publication) => publication.payload(),
            Self::Form(form) => form,
            Self::Info(publication) => Body::Info.of(publication),
            Self::Nothing => &[],
        }
    }
}

impl Partial {
    /// Of one of a run of publications in a dialect, of which `sent` bytes have gone out.
    pub(crate) fn new(
        dialect: Dialect,
        (publications, nth): (&[Arc<Publication>], usize),
        header: &PositionHeader,
        sent: usize,
    ) -> Self {
        let publication = &publications[nth];
        let mut id = String::new();
        header.write_id(publication.position(), &mut id);
        let chain = header.chain.before(publications, nth);
        let label = Label { id: &id, channel: header.channel.as_ref(), chain };
        let mut head = Vec::new();
        let shape = write_head(dialect, publication, label, &mut head);
        Self { sent, ..Self::behind(head, shape, publication) }
    }

    /// A publication behind a head of its own, nothing of it sent.
    pub(crate) fn behind(head: Vec<u8>, shape: Shape, publication: &Arc<Publication>) -> Self {
        let Shape { body, tail } = shape;
        let body = Shared::new(body, publication);
        Self { head: head.into(), body, tail, sent: 0, then: None }
    }

    /// An answer in JSON; nothing for one that has all its bytes itself.
    pub(crate) fn of_json(answer: &JsonAnswer) -> Option<Self> {
        let JsonAnswer { own, shared } = answer;
        let (end, _) = shared.last()?;
        let piece =
            |head: &[u8], body, then| Self { head: head.into(), body, tail: b"", sent: 0, then };
        let mut all = piece(&own[*end..], Shared::Nothing, None);
        for (nth, (at, form)) in shared.iter().enumerate().rev() {
            let from = nth.checked_sub(1).map_or(0, |before| shared[before].0);
            all = piece(&own[from..*at], Shared::Form(Arc::clone(form)), Some(Box::new(all)));
        }
        Some(all)
    }

    fn parts(&self) -> [&[u8]; 3] {
        [&self.head, self.body.bytes(), self.tail]
    }

    /// All of it, of which nothing must have been sent.
    pub(crate) fn bytes(&self) -> usize {
        self.parts().map(<[u8]>::len).iter().sum()
    }

    /// Appends all of it.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        for part in self.parts() {
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
        for part in self.parts() {
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
