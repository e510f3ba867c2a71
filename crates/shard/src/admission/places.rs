//! The places of one shard: who gets one, and who makes room.

use std::net::IpAddr;
use std::sync::Arc;

use switchboard_plane::ConnId;

use super::address::Subject;
use super::memory::Pressure;
use super::newcomers::{Look, Newcomers};
use super::refusal::Reason;
use super::shared::Admission;

/// What happens to a connection that was accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Entry {
    /// It has a place.
    Serve,
    /// It has none; its request may still find one, or will be refused.
    Wait,
    /// It is closed at once.
    Close,
}

/// Places on one shard, and what all shards know together.
#[derive(Debug)]
pub(crate) struct Places {
    shared: Arc<Admission>,
    taken_max: u32,
    taken: u32,
    newcomers: Newcomers,
}

impl Places {
    pub(crate) fn new(shared: Arc<Admission>, taken_max: u32) -> Self {
        Self { shared, taken_max, taken: 0, newcomers: Newcomers::default() }
    }

    pub(crate) fn shared(&self) -> &Admission {
        &self.shared
    }

    /// The same, for another part of the shard.
    pub(crate) fn share(&self) -> Arc<Admission> {
        Arc::clone(&self.shared)
    }

    /// A connection from `peer` was accepted. A trusted proxy's own address is not limited; its clients'
    /// addresses are, once a request has told them.
    pub(crate) fn at_accept(&mut self, id: ConnId, peer: IpAddr, now_ms: u64) -> Entry {
        if !self.shared.may_accept(now_ms) {
            return Entry::Close;
        }
        if self.let_in(id, peer) { Entry::Serve } else { Entry::Wait }
    }

    /// Gives a newcomer a place, if there is one for it.
    pub(crate) fn let_in(&mut self, id: ConnId, peer: IpAddr) -> bool {
        let is_in = self.admit(peer).is_ok();
        if is_in {
            self.newcomers.add(id);
        }
        is_in
    }

    /// Gives the connection of `client` a place. It is taken back by [`Self::leave`].
    pub(crate) fn admit(&mut self, client: IpAddr) -> Result<(), Reason> {
        if self.taken >= self.taken_max {
            return Err(Reason::Full);
        }
        if self.shared.pressure() >= Pressure::RefuseNew {
            return Err(Reason::Memory);
        }
        if !self.shared.try_add(self.shared.subject(client)) {
            return Err(Reason::Address);
        }
        self.taken += 1;
        Ok(())
    }

    /// A request on a connection that has a place is another client's than what came before it. Where
    /// that one has too many connections already, the place counts for nobody's address any more.
    pub(crate) fn hand_over(&self, from: IpAddr, to: IpAddr) -> Result<(), Reason> {
        let (from, to) = (self.shared.subject(from), self.shared.subject(to));
        if from == to {
            return Ok(());
        }
        self.shared.remove(from);
        if self.shared.try_add(to) { Ok(()) } else { Err(Reason::Address) }
    }

    /// A connection with a place is gone; what it was counts for `client`.
    pub(crate) fn leave(&mut self, client: IpAddr, is_newcomer: bool) {
        self.taken -= 1;
        self.shared.remove(self.shared.subject(client));
        if is_newcomer {
            self.newcomers.graduate();
        }
    }

    /// The first request of a connection with a place is whole.
    pub(crate) fn graduate(&mut self) {
        self.newcomers.graduate();
    }

    /// Who is to make room for a client where all places are taken: of those whose first request is not
    /// whole yet, one of the same address that is among those that have waited the longest, else the one
    /// that has. `newcomer` gives the address of one, and whether it has had its time.
    pub(crate) fn makes_room(
        &mut self,
        client: IpAddr,
        newcomer: impl Fn(ConnId) -> Option<(IpAddr, bool)>,
    ) -> Option<ConnId> {
        let has_room = self.shared.has_room(self.shared.subject(client));
        if self.taken < self.taken_max || !has_room {
            return None;
        }
        let client = Subject::from(client);
        self.newcomers.oldest(|id| {
            newcomer(id)
                .map(|(ip, is_due)| Look { is_due, is_preferred: Subject::from(ip) == client })
        })
    }

    /// Forgets those that are no newcomers any more, once they are many.
    pub(crate) fn tidy(&mut self, is_newcomer: impl Fn(ConnId) -> bool) {
        self.newcomers.tidy(is_newcomer);
    }
}

#[cfg(test)]
#[path = "places_tests.rs"]
mod tests;
