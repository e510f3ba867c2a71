//! Connections by what they count towards: the bound of all, or slots that are kept for some listeners.

use crate::slots::Share;

/// Slots that only some listeners fill, so that whatever comes to the others finds theirs taken, never
/// these.
#[derive(Copy, Clone, Debug)]
pub struct Reserved {
    /// The first of the listeners, which are the last ones of
    /// [`PlaneConfig::listeners`](crate::PlaneConfig::listeners).
    pub first_listener: u16,
    /// How many connections they may have.
    pub slots: u32,
}

impl Reserved {
    /// No listener has slots of its own.
    pub const NONE: Self = Self { first_listener: u16::MAX, slots: 0 };
}

/// How much of each share is taken.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Shares {
    first_reserved: usize,
    max: [u32; 2],
    taken: [u32; 2],
}

impl Shares {
    pub(crate) fn new(common_max: u32, reserved: Reserved) -> Self {
        let first_reserved = usize::from(reserved.first_listener);
        Self { first_reserved, max: [common_max, reserved.slots], taken: [0; 2] }
    }

    /// All slots together.
    pub(crate) fn slots(&self) -> u32 {
        self.max[0].saturating_add(self.max[1])
    }

    pub(crate) fn taken(&self) -> u32 {
        self.taken[0] + self.taken[1]
    }

    /// What the connections of a listener count towards.
    pub(crate) fn of_listener(&self, listener: usize) -> Share {
        if listener < self.first_reserved { Share::Common } else { Share::Reserved }
    }

    pub(crate) fn free(&self, share: Share) -> u32 {
        self.max[share as usize].saturating_sub(self.taken[share as usize])
    }

    pub(crate) fn take(&mut self, share: Share) {
        self.taken[share as usize] += 1;
    }

    pub(crate) fn give_back(&mut self, share: Share) {
        self.taken[share as usize] -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reserved_is_taken_by_its_listeners_only() {
        let mut shares = Shares::new(2, Reserved { first_listener: 1, slots: 1 });
        assert_eq!(
            (shares.of_listener(0), shares.of_listener(1)),
            (Share::Common, Share::Reserved)
        );
        shares.take(Share::Common);
        shares.take(Share::Common);
        assert_eq!((shares.free(Share::Common), shares.free(Share::Reserved)), (0, 1));
        shares.take(Share::Reserved);
        assert_eq!((shares.taken(), shares.slots(), shares.free(Share::Reserved)), (3, 3, 0));
        shares.give_back(Share::Common);
        assert_eq!((shares.free(Share::Common), shares.free(Share::Reserved)), (1, 0));
        assert_eq!(Shares::new(2, Reserved::NONE).of_listener(9), Share::Common);
    }
}
