//! The wire format of a publication for listeners that stay connected: a head, bytes that the
//! publication holds, and a tail.

use switchboard_hub::{ChannelName, FormSlot, Publication};

/// Lines of an event stream, for payloads that cannot go out as they are (line breaks, binary).
pub(crate) const LINES: FormSlot = FormSlot::new(0);
/// A member of a JSON object.
pub(crate) const MEMBER: FormSlot = FormSlot::new(1);

/// What differs between the listeners of a publication.
#[derive(Clone, Copy, Debug)]
pub struct Label<'a> {
    /// Where to resume after it: the positions of all channels of this listener ([`crate::id`]).
    pub id: &'a str,
    /// Its channel, if the listener has several.
    pub channel: Option<&'a ChannelName>,
}

/// Which of the publication's bytes go between head and tail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Body {
    /// The payload as a WebSocket frame.
    Frame,
    /// The payload.
    Payload,
    /// The payload as lines of an event stream.
    Lines,
    /// The payload as a member of a JSON object.
    Member,
    /// Nothing: the head has it all, since no more forms of payloads may be kept.
    Nothing,
}

impl Body {
    /// The bytes.
    #[inline]
    pub fn of(self, publication: &Publication) -> &[u8] {
        match self {
            Self::Frame => publication.frame(),
            Self::Payload => publication.payload(),
            Self::Lines => publication.kept_form(LINES),
            Self::Member => publication.kept_form(MEMBER),
            Self::Nothing => &[],
        }
    }
}

/// What follows a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    /// What follows it directly.
    pub body: Body,
    /// What follows the body.
    pub tail: &'static [u8],
}
