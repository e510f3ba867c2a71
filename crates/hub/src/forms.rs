//! Other forms of a publication's payload, which some dialects need.

use std::sync::OnceLock;

/// Which form: a dialect that needs its own form names a slot for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormSlot(usize);

impl FormSlot {
    /// How many there are.
    pub const COUNT: usize = 2;

    /// The slot with this number, below [`COUNT`](Self::COUNT).
    pub const fn new(number: usize) -> Self {
        assert!(number < Self::COUNT, "there is no such slot");
        Self(number)
    }
}

type Slots = [OnceLock<Box<[u8]>>; FormSlot::COUNT];

/// The forms that a publication keeps. Most publications need none, so the first form makes the
/// slots.
#[derive(Debug, Default)]
pub(crate) struct Forms(OnceLock<Box<Slots>>);

impl Forms {
    /// The memory of the slots once they are made.
    pub(crate) const SLOTS_BYTES: usize = size_of::<Slots>();

    pub(crate) fn get(&self, slot: FormSlot) -> Option<&[u8]> {
        self.0.get()?[slot.0].get().map(AsRef::as_ref)
    }

    /// Keeps a form; gives it back when another thread was faster.
    pub(crate) fn set(&self, slot: FormSlot, bytes: Box<[u8]>) -> Result<(), Box<[u8]>> {
        self.0.get_or_init(Box::default)[slot.0].set(bytes)
    }

    /// The length of all forms together.
    pub(crate) fn bytes(&self) -> usize {
        let slots = self.0.get().into_iter().flat_map(|slots| slots.iter());
        slots.filter_map(OnceLock::get).map(|bytes| bytes.len()).sum()
    }
}
