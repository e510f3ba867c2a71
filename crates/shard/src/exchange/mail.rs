//! What one thread tells a shard.

use switchboard_hooks::Verdict;
use switchboard_hub::Message;
use switchboard_plane::ConnId;

use crate::api::ApiResponse;
use crate::command::Command;
use crate::connection::Ticket;

use super::presence_query::PresenceQuery;

/// One piece of mail.
#[derive(Debug)]
pub(crate) enum Mail {
    /// From another shard's hub.
    Hub(Message),
    /// Who listens to a channel: asked here, or answered.
    Presence(Box<PresenceQuery>),
    /// From the internal API or the program.
    Command(Command),
    /// The handler's answer to the request of a connection.
    Answer(ConnId, Box<ApiResponse>),
    /// What a backend says to a question of a connection.
    Verdict(ConnId, Ticket, Box<Verdict>),
}

impl Mail {
    /// What it holds on to while it waits. What the internal API sends is bounded there and not
    /// counted.
    pub(crate) fn bytes(&self) -> usize {
        let payload = match self {
            Self::Hub(Message::Publish { draft, .. } | Message::Announce { draft, .. }) => {
                draft.payload().len()
            }
            Self::Hub(Message::PublishIf(publication)) => publication.draft().payload().len(),
            Self::Hub(Message::Deliver { publication, .. }) => publication.cost_bytes(),
            Self::Hub(_) => 0,
            Self::Presence(query) => query.bytes(),
            Self::Command(_) | Self::Answer(..) | Self::Verdict(..) => return 0,
        };
        size_of::<Self>() + payload
    }
}
