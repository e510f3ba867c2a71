//! A connection's subscriptions: one in the connection itself, several in the shard's pool.
//!
//! Each has a slot that it keeps for as long as it lives: leaving one moves none of the others. The
//! hub names a subscriber by its connection and this slot.

use switchboard_hub::Subscription;

use super::pool::{Block, Pool, Relocated};

/// Eight bytes of a connection. Most have exactly one subscription.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Subscriptions {
    /// One, in slot 0.
    One(Subscription),
    /// Those in this block of the pool, or none at all.
    Pooled(Option<Block>),
}

const _: () = assert!(size_of::<Subscriptions>() == 8);

impl Default for Subscriptions {
    fn default() -> Self {
        Self::Pooled(None)
    }
}

impl Subscriptions {
    pub(crate) fn is_empty(self) -> bool {
        matches!(self, Self::Pooled(None))
    }

    /// It has had more than one. Then it is told which of them a publication belongs to.
    #[inline]
    pub(crate) fn are_several(self) -> bool {
        matches!(self, Self::Pooled(Some(_)))
    }

    /// The subscription in a slot.
    pub(crate) fn get(self, pool: &Pool, nth: u16) -> Option<Subscription> {
        match self {
            Self::One(only) => (nth == 0).then_some(only),
            Self::Pooled(None) => None,
            Self::Pooled(Some(block)) => pool.slots(block).get(usize::from(nth)).copied().flatten(),
        }
    }

    /// All of them with their slots, in the order of the slots.
    pub(crate) fn iter(self, pool: &Pool) -> impl Iterator<Item = (u16, Subscription)> {
        let (only, slots) = match self {
            Self::One(only) => (Some((0, only)), &[][..]),
            Self::Pooled(None) => (None, &[][..]),
            Self::Pooled(Some(block)) => (None, pool.slots(block)),
        };
        let pooled = (0u16..).zip(slots).filter_map(|(nth, slot)| Some((nth, (*slot)?)));
        only.into_iter().chain(pooled)
    }

    /// Above every slot in use.
    pub(crate) fn slots_end(self, pool: &Pool) -> u16 {
        match self {
            Self::One(_) => 1,
            Self::Pooled(None) => 0,
            Self::Pooled(Some(block)) => pool.slots(block).len() as u16,
        }
    }

    /// The first slot that is not in use.
    pub(crate) fn free_slot(self, pool: &Pool) -> u16 {
        let taken = self.iter(pool).zip(0u16..).take_while(|((nth, _), at)| nth == at);
        taken.count() as u16
    }

    /// Stores a subscription in a slot, which may be in use. `owner` is the connection's index. The
    /// caller must tell the owner of another block if that one moved.
    pub(crate) fn set(
        &mut self,
        pool: &mut Pool,
        owner: u32,
        nth: u16,
        subscription: Subscription,
    ) -> Option<Relocated> {
        let slots_wanted = usize::from(nth) + 1;
        match *self {
            Self::One(_) | Self::Pooled(None) if nth == 0 => {
                *self = Self::One(subscription);
                None
            }
            Self::Pooled(Some(block)) if slots_wanted <= pool.slots(block).len() => {
                pool.slots_mut(block)[usize::from(nth)] = Some(subscription);
                None
            }
            before => {
                let block = pool.insert(owner, slots_wanted.max(2));
                for (nth, kept) in before.iter(pool).collect::<Vec<_>>() {
                    pool.slots_mut(block)[usize::from(nth)] = Some(kept);
                }
                pool.slots_mut(block)[usize::from(nth)] = Some(subscription);
                *self = Self::Pooled(Some(block));
                before.release(pool)
            }
        }
    }

    /// Empties a slot. As [`set`](Self::set), it may move the block of another connection.
    pub(crate) fn clear(&mut self, pool: &mut Pool, nth: u16) -> Option<Relocated> {
        match *self {
            Self::One(_) if nth == 0 => *self = Self::default(),
            Self::Pooled(Some(block)) => {
                if let Some(slot) = pool.slots_mut(block).get_mut(usize::from(nth)) {
                    *slot = None;
                }
                if pool.slots(block).iter().all(Option::is_none) {
                    return std::mem::take(self).release(pool);
                }
            }
            Self::One(_) | Self::Pooled(None) => {}
        }
        None
    }

    fn release(self, pool: &mut Pool) -> Option<Relocated> {
        match self {
            Self::Pooled(Some(block)) => pool.remove(block),
            Self::One(_) | Self::Pooled(None) => None,
        }
    }
}

#[cfg(test)]
mod tests;
