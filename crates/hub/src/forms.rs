//! Other forms of a publication's payload, which some dialects need.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use crate::{Accounting, Form};

/// Which form: a dialect that needs its own form names a slot for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormSlot(usize);

impl FormSlot {
    /// How many there are.
    pub const COUNT: usize = 5;

    /// The slot with this number, below [`COUNT`](Self::COUNT).
    pub const fn new(number: usize) -> Self {
        assert!(number < Self::COUNT, "there is no such slot");
        Self(number)
    }

    fn bit(self) -> u8 {
        1 << self.0
    }
}

/// The forms of one publication. [`Accounting`] keeps them; here is how to find those that somebody
/// still has. Most publications need none, so the first form makes the slots.
#[derive(Debug, Default)]
pub(crate) struct Forms(OnceLock<Box<Slots>>);

#[derive(Debug, Default)]
struct Slots {
    /// A bit for each form that turned out to be empty.
    empty: AtomicU8,
    built: Mutex<[Weak<Form>; FormSlot::COUNT]>,
}

impl Forms {
    /// The memory of the slots once they are made.
    pub(crate) const SLOTS_BYTES: usize = size_of::<Slots>();

    /// The form, built if nobody has it. None if it is empty. Threads that want it at the same time
    /// wait for the first one.
    pub(crate) fn get_or_build(
        &self,
        slot: FormSlot,
        accounting: &Accounting,
        build: impl FnOnce() -> Box<[u8]>,
    ) -> Option<Arc<Form>> {
        let slots = self.0.get_or_init(Box::default);
        if slots.empty.load(Ordering::Relaxed) & slot.bit() != 0 {
            return None;
        }
        let mut built = slots.lock();
        let known = &mut built[slot.0];
        if let Some(form) = known.upgrade() {
            return Some(form);
        }
        let bytes = build();
        if bytes.is_empty() {
            slots.empty.fetch_or(slot.bit(), Ordering::Relaxed);
            return None;
        }
        let form = accounting.keep_form(bytes);
        *known = Arc::downgrade(&form);
        Some(form)
    }

    /// The publication is gone: nobody can ask for its forms any more.
    #[inline]
    pub(crate) fn give_up(&self, accounting: &Accounting) {
        if let Some(slots) = self.0.get() {
            slots.give_up(accounting);
        }
    }
}

impl Slots {
    fn lock(&self) -> MutexGuard<'_, [Weak<Form>; FormSlot::COUNT]> {
        // A panic while building has changed nothing.
        self.built.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn give_up(&self, accounting: &Accounting) {
        for form in self.lock().iter().filter_map(Weak::upgrade) {
            accounting.give_up_form(&form);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Draft, Epoch, Kind, Position, Publication};
    use std::cell::Cell;

    const LINES: FormSlot = FormSlot::new(0);
    const JSON: FormSlot = FormSlot::new(1);

    fn publication(accounting: &Arc<Accounting>) -> Arc<Publication> {
        let position = Position { epoch: Epoch::from_random(1), offset: 1 };
        Publication::new(position, (0, 0), Draft::new(Kind::Text, b"hi"), accounting)
    }

    /// Asks for forms of 100 bytes and counts how many are built.
    #[derive(Default)]
    struct Builds(Cell<u32>);

    impl Builds {
        fn form(&self, publication: &Publication, slot: FormSlot) -> Arc<Form> {
            let form = publication.form(slot, |_| {
                self.0.set(self.0.get() + 1);
                [0; 100].into()
            });
            form.unwrap()
        }
    }

    #[test]
    fn a_form_is_built_once_and_lives_as_long_as_its_publication() {
        let accounting = Arc::new(Accounting::default());
        let (publication, builds) = (publication(&accounting), Builds::default());
        let cost_bytes = builds.form(&publication, LINES).cost_bytes();
        assert!(cost_bytes > 100);
        for _ in 0..3 {
            assert_eq!(builds.form(&publication, LINES)[..], [0; 100]);
            builds.form(&publication, JSON);
            accounting.evict_forms();
        }
        assert_eq!(builds.0.get(), 2);
        assert_eq!(accounting.bytes(), publication.cost_bytes() + 2 * cost_bytes);
        drop(publication);
        assert_eq!((accounting.count(), accounting.bytes()), (0, 0));
    }

    #[test]
    fn an_empty_form_is_built_once_and_not_kept() {
        let accounting = Arc::new(Accounting::default());
        let publication = publication(&accounting);
        assert_eq!(publication.form(LINES, |_| Box::default()), None);
        assert_eq!(publication.form(LINES, |_| unreachable!()), None);
        assert_eq!(accounting.bytes(), publication.cost_bytes());
    }

    #[test]
    fn beyond_the_bound_the_oldest_forms_are_given_up_and_the_newest_is_shared() {
        let accounting = Arc::new(Accounting::new(1));
        let builds = Builds::default();
        let publications = [(); 3].map(|()| publication(&accounting));
        let all = || publications.iter().map(|it| builds.form(it, LINES)).collect::<Vec<_>>();
        // Within one slice none is built twice.
        for _ in 0..10 {
            all();
        }
        assert_eq!(builds.0.get(), 3);
        accounting.evict_forms();
        let [oldest, _, newest] = &publications;
        for _ in 0..10 {
            builds.form(newest, LINES);
        }
        assert_eq!(builds.0.get(), 3, "the newest is still there");
        builds.form(oldest, LINES);
        assert_eq!(builds.0.get(), 4, "the oldest is not");
        drop(publications);
        assert_eq!((accounting.count(), accounting.bytes()), (0, 0));
    }

    #[test]
    fn a_form_that_somebody_sends_is_shared_and_counted_after_it_was_given_up() {
        let accounting = Arc::new(Accounting::new(1));
        let builds = Builds::default();
        let (old, new) = (publication(&accounting), publication(&accounting));
        let held = builds.form(&old, LINES);
        builds.form(&new, LINES);
        accounting.evict_forms();
        assert!(Arc::ptr_eq(&held, &builds.form(&old, LINES)));
        assert_eq!(builds.0.get(), 2);
        drop((old, new));
        assert_eq!(accounting.bytes(), held.cost_bytes());
        drop(held);
        assert_eq!(accounting.bytes(), 0);
    }
}
