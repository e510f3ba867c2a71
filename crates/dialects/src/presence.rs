//! Channels in which the joins and leaves of others are published.

use switchboard_hub::{ChannelName, Publication};

/// What stands before the name of a channel in the name of the one for its joins and leaves.
pub const PRESENCE_PREFIX: &str = "presence:";

/// The event of a publication that says who has come.
pub const JOIN: &str = "join";
/// The event of one that says who has gone.
pub const LEAVE: &str = "leave";

/// What is said of a channel where its joins and leaves are published.
pub(crate) struct Presence<'a> {
    /// The channel.
    pub(crate) channel: &'a str,
    /// [`JOIN`] or [`LEAVE`].
    pub(crate) event: &'static str,
}

impl<'a> Presence<'a> {
    /// What a publication in a channel says; none where it is something else.
    pub(crate) fn of(publication: &Publication, channel: &'a ChannelName) -> Option<Self> {
        let event = [JOIN, LEAVE].into_iter().find(|event| publication.event() == Some(*event))?;
        let channel = channel.as_str().strip_prefix(PRESENCE_PREFIX)?;
        Some(Self { channel, event })
    }
}
