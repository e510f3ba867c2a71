//! What a plane knows about each connection: 8 bytes.

use crate::conn::GENERATION_MAX;

/// State bits of a slot.
#[derive(Copy, Clone, Default, Debug)]
pub(crate) struct Flags(u32);

impl Flags {
    /// Belongs to a connection that the owner of the plane has not closed.
    pub(crate) const OPEN: u32 = 1;
    /// Is in the ready queue.
    pub(crate) const QUEUED: u32 = 1 << 1;
    /// The kernel announced the end of the stream: a short receive is not the last one.
    pub(crate) const HANGUP: u32 = 1 << 2;
    /// `pause_read`.
    pub(crate) const PAUSED: u32 = 1 << 3;
    /// `want_write`, and not answered yet.
    pub(crate) const WANTS_WRITE: u32 = 1 << 4;
    /// `Ended` was reported: nothing more to receive.
    pub(crate) const ENDED: u32 = 1 << 5;
    /// `connect` has begun and not come to its end.
    pub(crate) const CONNECTING: u32 = 1 << 6;
    /// Closed by the owner, but the kernel has not said yet that the slot is free.
    pub(crate) const CLOSING: u32 = 1 << 7;
    /// A multishot poll for reading is armed in the kernel.
    pub(crate) const POLLED: u32 = 1 << 8;
    /// A shutdown is under way; it finds its socket by the slot, so the slot must not be freed yet.
    pub(crate) const SHUTTING: u32 = 1 << 9;
    /// Counts towards the reserved slots.
    pub(crate) const RESERVED: u32 = 1 << 10;
    /// A multishot poll for writing is armed in the kernel; only while `WANTS_WRITE`.
    pub(crate) const EDGES: u32 = 1 << 11;

    pub(crate) fn has(self, bits: u32) -> bool {
        self.0 & bits != 0
    }

    pub(crate) fn set(&mut self, bits: u32) {
        self.0 |= bits;
    }

    pub(crate) fn clear(&mut self, bits: u32) {
        self.0 &= !bits;
    }

    /// Clears the bits and says whether one of them was set.
    pub(crate) fn take(&mut self, bits: u32) -> bool {
        let had = self.has(bits);
        self.clear(bits);
        had
    }
}

/// What a connection counts towards.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub(crate) enum Share {
    /// The bound of all connections.
    Common,
    /// The slots that are kept for some listeners.
    Reserved,
}

impl Share {
    pub(crate) const ALL: [Self; 2] = [Self::Common, Self::Reserved];

    /// The bit of a slot that remembers it.
    pub(crate) fn flag(self) -> u32 {
        match self {
            Self::Common => 0,
            Self::Reserved => Flags::RESERVED,
        }
    }

    pub(crate) fn of(flags: Flags) -> Self {
        if flags.has(Flags::RESERVED) { Self::Reserved } else { Self::Common }
    }
}

#[derive(Copy, Clone, Default, Debug)]
struct Slot {
    generation: u32,
    flags: Flags,
}

/// A table of slots, made whole and touched once.
#[derive(Debug)]
pub(crate) struct Slots(Box<[Slot]>);

impl Slots {
    pub(crate) fn new(count: u32) -> Self {
        // Generations start at 1: a ConnId of zeros never names a connection.
        Self(vec![Slot { generation: 1, flags: Flags::default() }; count as usize].into())
    }

    pub(crate) fn len(&self) -> u32 {
        self.0.len() as u32
    }

    /// Gives a free slot to a new connection; returns its generation.
    pub(crate) fn open(&mut self, slot: u32, flags: u32) -> u32 {
        let slot = &mut self.0[slot as usize];
        assert!(!slot.flags.has(Flags::OPEN | Flags::CLOSING), "the slot is in use");
        slot.flags = Flags(Flags::OPEN | flags);
        slot.generation
    }

    /// The flags of an open connection; None when the generation is not the current one.
    pub(crate) fn get(&mut self, slot: u32, generation: u32) -> Option<&mut Flags> {
        let slot = self.0.get_mut(slot as usize)?;
        let current = slot.generation == generation && slot.flags.has(Flags::OPEN);
        current.then_some(&mut slot.flags)
    }

    /// Whether it names an open connection.
    pub(crate) fn is_open(&self, slot: u32, generation: u32) -> bool {
        let slot = self.0.get(slot as usize);
        slot.is_some_and(|s| s.generation == generation && s.flags.has(Flags::OPEN))
    }

    /// Makes all names of the connection stale; the slot stays taken until `free`.
    pub(crate) fn close(&mut self, slot: u32) {
        let slot = &mut self.0[slot as usize];
        slot.generation = if slot.generation == GENERATION_MAX { 0 } else { slot.generation + 1 };
        slot.flags = Flags(Flags::CLOSING | slot.flags.0 & (Flags::SHUTTING | Flags::RESERVED));
    }

    /// A shutdown has ended. True when the close of the slot has waited for it.
    pub(crate) fn shutdown_ended(&mut self, slot: u32) -> bool {
        let slot = self.0.get_mut(slot as usize);
        slot.is_some_and(|s| s.flags.take(Flags::SHUTTING) && s.flags.has(Flags::CLOSING))
    }

    /// Makes a closed slot usable again, and says what its connection counted towards; None when it was
    /// not closed.
    pub(crate) fn free(&mut self, slot: u32) -> Option<Share> {
        let slot = self.0.get_mut(slot as usize)?;
        slot.flags.take(Flags::CLOSING).then(|| Share::of(slot.flags))
    }
}

/// Free slot numbers of a table, for planes whose kernel part does not choose them. The one that
/// became free last is used first, so that the numbers in use stay dense.
#[derive(Debug)]
pub(crate) struct FreeSlots {
    returned: Vec<u32>,
    fresh: u32,
    max: u32,
}

impl FreeSlots {
    pub(crate) fn new(max: u32) -> Self {
        Self { returned: Vec::new(), fresh: 0, max }
    }

    pub(crate) fn take(&mut self) -> Option<u32> {
        self.returned.pop().or_else(|| {
            (self.fresh < self.max).then(|| {
                self.fresh += 1;
                self.fresh - 1
            })
        })
    }

    pub(crate) fn put(&mut self, slot: u32) {
        self.returned.push(slot);
    }

    pub(crate) fn used(&self) -> u32 {
        self.fresh - self.returned.len() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_name_is_stale_and_the_slot_comes_back() {
        let mut slots = Slots::new(2);
        let first = slots.open(1, 0);
        assert!(slots.is_open(1, first));
        slots.close(1);
        assert!(slots.get(1, first).is_none());
        assert_eq!((slots.free(1), slots.free(1)), (Some(Share::Common), None));
        let second = slots.open(1, Flags::PAUSED | Share::Reserved.flag());
        assert_ne!(first, second);
        assert!(slots.get(1, second).unwrap().has(Flags::PAUSED));
        assert!(slots.get(1, first).is_none() && slots.get(9, first).is_none());
        slots.close(1);
        assert_eq!(slots.free(1), Some(Share::Reserved));
        assert_eq!(size_of::<Slot>(), 8);
    }

    #[test]
    fn a_close_waits_for_the_end_of_a_shutdown() {
        let mut slots = Slots::new(1);
        slots.open(0, Flags::SHUTTING);
        slots.close(0);
        assert!(slots.shutdown_ended(0) && !slots.shutdown_ended(0));
        slots.free(0);
        slots.open(0, Flags::SHUTTING);
        assert!(!slots.shutdown_ended(0), "nothing waits");
    }

    #[test]
    fn generations_wrap() {
        let mut slots = Slots::new(1);
        slots.0[0].generation = GENERATION_MAX;
        slots.close(0);
        slots.free(0);
        assert_eq!(slots.open(0, 0), 0);
    }

    #[test]
    fn free_slots_are_dense_and_end() {
        let mut free = FreeSlots::new(2);
        assert_eq!((free.take(), free.take(), free.take()), (Some(0), Some(1), None));
        free.put(0);
        assert_eq!((free.used(), free.take()), (1, Some(0)));
    }
}
