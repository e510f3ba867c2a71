//! What nodes say to each other, on subjects of their own beside the streams.
//!
//! It is JSON. There are one heartbeat a second from each node and a few questions of people and backends, so
//! bytes do not matter, and who looks at the subject with the engine's own tools can read what goes on.
//! Reading is strict: another version, an unknown field, a list or text that is too long is an error, and
//! nothing of the message is used.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use switchboard_hub::ChannelName;

use crate::{Fingerprint, NodeId};

/// The version of all this. A message of another one is not read.
const VERSION: u8 = 1;
/// The bytes of a message. The engine takes 1 MiB.
pub const CONTROL_BYTES_MAX: usize = 512 << 10;
/// The bytes of a name, a user or another word.
const WORD_BYTES_MAX: usize = 1_024;
/// The bytes of what a client's token says to others.
const INFO_BYTES_MAX: usize = 16 << 10;
/// The length of a list.
pub const LIST_MAX: usize = 1_000;

/// A message from one node to all, or to the one that asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Control {
    #[serde(rename = "v")]
    version: u8,
    /// Who says it.
    pub from: NodeId,
    /// What.
    pub say: Say,
}

/// What a node says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Say {
    /// I am here. Once a second.
    Heartbeat {
        /// What people call the node.
        name: Box<str>,
        /// What it takes for common to all.
        fingerprint: Fingerprint,
    },
    /// I am about to leave, by my own will.
    Leaving,
    /// To all: answer me.
    Ask {
        /// The asker's own number.
        id: u64,
        /// What.
        question: Question,
    },
    /// To who asked.
    Answer {
        /// Who asked.
        to: NodeId,
        /// Its number.
        id: u64,
        /// What this node has to say.
        answer: Answered,
    },
}

/// What a node asks all others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Question {
    /// Who is subscribed to a channel.
    Presence {
        /// Which.
        #[serde(with = "channel_name")]
        channel: ChannelName,
        /// How many of them to list; at most [`LIST_MAX`].
        max: u16,
    },
    /// How many are subscribed to a channel.
    Count {
        /// Which.
        #[serde(with = "channel_name")]
        channel: ChannelName,
    },
    /// End connections of a user.
    Disconnect {
        /// Whose.
        user: Box<str>,
        /// Which of them.
        only: Only,
    },
    /// End subscriptions of a user.
    Unsubscribe {
        /// Whose.
        user: Box<str>,
        /// Which of its connections.
        only: Only,
        /// To which channel.
        #[serde(with = "channel_name")]
        channel: ChannelName,
    },
    /// How a node is.
    Info,
}

/// Some connections of a user, by their names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Only {
    /// This one alone; all if none.
    pub client: Option<Box<str>>,
    /// Not these.
    pub but: Vec<Box<str>>,
}

/// What a node answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Answered {
    /// Who is subscribed.
    Presence {
        /// How many.
        subscribers: u64,
        /// Some of them.
        clients: Vec<Present>,
    },
    /// How many there are, or were affected.
    Number(u64),
    /// How it is.
    Info {
        /// What people call the node.
        name: Box<str>,
        /// The version of the server.
        version: Box<str>,
        /// How long it has run.
        uptime_s: u64,
        /// Its open connections.
        connections: u64,
        /// Channels that have subscribers there.
        channels: u64,
    },
}

/// A subscriber.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Present {
    /// The connection's name.
    pub client: Box<str>,
    /// Who its token names.
    pub user: Option<Box<str>>,
    /// What its token says to others, as it was given.
    pub info: Option<Box<str>>,
}

impl Control {
    /// A message of this version.
    pub fn new(from: NodeId, say: Say) -> Self {
        Self { version: VERSION, from, say }
    }

    /// Writes it. It is refused where other nodes would not read it.
    pub fn encode(&self) -> Result<Vec<u8>, ControlError> {
        self.say.check()?;
        let bytes = serde_json::to_vec(self).map_err(|_| ControlError::Malformed)?;
        if bytes.len() > CONTROL_BYTES_MAX {
            return Err(ControlError::TooLarge);
        }
        Ok(bytes)
    }

    /// Reads one.
    pub fn decode(bytes: &[u8]) -> Result<Self, ControlError> {
        /// What all versions begin with.
        #[derive(Deserialize)]
        struct Versioned {
            v: u8,
        }

        if bytes.len() > CONTROL_BYTES_MAX {
            return Err(ControlError::TooLarge);
        }
        let versioned: Versioned =
            serde_json::from_slice(bytes).map_err(|_| ControlError::Malformed)?;
        if versioned.v != VERSION {
            return Err(ControlError::Version(versioned.v));
        }
        let control: Self = serde_json::from_slice(bytes).map_err(|_| ControlError::Malformed)?;
        control.say.check()?;
        Ok(control)
    }
}

/// Why a message between nodes is not read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// It has more than [`CONTROL_BYTES_MAX`].
    #[error("a message between nodes has at most {CONTROL_BYTES_MAX} bytes")]
    TooLarge,
    /// The other node speaks another version.
    #[error("the message is of version {0}, and this node speaks {VERSION}")]
    Version(u8),
    /// It is not JSON, or says something that this version does not know.
    #[error("the message cannot be read")]
    Malformed,
    /// A text or list in it is too long.
    #[error("the message has a text or a list that is too long")]
    TooLong,
}

impl Say {
    fn check(&self) -> Result<(), ControlError> {
        let is_bounded = match self {
            Self::Heartbeat { name, .. } => is_word(name),
            Self::Leaving => true,
            Self::Ask { question, .. } => question.is_bounded(),
            Self::Answer { answer, .. } => answer.is_bounded(),
        };
        is_bounded.then_some(()).ok_or(ControlError::TooLong)
    }
}

impl Question {
    fn is_bounded(&self) -> bool {
        match self {
            Self::Presence { max, .. } => usize::from(*max) <= LIST_MAX,
            Self::Count { .. } | Self::Info => true,
            Self::Disconnect { user, only } | Self::Unsubscribe { user, only, .. } => {
                let words = only.client.iter().chain(&only.but).chain([user]);
                only.but.len() <= LIST_MAX && words.into_iter().all(|word| is_word(word))
            }
        }
    }
}

impl Answered {
    fn is_bounded(&self) -> bool {
        match self {
            Self::Presence { clients, .. } => {
                clients.len() <= LIST_MAX && clients.iter().all(Present::is_bounded)
            }
            Self::Number(_) => true,
            Self::Info { name, version, .. } => is_word(name) && is_word(version),
        }
    }
}

impl Present {
    fn is_bounded(&self) -> bool {
        let info_bytes = self.info.as_ref().map_or(0, |info| info.len());
        is_word(&self.client)
            && self.user.as_ref().is_none_or(|user| is_word(user))
            && info_bytes <= INFO_BYTES_MAX
    }
}

fn is_word(text: &str) -> bool {
    text.len() <= WORD_BYTES_MAX
}

mod channel_name {
    use super::{ChannelName, Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(name: &ChannelName, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(name.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<ChannelName, D::Error> {
        let text = String::deserialize(from)?;
        ChannelName::new(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests;
