//! What nodes say to each other, on subjects of their own beside the streams.
//!
//! It is JSON. There are one heartbeat a second from each node and a few questions of people and backends, so
//! bytes do not matter, and who looks at the subject with the engine's own tools can read what goes on.
//! Reading is strict: another version, an unknown field, a text that is too long is an error, and
//! nothing of the message is used.

use serde::{Deserialize, Serialize};

use crate::{Fingerprint, NodeId};

/// The version of all this. A message of another one is not read.
const VERSION: u8 = 1;
/// The bytes of a message. The engine takes 1 MiB.
pub const CONTROL_BYTES_MAX: usize = 512 << 10;
/// The bytes of a name or another word.
const WORD_BYTES_MAX: usize = 1_024;
/// The bytes of a path and its query: a user and a channel, percent-encoded, fit.
const TARGET_BYTES_MAX: usize = 16 << 10;

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

/// What a node asks all others: a request of the internal API, which each answers for itself alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The method of HTTP.
    pub method: Box<str>,
    /// Path and query.
    pub target: Box<str>,
    /// The body.
    pub body: Box<str>,
}

/// What a node answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answered {
    /// The status of HTTP.
    pub status: u16,
    /// The body.
    pub body: Box<str>,
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
    /// A text in it is too long.
    #[error("the message has a text that is too long")]
    TooLong,
}

impl Say {
    fn check(&self) -> Result<(), ControlError> {
        let is_bounded = match self {
            Self::Heartbeat { name, .. } => is_word(name),
            Self::Ask { question, .. } => {
                is_word(&question.method) && question.target.len() <= TARGET_BYTES_MAX
            }
            // The whole is bounded.
            Self::Leaving | Self::Answer { .. } => true,
        };
        is_bounded.then_some(()).ok_or(ControlError::TooLong)
    }
}

fn is_word(text: &str) -> bool {
    text.len() <= WORD_BYTES_MAX
}

#[cfg(test)]
mod tests;
