//! What one thread tells a shard.

use switchboard_hooks::Verdict;
use switchboard_hub::{Message, ShardId};
use switchboard_plane::ConnId;

use crate::api::ApiResponse;
use crate::command::Command;
use crate::connection::{Counted, EmulationSession, Ticket};

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
    /// Commands for a connection of this shard, which another has received.
    Emulate(Box<Emulate>),
    /// What became of those that a connection of this shard has received.
    Emulated(ConnId, Emulated),
}

/// Commands of a Centrifuge client that came in a request to another shard than that of its connection.
#[derive(Debug)]
pub(crate) struct Emulate {
    pub(crate) session: EmulationSession,
    /// Who is to hear what became of them.
    pub(crate) from: (ShardId, ConnId),
    pub(crate) commands: Vec<u8>,
    /// Counts them on the shard that has received them, until they are handled.
    pub(crate) _counted: Counted,
}

/// What became of commands that came in a request of their own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Emulated {
    /// They are obeyed, or will be.
    Taken,
    /// There is no such connection.
    Gone,
    /// As many wait for it as may.
    Full,
    /// The shard has no room for more that waits.
    Busy,
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
            Self::Emulate(emulate) => emulate.commands.len(),
            Self::Command(_) | Self::Answer(..) | Self::Verdict(..) | Self::Emulated(..) => {
                return 0;
            }
        };
        size_of::<Self>() + payload
    }
}
