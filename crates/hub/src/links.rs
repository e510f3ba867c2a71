//! A channel's links in the lists that it is in.

/// No channel.
pub(crate) const NONE: u32 = u32::MAX;

/// In no list of this kind.
pub(crate) const OUT: u32 = u32::MAX - 1;

/// The kinds of lists; a channel is in at most one list of each kind.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Link {
    /// Channels with work to do.
    Dirty,
    /// Idle channels, or mirrors whose number of subscribers is to be reported: the number of those
    /// that become idle has been reported.
    Waiting,
    /// Logs of about the same size.
    Size,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Neighbours {
    pub(crate) previous: u32,
    pub(crate) next: u32,
}

impl Neighbours {
    /// Of a channel that is in no list of the kind.
    pub(crate) const NONE: Self = Self { previous: OUT, next: OUT };

    pub(crate) fn are_in_list(self) -> bool {
        self.next != OUT
    }
}
