//! Why a request to listen is refused.

/// A rule that a request to listen broke. All are answered with 400.
///
/// No position is among them: a client that keeps one, or to which an intermediary gives another, would
/// be refused for ever.
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
}
