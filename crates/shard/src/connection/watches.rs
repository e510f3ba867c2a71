//! Subscriptions with which clients hear who comes to the channels that they listen to, and who goes.

use super::by_slot::{BySlot, Vacant};

/// Which subscriptions are there only beside another one, to hear of the joins and leaves in its channel. Clients
/// do not know of them. A connection that has none takes nothing here.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    by_slot: BySlot<Box<[Watch]>>,
    count: usize,
}

/// Two of a connection's subscriptions.
#[derive(Clone, Copy, Debug)]
struct Watch {
    /// The one of the client.
    of: u16,
    /// The one beside it.
    nth: u16,
}

impl Vacant for Box<[Watch]> {
    fn is_vacant(&self) -> bool {
        self.is_empty()
    }
}

impl Watches {
    /// There are none at all.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether a connection's subscription is one of them.
    pub(crate) fn has(&self, slot: u32, nth: u16) -> bool {
        self.watched_by(slot, nth).is_some()
    }

    /// The subscription of a client beside which this one is there, if it is one of them.
    pub(crate) fn watched_by(&self, slot: u32, nth: u16) -> Option<u16> {
        self.all(slot).iter().find(|watch| watch.nth == nth).map(|watch| watch.of)
    }

    /// The one beside a client's subscription.
    pub(crate) fn beside(&self, slot: u32, of: u16) -> Option<u16> {
        self.all(slot).iter().find(|watch| watch.of == of).map(|watch| watch.nth)
    }

    /// A client's subscription has one beside it; it had none.
    pub(crate) fn add(&mut self, slot: u32, of: u16, nth: u16) {
        let mut all = self.by_slot.take(slot).unwrap_or_default().into_vec();
        all.push(Watch { of, nth });
        self.by_slot.put(slot, all.into());
        self.count += 1;
    }

    /// It has not any more.
    pub(crate) fn remove(&mut self, slot: u32, of: u16) {
        let all = self.by_slot.take(slot).unwrap_or_default();
        let left: Box<[Watch]> = all.iter().copied().filter(|watch| watch.of != of).collect();
        self.count -= all.len() - left.len();
        if !left.is_empty() {
            self.by_slot.put(slot, left);
        }
    }

    /// A connection has no subscriptions any more.
    pub(crate) fn clear(&mut self, slot: u32) {
        if !self.is_empty() {
            self.count -= self.by_slot.take(slot).map_or(0, |all| all.len());
        }
    }

    fn all(&self, slot: u32) -> &[Watch] {
        if self.is_empty() {
            return &[];
        }
        self.by_slot.get(slot).map_or(&[], |all| &**all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_found_from_both_sides() {
        let mut watches = Watches::default();
        assert!(watches.is_empty() && !watches.has(3, 0) && watches.beside(3, 0).is_none());
        watches.add(3, 0, 1);
        watches.add(3, 2, 3);
        watches.add(700, 0, 1);
        assert_eq!((watches.watched_by(3, 3), watches.beside(3, 2)), (Some(2), Some(3)));
        assert!(watches.has(3, 1) && !watches.has(3, 0) && !watches.has(4, 1));
        watches.remove(3, 2);
        watches.remove(3, 2);
        assert!(!watches.has(3, 3) && watches.has(3, 1));
        watches.clear(3);
        watches.clear(3);
        assert!(!watches.has(3, 1) && !watches.is_empty());
        watches.remove(700, 0);
        assert!(watches.is_empty());
    }
}
