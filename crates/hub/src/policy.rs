//! What happens to a subscriber that cannot keep up.

/// What happens when a subscriber's cursor falls off the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SlowPolicy {
    /// It is closed with a code that means: resume.
    #[default]
    Disconnect,
    /// It continues with the oldest publication that is kept, and hears which ones it missed.
    Skip,
    /// It continues with the newest publication only, and hears which ones it missed.
    Latest,
}
