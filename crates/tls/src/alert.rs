//! Alerts (RFC 8446 6).

/// What is wrong, as the peer is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Alert {
    /// Nothing: no more is sent (6.1).
    CloseNotify = 0,
    /// A message that does not belong here.
    UnexpectedMessage = 10,
    /// A record that was changed on its way, or sealed with another key.
    BadRecordMac = 20,
    /// A record, or its plaintext, that is too long.
    RecordOverflow = 22,
    /// A field with a value that is not allowed.
    IllegalParameter = 47,
    /// A message that cannot be read.
    DecodeError = 50,
}

impl Alert {
    /// The two bytes of the alert: all but [`CloseNotify`](Self::CloseNotify) are fatal.
    pub(crate) fn bytes(self) -> [u8; 2] {
        let level = if self == Self::CloseNotify { WARNING } else { FATAL };
        [level, self as u8]
    }
}

const WARNING: u8 = 1;
const FATAL: u8 = 2;
/// `user_canceled`: the peer will not go on, and says so by `close_notify` (6.1).
pub(crate) const USER_CANCELED: u8 = 90;
