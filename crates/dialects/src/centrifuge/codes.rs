//! The codes with which something is refused or ends, as the SDKs know them.

/// Why a command is refused. The connection goes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u16)]
pub enum ErrorCode {
    /// The server or a backend cannot answer now.
    Internal = 100,
    /// The channel is in no namespace.
    UnknownChannel = 102,
    /// The client may not do that.
    PermissionDenied = 103,
    /// The client listens to the channel already.
    AlreadySubscribed = 105,
    /// The connection has as many channels as it may.
    LimitExceeded = 106,
    /// The command is not what it must be.
    BadRequest = 107,
    /// The server does not have that.
    NotAvailable = 108,
    /// The time of the token is over: the client gets a new one.
    TokenExpired = 109,
    /// The client does that too often.
    TooManyRequests = 111,
    /// What comes after the position is not kept any more.
    UnrecoverablePosition = 112,
}

impl ErrorCode {
    /// The number on the wire.
    pub fn code(self) -> u32 {
        self as u32
    }

    /// The client may try again by itself.
    pub fn is_temporary(self) -> bool {
        matches!(self, Self::Internal | Self::TooManyRequests)
    }

    /// One line for people.
    pub fn message(self) -> &'static str {
        match self {
            Self::Internal => "internal server error",
            Self::UnknownChannel => "unknown channel",
            Self::PermissionDenied => "permission denied",
            Self::AlreadySubscribed => "already subscribed",
            Self::LimitExceeded => "limit exceeded",
            Self::BadRequest => "bad request",
            Self::NotAvailable => "not available",
            Self::TokenExpired => "token expired",
            Self::TooManyRequests => "too many requests",
            Self::UnrecoverablePosition => "unrecoverable position",
        }
    }
}

/// Why a connection ends, as the code of its Close frame. Clients come back after codes below 3500.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u16)]
pub enum Disconnect {
    /// The server stops.
    Shutdown = 3001,
    /// The time of the client is over, and it has shown no new token.
    Expired = 3005,
    /// The client does not take what is sent to it.
    Slow = 3008,
    /// What the client missed cannot be sent, in a channel for which it does not ask itself.
    InsufficientState = 3010,
    /// The time of a subscription is over for which the client does not ask itself.
    SubscriptionExpired = 3006,
    /// The client has not answered a ping.
    NoPong = 3012,
    /// The token is not good, and a new one of the same kind would not be.
    InvalidToken = 3500,
    /// The client broke the protocol.
    BadRequest = 3501,
    /// The client has not said `connect` in time.
    Stale = 3502,
    /// The backend wants the client gone.
    ForceDisconnect = 3503,
    /// The user has as many connections as it may.
    ConnectionLimit = 3504,
    /// The client is to have more channels than a connection may.
    ChannelLimit = 3505,
    /// The client sent binary, which JSON cannot be.
    InappropriateProtocol = 3506,
    /// The client said something that the server does not take.
    NotAvailable = 3508,
    /// More commands were refused than a client is told.
    TooManyErrors = 3509,
}

impl Disconnect {
    /// The number on the wire.
    pub fn code(self) -> u16 {
        self as u16
    }

    /// One line for people. It must not read as JSON, which the SDKs would take for more than a text.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Shutdown => "shutdown",
            Self::Expired => "connection expired",
            Self::Slow => "slow",
            Self::InsufficientState => "insufficient state",
            Self::SubscriptionExpired => "subscription expired",
            Self::NoPong => "no pong",
            Self::InvalidToken => "invalid token",
            Self::BadRequest => "bad request",
            Self::Stale => "stale",
            Self::ForceDisconnect => "force disconnect",
            Self::ConnectionLimit => "connection limit",
            Self::ChannelLimit => "channel limit",
            Self::InappropriateProtocol => "inappropriate protocol",
            Self::NotAvailable => "not available",
            Self::TooManyErrors => "too many errors",
        }
    }
}

/// Why the server ends a subscription. Clients subscribe again at once after codes from 2500 on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u16)]
pub enum Unsubscribed {
    /// It may not listen any more.
    Server = 2000,
    /// What it missed cannot be sent: it must ask where it stands.
    InsufficientState = 2500,
    /// The time of its token is over.
    Expired = 2501,
}

impl Unsubscribed {
    /// The number on the wire.
    pub fn code(self) -> u32 {
        self as u32
    }

    /// One line for people.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Server => "server unsubscribe",
            Self::InsufficientState => "insufficient state",
            Self::Expired => "expired",
        }
    }
}

/// A reason for a Close frame that somebody else wrote: SDKs take one that reads as JSON for more than a
/// text, so that one gets a word before it.
pub fn close_reason(reason: &str) -> String {
    let is_json = serde_json::from_str::<serde::de::IgnoredAny>(reason).is_ok();
    if is_json { format!("reason: {reason}") } else { reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_reason_reads_as_json() {
        for reason in ["{}", "12", "null", "\"x\"", " [1] ", "true"] {
            assert_eq!(close_reason(reason), format!("reason: {reason}"));
        }
        for reason in ["gone", "", "12 men", "{"] {
            assert_eq!(close_reason(reason), reason);
        }
        let ours = [Disconnect::Shutdown, Disconnect::Slow, Disconnect::BadRequest];
        assert!(ours.iter().all(|it| close_reason(it.reason()) == it.reason()));
    }

    #[test]
    fn codes_are_those_of_the_protocol() {
        assert_eq!((ErrorCode::Internal.code(), ErrorCode::TooManyRequests.code()), (100, 111));
        assert!(ErrorCode::Internal.is_temporary() && !ErrorCode::TokenExpired.is_temporary());
        assert_eq!((Disconnect::Shutdown.code(), Disconnect::NotAvailable.code()), (3001, 3508));
        assert_eq!(Unsubscribed::InsufficientState.code(), 2500);
    }
}
