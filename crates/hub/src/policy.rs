//! What becomes of a subscriber that cannot keep up.

/// What happens when a subscriber's cursor falls off the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SlowPolicy {
    /// It is closed with a code that says: resume.
    #[default]
    Disconnect,
    /// It goes on with the oldest publication that is kept and is told which it missed.
    Skip,
    /// It goes on with the newest publication only and is told which it missed.
    Latest,
}
