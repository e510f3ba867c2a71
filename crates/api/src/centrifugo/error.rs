//! Errors of calls.

use std::borrow::Cow;

use switchboard_hub::{ChannelName, NameError, Unpublished};

/// Why a call has no result.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct CallError {
    /// For programs.
    pub code: Code,
    /// For people: what Centrifugo says, and the rule that was broken.
    pub message: Cow<'static, str>,
}

/// The kinds of errors, by Centrifugo's numbers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Code {
    /// A shard is silent, or the call came to nothing.
    Internal = 100,
    /// The namespace of the channel does not exist.
    UnknownChannel = 102,
    /// There is no such method or thing.
    NotFound = 104,
    /// A connection has as many channels as it may.
    LimitExceeded = 106,
    /// The request breaks a rule.
    BadRequest = 107,
    /// What is asked for is off in the namespace, or this server lacks it.
    NotAvailable = 108,
    /// The stream does not have the position any more.
    UnrecoverablePosition = 112,
}

impl Code {
    /// The status of HTTP that says the same.
    pub fn status(self) -> u16 {
        match self {
            Self::Internal => 500,
            Self::UnknownChannel | Self::NotFound => 404,
            Self::BadRequest | Self::NotAvailable | Self::LimitExceeded => 400,
            Self::UnrecoverablePosition => 416,
        }
    }
}

impl CallError {
    /// 107: which rule was broken.
    pub fn bad_request(rule: impl AsRef<str>) -> Self {
        let message = format!("bad request: {}", rule.as_ref());
        Self { code: Code::BadRequest, message: message.into() }
    }

    /// 108: what is missing, and why.
    pub fn not_available(why: impl AsRef<str>) -> Self {
        let message = format!("not available: {}", why.as_ref());
        Self { code: Code::NotAvailable, message: message.into() }
    }

    /// 106: so many connections have as many channels as they may.
    pub fn too_many_channels(connections: u64) -> Self {
        let message = format!(
            "limit exceeded: {connections} connections have as many channels as they may (channels_per_connection_max)"
        );
        Self { code: Code::LimitExceeded, message: message.into() }
    }

    /// 102: the channel is in no namespace of a strict configuration.
    pub fn unknown_channel(name: &ChannelName) -> Self {
        let namespace = name.namespace().unwrap_or_default();
        let message = format!(
            "unknown channel: no [namespace.NAME] is named {namespace:?} (strict_namespaces)"
        );
        Self { code: Code::UnknownChannel, message: message.into() }
    }

    /// 104.
    pub fn unknown_method() -> Self {
        Self { code: Code::NotFound, message: "method not found".into() }
    }

    /// 112.
    pub fn unrecoverable_position() -> Self {
        Self { code: Code::UnrecoverablePosition, message: "unrecoverable position".into() }
    }

    /// The engine that several machines share has not taken a change of a channel: 107 or 108 where it never will,
    /// else 100.
    pub fn unpublished(error: Unpublished) -> Self {
        match error {
            Unpublished::TooLarge { .. } => Self::bad_request(error.to_string()),
            Unpublished::Versioned | Unpublished::HistoryStays => {
                Self::not_available(error.to_string())
            }
            Unpublished::Unavailable { .. }
            | Unpublished::Unanswered
            | Unpublished::Refused { .. } => {
                let message = format!("internal server error: {error}");
                Self { code: Code::Internal, message: message.into() }
            }
        }
    }

    /// 100: a shard is silent.
    pub fn no_answer() -> Self {
        let message =
            "internal server error: a shard did not answer in time; a publication may still happen";
        Self { code: Code::Internal, message: message.into() }
    }
}

impl From<NameError> for CallError {
    fn from(error: NameError) -> Self {
        Self::bad_request(error.to_string())
    }
}

/// How errors of a call are answered.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ErrorMode {
    /// With status 200, in the place of the result.
    #[default]
    InBody,
    /// With a status of HTTP.
    Transport,
}

impl ErrorMode {
    /// The one that the header [`ERROR_MODE`](super::ERROR_MODE) names.
    pub fn of_header(value: Option<&[u8]>) -> Self {
        match value {
            Some(b"transport") => Self::Transport,
            _ => Self::InBody,
        }
    }
}

/// A body that is no JSON object of the method: answered with 400 and this sentence.
#[derive(Debug, thiserror::Error)]
#[error("the body must be a JSON object of the method: {0}")]
pub struct Unread(pub(super) String);

impl From<serde_json::Error> for Unread {
    fn from(error: serde_json::Error) -> Self {
        Self(error.to_string())
    }
}
