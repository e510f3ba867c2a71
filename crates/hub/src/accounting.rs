//! How many bytes live publications hold, wherever they are.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::Form;

/// At most so many forms are given up in one step.
const EVICTED_MAX: usize = 4096;

/// Live publications of the whole process, counted from creation until the last holder drops them.
/// So nothing between a log and a stalled connection can hide.
///
/// It also keeps the other forms of their payloads ([`Publication::form`](crate::Publication::form)).
/// A new form is never refused, or each of its receivers would have to build its own; the oldest ones
/// are given up instead ([`evict_forms`](Self::evict_forms)), and built again for the next one that
/// asks.
#[derive(Debug)]
pub struct Accounting {
    bytes: Arc<AtomicUsize>,
    count: AtomicUsize,
    form_bytes: AtomicUsize,
    form_bytes_max: usize,
    forms: Mutex<KeptForms>,
}

/// The forms that are kept, by number: the oldest first.
#[derive(Debug, Default)]
struct KeptForms {
    by_number: BTreeMap<u64, Arc<Form>>,
    /// How many were built.
    built: u64,
}

impl Default for Accounting {
    fn default() -> Self {
        Self::new(usize::MAX)
    }
}

impl Accounting {
    /// `form_bytes_max` bounds the forms that are kept.
    pub fn new(form_bytes_max: usize) -> Self {
        let (bytes, count, form_bytes, forms) = Default::default();
        Self { bytes, count, form_bytes, form_bytes_max, forms }
    }

    /// Bytes held by live publications (the sum of their `cost_bytes`) and by forms.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Number of live publications.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Gives up the oldest forms while all together are over their bound, but never the newest one.
    /// Those who are sending one keep it until they are done. A bounded step, to be called between
    /// two slices of a fan-out: so each form is built at most once in a slice, whatever the bound is.
    #[inline]
    pub fn evict_forms(&self) {
        if self.form_bytes.load(Ordering::Relaxed) > self.form_bytes_max {
            self.evict_oldest_forms();
        }
    }

    #[cold]
    fn evict_oldest_forms(&self) {
        let mut evicted = Vec::new();
        let mut forms = self.lock();
        while evicted.len() < EVICTED_MAX
            && forms.by_number.len() > 1
            && self.form_bytes.load(Ordering::Relaxed) > self.form_bytes_max
            && let Some((_, form)) = forms.by_number.pop_first()
        {
            self.form_bytes.fetch_sub(form.cost_bytes(), Ordering::Relaxed);
            evicted.push(form);
        }
        // Other threads need not wait while the bytes are freed.
        drop(forms);
    }

    pub(crate) fn keep_form(&self, bytes: Box<[u8]>) -> Arc<Form> {
        let mut forms = self.lock();
        let number = forms.built;
        forms.built += 1;
        let form = Arc::new(Form::new(bytes, number, &self.bytes));
        self.form_bytes.fetch_add(form.cost_bytes(), Ordering::Relaxed);
        forms.by_number.insert(number, Arc::clone(&form));
        form
    }

    /// Gives up one form, if it is kept.
    pub(crate) fn give_up_form(&self, form: &Form) {
        if self.lock().by_number.remove(&form.number).is_some() {
            self.form_bytes.fetch_sub(form.cost_bytes(), Ordering::Relaxed);
        }
    }

    fn lock(&self) -> MutexGuard<'_, KeptForms> {
        // Nothing in between can panic.
        self.forms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn subtract(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}
