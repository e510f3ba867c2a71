//! Which bound a connection counts towards.

/// Which bound a connection counts towards.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Place {
    /// None: it is only refused.
    #[default]
    None,
    /// `connections_max`, and it has not sent a whole request yet.
    Newcomer,
    /// `connections_max`.
    Public,
    /// `internal_connections_max`, and nobody with access has spoken on it yet.
    Stranger,
    /// `internal_connections_max`.
    Internal,
}

impl Place {
    pub(crate) fn is_stranger(self) -> bool {
        self == Self::Stranger
    }

    /// It came to the internal API.
    pub(crate) fn is_internal(self) -> bool {
        matches!(self, Self::Stranger | Self::Internal)
    }
}
