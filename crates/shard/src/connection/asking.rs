//! What a connection waits for others to say.

use switchboard_auth::Who;
use switchboard_hooks::Refusal;
use switchboard_hub::{ChannelName, Draft};

/// What a connection waits for a backend to say, or for other shards. It is not read meanwhile.
#[derive(Debug)]
pub(crate) enum Asking {
    /// Whether, and as whom, it may listen.
    Opening(Opening),
    /// Whether the first of its commands is obeyed. The verdict is kept beside them.
    Command,
    /// Other shards, not a backend: who listens to a channel. The command with this number is answered then.
    Presence(u32),
    /// Whether it may publish this.
    Publishing {
        channel: ChannelName,
        draft: Draft,
        /// The number of the publication, where its session wants the receipt.
        request: Option<u32>,
    },
}

/// What backends have said of a request to listen. The request is held and looked at again when there is
/// more of this.
#[derive(Debug, Default)]
pub(crate) struct Opening {
    /// A question is under way.
    pub(crate) is_asked: bool,
    /// The client, once that is known; none for an anonymous one.
    pub(crate) who: Option<Who>,
    /// A backend has just said so.
    pub(crate) is_new: bool,
    /// It may listen to the channels that the backend was asked about.
    pub(crate) may_subscribe: bool,
    pub(crate) refusal: Option<Refusal>,
    /// By what the verdict is found again, for a client that comes back with the same request.
    pub(crate) cache_key: Option<Box<[u8]>>,
}

/// What a question of a connection was about, as its verdict says it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ticket {
    /// A request to listen.
    Opening,
    /// The end of the time of the client with this number.
    Refresh(u32),
    /// A publication.
    Publishing,
    /// The first command of a connection that waits.
    Command,
    /// A message to the backend, by its number.
    Message(u32),
}
