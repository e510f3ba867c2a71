//! A drain under way: the clients are told to connect elsewhere, one after another.
//!
//! Nothing is kept for a connection: a walk over all of them finds the next one whenever it is due, round
//! after round, until nobody is left. One that is in the middle of something is left to a later round.

use switchboard_plane::ConnId;

use super::admission;
use super::pace::Pace;
use crate::connection::{Connection, Place, Session};
use crate::core::Core;

/// What handshakes may take that had begun when the drain did; then the listeners are closed. A client that was
/// held off tries again after a second (RFC 6298 section 2.1), and finds nobody instead of silence.
const HANDSHAKES_MS: u64 = 500;

/// Between two rounds in which nobody could be told.
const ROUND_MS: u64 = 50;

/// How far it has come.
#[derive(Debug)]
pub(crate) struct Drain {
    /// When it is over.
    pub(crate) until_ms: u64,
    /// When the listeners may be closed, unless clients wait in their queues.
    handshakes_until_ms: u64,
    /// Clients may still come.
    pub(crate) is_listening: bool,
    /// The other shards know that no client is left.
    is_reported: bool,
    pace: Pace,
    /// Clients at the beginning, and how many had come by then.
    clients: u64,
    accepted: u64,
    /// Clients that were told, and those of this round.
    told: u64,
    told_in_round: u64,
    /// The round: those of a page of connections that are left, and the next page.
    page: Vec<ConnId>,
    next_page: usize,
}

impl Drain {
    /// It begins now.
    pub(crate) fn begin(core: &Core) -> Self {
        let until_ms = core.now_ms.saturating_add(core.config.timeouts.drain_ms);
        let clients = clients(core);
        let seed = core.now_ms ^ (u64::from(core.shard.0) << 48);
        Self {
            until_ms,
            handshakes_until_ms: core.now_ms.saturating_add(HANDSHAKES_MS).min(until_ms),
            is_listening: true,
            is_reported: false,
            pace: Pace::new(core.now_ms, until_ms, clients, seed),
            clients,
            accepted: core.counters.connections_accepted.get(),
            told: 0,
            told_in_round: 0,
            page: Vec::new(),
            next_page: 0,
        }
    }

    /// A client is to be told.
    pub(crate) fn is_due(&self, core: &Core) -> bool {
        self.pace.due_ms() <= core.now_ms
    }

    /// When the next one is to be told.
    pub(crate) fn due_ms(&self) -> u64 {
        self.pace.due_ms()
    }

    /// The next client that may be told. None where the walk has looked at so many pages, which it takes from
    /// `pages`, or where a round is over in which nobody could be told.
    pub(crate) fn next(&mut self, core: &Core, pages: &mut usize) -> Option<ConnId> {
        loop {
            while let Some(id) = self.page.pop() {
                if core.slab.get(id).is_some_and(|connection| may_go(core, connection)) {
                    return Some(id);
                }
            }
            if self.next_page >= core.slab.page_count() {
                self.next_page = 0;
                if std::mem::take(&mut self.told_in_round) == 0 {
                    self.pace.pause_until(core.now_ms + ROUND_MS);
                    return None;
                }
            }
            *pages = pages.checked_sub(1)?;
            self.page = core.slab.page_ids(self.next_page);
            self.next_page += 1;
        }
    }

    /// A client was told.
    pub(crate) fn told(&mut self, core: &Core) {
        self.told += 1;
        self.told_in_round += 1;
        // Those that were told may take a while to go, and others go untold.
        let come = core.counters.connections_accepted.get() - self.accepted;
        let untold = (self.clients + come).saturating_sub(self.told);
        match untold.min(clients(core)) {
            0 => self.pace.pause_until(core.now_ms + ROUND_MS),
            left => self.pace.go_on(left, self.until_ms),
        }
    }

    /// Handshakes that had begun are through, or nobody is there that could miss them.
    pub(crate) fn may_close_listeners(&self, core: &Core) -> bool {
        self.is_listening && (core.now_ms >= self.handshakes_until_ms || clients(core) == 0)
    }

    /// No client is left, and the other shards do not know it.
    pub(crate) fn is_to_report(&self, core: &Core) -> bool {
        !self.is_listening && !self.is_reported && clients(core) == 0
    }

    /// Lets the other shards know.
    pub(crate) fn report(&mut self, core: &Core) {
        self.is_reported = true;
        core.phases.drained();
    }

    /// It waits for other shards, or for its listeners.
    pub(crate) fn awaits_others(&self) -> bool {
        self.is_listening || self.is_reported
    }
}

/// Open connections of clients.
fn clients(core: &Core) -> u64 {
    core.slab.open() as u64 - u64::from(core.internal)
}

/// Whether the connection is a client's that can be told now. Requests get their answers, and questions to
/// backends and other shards theirs; connections that end and those that are refused have deadlines.
fn may_go(core: &Core, connection: &Connection) -> bool {
    let session = connection.session;
    let is_client = matches!(connection.place, Place::Newcomer | Place::Public);
    if !is_client || session.is_ending() || admission::may_be_about_to_ask(core, connection) {
        return false;
    }
    let takes_requests = matches!(session, Session::Http | Session::Refusing);
    let is_busy = connection.busy.as_deref().is_some_and(|busy| {
        busy.awaits_answer()
            || busy.asked.as_ref().is_some_and(|asked| asked.is_pending())
            || (takes_requests && (busy.owes_answer() || busy.body.is_some()))
    });
    !is_busy && session != Session::Emulation && !connection.gates.awaits_home()
}

/// After how many seconds a poll should ask again: 1 to 3, by its slot.
pub(crate) fn retry_after_s(id: ConnId) -> u32 {
    1 + id.index() % 3
}

/// After how many milliseconds an event stream should be opened again: half of what is usual to one and a half of
/// it, by its slot.
pub(crate) fn retry_ms(usual_ms: u32, id: ConnId) -> u32 {
    const PARTS: u64 = 64;
    let usual_ms = u64::from(usual_ms);
    let spread_ms = usual_ms * (u64::from(id.index()) % PARTS) / (PARTS - 1);
    (usual_ms / 2 + spread_ms) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_of_neighbouring_slots_come_back_at_different_times() {
        let slot = |index| ConnId::new(index, 1);
        assert_eq!([0, 1, 2, 3].map(|index| retry_after_s(slot(index))), [1, 2, 3, 1]);
        assert_eq!([0, 63, 64].map(|index| retry_ms(2_000, slot(index))), [1_000, 3_000, 1_000]);
        assert_ne!(retry_ms(2_000, slot(1)), retry_ms(2_000, slot(2)));
        assert_eq!(retry_ms(0, slot(5)), 0);
        assert!(retry_ms(u32::MAX / 2, slot(63)) > u32::MAX / 2, "no number overflows");
    }
}
