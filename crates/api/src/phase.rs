//! How far a server is in its life.

use std::sync::atomic::{AtomicU8, Ordering};

/// How far a server is in its life. It goes on from one phase to a later one and never back.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
pub enum Phase {
    /// Not all of its shards run yet.
    Starting,
    /// It serves clients.
    Serving,
    /// It accepts no new clients, and tells those it has to connect elsewhere, one after another.
    Draining,
    /// Everything that is left ends now.
    Stopping,
    /// Nothing is left.
    Ended,
}

impl Phase {
    /// All phases, in their order.
    pub const ALL: [Self; 5] =
        [Self::Starting, Self::Serving, Self::Draining, Self::Stopping, Self::Ended];

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Serving => "serving",
            Self::Draining => "draining",
            Self::Stopping => "stopping",
            Self::Ended => "ended",
        }
    }

    /// Clients that come or ask again should do so elsewhere.
    pub fn is_leaving(self) -> bool {
        self >= Self::Draining
    }

    /// Nothing new is begun any more.
    pub fn is_stopping(self) -> bool {
        self >= Self::Stopping
    }
}

/// The phase of a server, for all of its threads.
#[derive(Debug)]
pub struct PhaseCell(AtomicU8);

impl Default for PhaseCell {
    /// A server that starts.
    fn default() -> Self {
        Self(AtomicU8::new(Phase::Starting as u8))
    }
}

impl PhaseCell {
    /// The phase now.
    pub fn get(&self) -> Phase {
        let now = self.0.load(Ordering::Acquire);
        Phase::ALL.into_iter().find(|phase| *phase as u8 == now).unwrap_or(Phase::Ended)
    }

    /// Goes on to a later phase. False, and nothing changes, where the server is as far already.
    pub fn advance(&self, to: Phase) -> bool {
        self.0.fetch_max(to as u8, Ordering::AcqRel) < to as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_never_goes_back() {
        let cell = PhaseCell::default();
        assert_eq!(cell.get(), Phase::Starting);
        for phase in Phase::ALL.into_iter().skip(1) {
            assert!(cell.advance(phase) && !cell.advance(phase));
            assert_eq!(cell.get(), phase);
        }
        assert!(!cell.advance(Phase::Serving));
        assert_eq!(cell.get(), Phase::Ended);
    }

    #[test]
    fn a_phase_may_be_left_out() {
        let cell = PhaseCell::default();
        assert!(cell.advance(Phase::Stopping) && !cell.advance(Phase::Draining));
        assert_eq!(cell.get(), Phase::Stopping);
    }

    #[test]
    fn phases_are_in_their_order() {
        assert!(Phase::ALL.is_sorted());
        let leaving = Phase::ALL.map(Phase::is_leaving);
        assert_eq!(leaving, [false, false, true, true, true]);
        let stopping = Phase::ALL.map(Phase::is_stopping);
        assert_eq!(stopping, [false, false, false, true, true]);
    }
}
