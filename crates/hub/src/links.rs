//! What a channel keeps of the lists that it stands in.

/// Stands for no channel.
pub(crate) const NONE: u32 = u32::MAX;

/// Stands for: in no list of this kind.
pub(crate) const OUT: u32 = u32::MAX - 1;

/// The kinds of lists; a channel stands in at most one list of each kind.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Link {
    /// Channels with work to do.
    Dirty,
    /// Channels that nobody is interested in.
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
    /// Whether the channel stands in no list.
    pub(crate) fn are_out(&self) -> bool {
        self.0.iter().all(|neighbours| neighbours.next == OUT)
    }
}

impl Default for Links {
    fn default() -> Self {
        Self([Neighbours { previous: OUT, next: OUT }; 4])
    }
}
