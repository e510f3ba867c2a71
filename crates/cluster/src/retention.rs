//! What a stream keeps of each channel.

/// What a stream keeps of each channel. It must be the same on all nodes, so it is a part of the
/// [`Fingerprint`](crate::Fingerprint).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Retention {
    /// The stream's `max_msgs_per_subject`: the longest history and one more, so that the newest message is
    /// held where there is no history.
    pub messages_max: u64,
    /// How long each message is kept: the same for all of a stream, or the oldest would not be the first to go,
    /// on which the verdict about a resume relies. So where this is set, only nodes may have the right to publish
    /// to a stream's subjects, and changing it takes a new stream. It is the history's time and some more: as long as a channel's newest
    /// message is held, a client that resumes can be told that it missed nothing.
    pub lifetime_ms: Option<u64>,
}

impl Retention {
    /// How often nodes must look for what they have missed: a message that is lost on the way must not expire
    /// before, or its loss is only seen as possible.
    pub fn check_interval_ms(&self) -> u64 {
        let third = self.lifetime_ms.map_or(u64::MAX, |lifetime_ms| lifetime_ms / 3);
        third.clamp(CHECK_INTERVAL_MS_MIN, CHECK_INTERVAL_MS_MAX)
    }

    /// The time as the engine takes it: whole seconds, at least one.
    pub fn lifetime_s(&self) -> Option<u32> {
        let seconds = self.lifetime_ms?.div_ceil(1_000).max(1);
        Some(u32::try_from(seconds).unwrap_or(u32::MAX))
    }
}

impl Default for Retention {
    /// 100 publications of history, without end.
    fn default() -> Self {
        Self { messages_max: 101, lifetime_ms: None }
    }
}

const CHECK_INTERVAL_MS_MIN: u64 = 1_000;
const CHECK_INTERVAL_MS_MAX: u64 = 25_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_are_more_frequent_than_messages_expire() {
        for (lifetime_ms, interval_ms, lifetime_s) in [
            (None, 25_000, None),
            (Some(3_600_000), 25_000, Some(3_600)),
            (Some(60_001), 20_000, Some(61)),
            (Some(1), 1_000, Some(1)),
            (Some(u64::MAX), 25_000, Some(u32::MAX)),
        ] {
            let retention = Retention { lifetime_ms, ..Retention::default() };
            assert_eq!(retention.check_interval_ms(), interval_ms);
            assert_eq!(retention.lifetime_s(), lifetime_s);
        }
    }
}
