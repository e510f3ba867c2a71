//! The HTTP API of Centrifugo, version 6: `POST /api/{method}` with a JSON object, answered with
//! `{"result":{..}}` or `{"error":{"code","message"}}`, where zero values are left out.
//!
//! [`Calls`] are the methods that publish, which shards answer themselves; `control` answers the rest.

mod access;
mod batch;
mod calls;
mod command;
mod described;
mod ending;
mod error;
mod params;
mod reply;
mod request;
mod results;
mod subscription;

pub use access::key_in;
pub use batch::{Batch, BatchCommand};
pub use calls::{Calls, Outcome};
pub use command::Publication;
pub use described::{AnySchema, Described, METHODS, describe};
pub use ending::Ending;
pub use error::{CallError, Code, ErrorMode, Unread};
pub use params::{OfChannel, OfChannels, OfHistory, OfUser, Since};
pub use reply::{Answer, Replies, WrittenError};
pub use request::Request;
pub use results::{
    ChannelResult, ChannelsResult, ClientResult, HistoryResult, InfoResult, NodeResult,
    PresenceResult, PresenceStatsResult, ProcessResult, PublicationResult,
};
pub use subscription::{GivenChannel, OfSubscription};

/// The prefix of the methods in paths.
pub const PREFIX: &str = "/api/";

/// The header that asks for errors as statuses of HTTP.
pub const ERROR_MODE: &str = "x-centrifugo-error-mode";

/// A method that publishes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Method {
    /// To one channel.
    Publish,
    /// The same to several channels.
    Broadcast,
    /// Several commands.
    Batch,
}

impl Method {
    /// The one in a path, if it publishes.
    pub fn in_path(path: &str) -> Option<Self> {
        match path.strip_prefix(PREFIX)? {
            "batch" => Some(Self::Batch),
            command => Self::of_command(command),
        }
    }

    /// The one that a command of a batch names, if it publishes.
    pub(super) fn of_command(name: &str) -> Option<Self> {
        match name {
            "publish" => Some(Self::Publish),
            "broadcast" => Some(Self::Broadcast),
            _ => None,
        }
    }

    /// Its path.
    pub fn path(self) -> &'static str {
        match self {
            Self::Publish => "/api/publish",
            Self::Broadcast => "/api/broadcast",
            Self::Batch => "/api/batch",
        }
    }
}
