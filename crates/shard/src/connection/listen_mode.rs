//! How a subscriber listens.

use switchboard_hub::OnGap;

/// How a subscriber listens beside what its session says. Two bytes, since every connection has them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ListenMode {
    /// Which of the allowed origins its page has, from 1; 0 for none.
    pub(crate) cors: u8,
    flags: u8,
}

/// What is known of how it listens, one bit for each: what the request of a poll said, and what a client of
/// Centrifuge owes.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(crate) enum ListenFlag {
    /// A further request may follow on the connection.
    KeepAlive = 1,
    /// It is held until there is news.
    Waits = 2,
    /// It wants all news, as JSON.
    Json = 4,
    /// It goes on with the earliest publication where its place is lost.
    GapToEarliest = 8,
    /// It has not answered the last ping.
    OwesPong = 16,
    /// It is pinged by frames of WebSocket.
    FramePings = 32,
}

impl ListenMode {
    /// Of a poll.
    pub(crate) fn poll(cors: u8, flags: &[(ListenFlag, bool)]) -> Self {
        let mut mode = Self { cors, flags: 0 };
        for (flag, is_set) in flags {
            mode.set(*flag, *is_set);
        }
        mode
    }

    pub(crate) fn has(self, flag: ListenFlag) -> bool {
        self.flags & flag as u8 != 0
    }

    pub(crate) fn set(&mut self, flag: ListenFlag, is_set: bool) {
        self.flags &= !(flag as u8);
        self.flags |= if is_set { flag as u8 } else { 0 };
    }

    pub(crate) fn on_gap(self) -> OnGap {
        if self.has(ListenFlag::GapToEarliest) { OnGap::Earliest } else { OnGap::Now }
    }
}
