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
    /// Idle channels.
    Idle,
    /// Mirrors whose number of subscribers is to be reported.
    Presence,
    /// Logs of about the same size.
    Size,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Neighbours {
    pub(crate) previous: u32,
    pub(crate) next: u32,
}

/// A channel's place in the lists.
#[derive(Debug)]
pub(crate) struct Links(pub(crate) [Neighbours; 4]);

impl Links {
    /// Whether the channel is in a list of this kind.
    pub(crate) fn contain(&self, link: Link) -> bool {
        self.0[link as usize].next != OUT
    }

    /// Whether the channel is in no list.
    pub(crate) fn are_out(&self) -> bool {
        self.0.iter().all(|neighbours| neighbours.next == OUT)
    }
}

impl Default for Links {
    fn default() -> Self {
        Self([Neighbours { previous: OUT, next: OUT }; 4])
    }
}
