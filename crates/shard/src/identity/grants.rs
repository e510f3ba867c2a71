//! Subscriptions of connections that stand on another word than their client's own.

use crate::connection::{BySlot, Vacant};

/// On whose word a client listens to a channel for which it did not ask by itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum GrantedBy {
    /// The token or the backend that said who the client is.
    Identity,
    /// A backend that gave it the channel later.
    Backend,
    /// A token for this subscription.
    Token,
    /// The backend that was asked about this subscription.
    Hook,
}

/// One such subscription of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grant {
    /// Which of the connection's.
    pub(crate) nth: u16,
    pub(crate) by: GrantedBy,
    /// When it is over, in Unix seconds; the largest number for no end.
    pub(crate) end_s: u32,
}

/// Those of one connection: no more than it has subscriptions.
#[derive(Debug, Default)]
pub(super) struct OfConnection(Vec<Grant>);

impl Vacant for Option<Box<OfConnection>> {
    fn is_vacant(&self) -> bool {
        self.is_none()
    }
}

/// Those of all connections, by slot. Nothing is kept for connections without.
#[derive(Debug, Default)]
pub(crate) struct Grants(BySlot<Option<Box<OfConnection>>>);

impl Grants {
    /// A subscription of the connection in this slot has begun.
    pub(crate) fn add(&mut self, slot: u32, grant: Grant) {
        if let Some(Some(all)) = self.0.get_mut(slot) {
            all.0.push(grant);
        } else {
            self.0.put(slot, Some(Box::new(OfConnection(vec![grant]))));
        }
    }

    /// On whose word a subscription stands; none for that of its client.
    pub(crate) fn get(&self, slot: u32, nth: u16) -> Option<Grant> {
        let all = self.0.get(slot)?.as_ref()?;
        all.0.iter().find(|grant| grant.nth == nth).copied()
    }

    /// A subscription of the connection in this slot stands on a new token from now on.
    pub(crate) fn renew(&mut self, slot: u32, nth: u16, end_s: u32) {
        let all = self.0.get_mut(slot).and_then(Option::as_mut);
        if let Some(grant) = all.and_then(|all| all.0.iter_mut().find(|grant| grant.nth == nth)) {
            *grant = Grant { nth, by: GrantedBy::Token, end_s };
        }
    }

    /// The subscriptions of connections in a page of slots that are over by now, each with its slot.
    pub(crate) fn due(&self, page: usize, now_s: u32) -> impl Iterator<Item = (u32, u16)> {
        let all = self.0.page(page).flat_map(|(slot, all)| {
            all.iter().flat_map(|all| &all.0).map(move |grant| (slot, grant))
        });
        all.filter(move |(_, grant)| grant.end_s <= now_s).map(|(slot, grant)| (slot, grant.nth))
    }

    /// A subscription of the connection in this slot is over.
    pub(crate) fn remove(&mut self, slot: u32, nth: u16) {
        if let Some(Some(all)) = self.0.get_mut(slot) {
            all.0.retain(|grant| grant.nth != nth);
            if all.0.is_empty() {
                self.0.take(slot);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_has_grants_as_long_as_their_subscriptions() {
        let mut grants = Grants::default();
        let by = GrantedBy::Identity;
        grants.add(7, Grant { nth: 0, by, end_s: 5 });
        grants.add(7, Grant { nth: 3, by, end_s: u32::MAX });
        assert_eq!(grants.due(0, 4).count(), 0);
        assert_eq!(grants.due(0, 5).collect::<Vec<_>>(), [(7, 0)]);
        assert!(grants.get(7, 3).is_some() && grants.get(7, 1).is_none());
        assert!(grants.get(8, 3).is_none());
        grants.renew(7, 0, 9);
        assert!(grants.due(0, 5).next().is_none() && grants.due(0, 9).next().is_some());
        grants.remove(7, 0);
        grants.remove(7, 5);
        grants.remove(9, 0);
        assert!(grants.get(7, 0).is_none() && grants.get(7, 3).is_some());
        grants.remove(7, 3);
        assert!(grants.0.get(7).is_none(), "nothing is left of it");
    }
}
