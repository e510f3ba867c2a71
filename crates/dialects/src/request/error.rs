//! Why a request to listen is refused.

use switchboard_hub::PositionError;

/// A rule that a request to listen broke. All are answered with 400.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ListenError {
    /// A known key of the query appears twice.
    #[error("{0} is given twice; give it once")]
    KeyTwice(&'static str),
    /// `poll` is neither 0 nor 1.
    #[error("poll must be 1 (answer at once) or 0 (wait for a message)")]
    Poll,
    /// `gap` is neither of its words.
    #[error("gap must be now or earliest: where to continue when the position is lost")]
    Gap,
    /// Two positions that may differ.
    #[error("since and last_event_id mean the same; give one of them")]
    TwoStarts,
    /// Neither a position nor a word.
    #[error(
        "{place} must be earliest, latest or the position that an earlier answer gave: {reason}"
    )]
    Position {
        /// The key or header that has it.
        place: &'static str,
        /// What is wrong with it.
        reason: PositionError,
    },
    /// The number of positions is not that of the channels.
    #[error(
        "{place} names {given} positions, but the number of channels is {channels}; give one for \
         each, in their order"
    )]
    Count {
        /// The key or header that has them.
        place: &'static str,
        /// Their number.
        given: usize,
        /// The number of channels.
        channels: usize,
    },
    /// The header appears twice or is not UTF-8.
    #[error("Last-Event-ID must appear once, with the id of an earlier event")]
    LastEventId,
    /// The header is not one entity tag of ours.
    #[error("If-None-Match must appear once, with the ETag of one earlier answer")]
    IfNoneMatch,
}
