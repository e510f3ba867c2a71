//! Why a client is not served, and what it is told.

/// Why a client is not served.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reason {
    /// All places are taken.
    Full,
    /// Memory is short.
    Memory,
    /// Its address has as many connections as it may.
    Address,
    /// Its user has as many connections as it may.
    User,
    /// Its address has begun to listen to as many channels as it may.
    Joins,
    /// A backend that is to be asked does not answer.
    Backend,
    /// Its user has.
    UserJoins,
}

/// What a client that is not served is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) sentence: &'static str,
    pub(crate) retry_after_s: u32,
}

impl Reason {
    /// The refusal. Numbers in `spread` differ between those that are refused together, so that they do
    /// not come back together.
    pub(crate) fn refusal(self, spread: u32) -> Refusal {
        let (status, first_s, width_s, sentence) = match self {
            Self::Full => (503, 1, 5, "all connections are taken; try again later"),
            Self::Backend => (503, 1, 10, "the backend does not answer now; try again later"),
            // What is given up takes some seconds.
            Self::Memory => (503, 5, 10, "the server is short of memory; try again later"),
            Self::Joins => (
                429,
                1,
                5,
                "this address begins to listen too often (joins_per_second_per_address); try again \
                 later",
            ),
            Self::UserJoins => (
                429,
                1,
                5,
                "this user begins to listen too often (joins_per_second_per_user); try again later",
            ),
            Self::User => (
                429,
                5,
                10,
                "this user has as many connections as it may (connections_per_user_max); close some, \
                 or try again later",
            ),
            // Nothing becomes free before this client itself, or a neighbour of it, closes some.
            Self::Address => (
                429,
                5,
                10,
                "this address has as many connections as it may (connections_per_address_max); \
                 close some, or try again later",
            ),
        };
        Refusal { status, sentence, retry_after_s: first_s + spread % width_s }
    }
}
