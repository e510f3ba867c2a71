//! Subscriptions of connections that stand on another word than their client's own.

use crate::connection::{BySlot, Vacant};

/// On whose word a client listens to a channel for which it did not ask by itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum GrantedBy {
    /// The token or the backend that said who the client is.
    Identity,
}

/// One such subscription of a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Grant {
    /// Which of the connection's.
    pub(crate) nth: u16,
    pub(crate) by: GrantedBy,
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
        grants.add(7, Grant { nth: 0, by });
        grants.add(7, Grant { nth: 3, by });
        assert!(grants.get(7, 3).is_some() && grants.get(7, 1).is_none());
        assert!(grants.get(8, 3).is_none());
        grants.remove(7, 0);
        grants.remove(7, 5);
        grants.remove(9, 0);
        assert!(grants.get(7, 0).is_none() && grants.get(7, 3).is_some());
        grants.remove(7, 3);
        assert!(grants.0.get(7).is_none(), "nothing is left of it");
    }
}
