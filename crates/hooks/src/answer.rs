//! What a backend answers.

use std::sync::Arc;

use switchboard_auth::{ChannelOptions, Claims};
use thiserror::Error;

use crate::Payload;

/// The answer to a question: of the same kind.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    /// To `Connect`: who the client is; none for an anonymous one.
    Connected(Option<Arc<Claims>>),
    /// To `Refresh`.
    Refreshed(Refreshed),
    /// To `Subscribe`: it may. With what the backend says of the subscription, if anything.
    Subscribed(Option<Box<ChannelOptions>>),
    /// To `Publish`: it may. With a payload where the backend wants another one published.
    Published(Option<Payload>),
    /// To `Message`.
    Message(Payload),
}

/// How long a client whose time was over may stay.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Refreshed {
    /// It may stay.
    Until {
        /// Until then, in Unix seconds; none is for as long as it likes.
        end_s: Option<u64>,
        /// What others are told of it from now on; none where that stays as it is.
        info: Option<Arc<[u8]>>,
    },
    /// No longer.
    Expired,
}

/// Why a question has no answer.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum Refusal {
    /// The backend says no.
    #[error("{message}")]
    Error {
        /// The application's own code, 400 to 1999, or what the backend said.
        code: u32,
        /// A sentence of one line for the client, 123 bytes at most so that it fits a Close frame.
        message: String,
        /// It may say yes later.
        is_temporary: bool,
    },
    /// The backend wants the client gone.
    #[error("{reason}")]
    Disconnect {
        /// A close code from 4000 to 4999.
        code: u16,
        /// A sentence for the Close frame, 123 bytes at most.
        reason: String,
    },
    /// The backend cannot be asked now, or did not answer as it must in time.
    #[error("the backend does not answer now; try again later")]
    Unavailable,
}

/// What comes back.
pub type Verdict = Result<Answer, Refusal>;
