//! The wire format of a publication for listeners that stay connected: a head, bytes that the
//! publication holds, and a tail.

use std::sync::Arc;

use switchboard_hub::{ChannelName, Form, FormSlot, Publication};

/// Lines of an event stream, for payloads that cannot go out as they are (line breaks, binary).
pub(crate) const LINES: FormSlot = FormSlot::new(0);
/// A member of a JSON object.
pub(crate) const MEMBER: FormSlot = FormSlot::new(1);
/// A publication of the Centrifuge protocol.
pub(crate) const PUBLICATION: FormSlot = FormSlot::new(2);
/// The same with its payload as a text.
pub(crate) const TEXT: FormSlot = FormSlot::new(3);
/// The same with what has changed since the publication before.
pub(crate) const CHANGES: FormSlot = FormSlot::new(4);

/// What differs between the listeners of a publication.
#[derive(Clone, Copy, Debug)]
pub struct Label<'a> {
    /// Where to resume after it: the positions of all channels of this listener ([`crate::id`]).
    pub id: &'a str,
    /// Its channel, if the listener has several or the dialect always names it.
    pub channel: Option<&'a ChannelName>,
    /// Whether payloads are told by their changes, where the dialect can.
    pub chain: Chain<'a>,
}

/// How the payloads of a subscription follow from one another.
#[derive(Clone, Copy, Debug, Default)]
pub enum Chain<'a> {
    /// Each stands for itself.
    #[default]
    None,
    /// This one is the first.
    First,
    /// The subscription got this publication last, the one before in the stream.
    Behind(&'a Publication),
}

/// Which bytes go between head and tail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// The payload as a WebSocket frame.
    Frame,
    /// The payload.
    Payload,
    /// The payload in another form.
    Form(Arc<Form>),
    /// Who published it; nothing where that is not known.
    Info,
}

impl Body {
    /// The bytes.
    #[inline]
    pub fn of<'a>(&'a self, publication: &'a Publication) -> &'a [u8] {
        match self {
            Self::Frame => publication.frame(),
            Self::Payload => publication.payload(),
            Self::Form(form) => form,
            Self::Info => publication.info().unwrap_or_default().as_bytes(),
        }
    }
}

/// What follows a head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    /// What follows it directly.
    pub body: Body,
    /// What follows the body.
    pub tail: &'static [u8],
}
