//! What becomes of what goes to the home of a channel.

use crate::Receipt;

/// What became of a publication that went to the home of its channel.
pub type Published = Result<Receipt, Unpublished>;

/// Why a publication has no receipt, or a channel is not changed. A home that numbers its streams itself gives each its receipt; one that
/// [follows](crate::Hub::follow) streams depends on what numbers them, the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unpublished {
    /// The engine is away, or has enough to do. Nothing was published.
    #[error("the engine takes no publications now; try again in {retry_after_ms} ms")]
    Unavailable {
        /// When to try again.
        retry_after_ms: u32,
    },
    /// The engine has not answered for too long: only a publisher that used an idempotency key may repeat
    /// it.
    #[error("the engine did not answer in time; the publication may have been made")]
    Unanswered,
    /// The engine does not take so much.
    #[error("the engine takes at most {bytes_max} bytes, what is said beside the payload included")]
    TooLarge {
        /// What it takes.
        bytes_max: u32,
    },
    /// The engine does not take it, for a reason of its own.
    #[error("the engine refused the publication with its error {code}")]
    Refused {
        /// The engine's number.
        code: u32,
    },
    /// Nobody compares versions where nodes share channels.
    #[error("a version is compared only where engine = \"memory\"")]
    Versioned,
    /// A history lives as long as its channel where nodes share it.
    #[error("a history is removed without its channel only where engine = \"memory\"")]
    HistoryStays,
}
