//! How a shard hears from other threads: a queue that never refuses and never blocks for long, and
//! one wake-up per sleep however many letters wait.
//!
//! A wake-up costs 7-11 us and a letter to a shard that is awake 30-40 ns, so senders look at the
//! `asleep` flag first. The order is what makes it safe: a sender queues and then looks at the
//! flag; the shard raises the flag and then looks at the queue. Both use `SeqCst`, so at least one
//! of them sees the other.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use switchboard_hub::Message;
use switchboard_plane::Waker;

use crate::command::Command;

/// What can stand in a mailbox.
#[derive(Debug)]
pub(crate) enum Letter {
    /// From another shard's hub.
    Hub(Message),
    /// From the internal door or the program.
    Command(Command),
}

/// The queue of one shard. Shared by all threads that talk to it.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    letters: Mutex<Vec<Letter>>,
    asleep: AtomicBool,
    waker: OnceLock<Waker>,
    /// Bytes of client publications on their way to this shard: the senders stop reading from
    /// their publishers above a bound.
    publish_bytes: AtomicUsize,
}

impl Mailbox {
    /// Tells how to wake the owner. Called once, by the owner, before its first sleep.
    pub(crate) fn set_waker(&self, waker: Waker) {
        let first = self.waker.set(waker).is_ok();
        debug_assert!(first, "a mailbox has one owner");
    }

    /// Queues all of `letters` and wakes the owner if it sleeps. Returns whether it had to.
    pub(crate) fn send_all(&self, letters: &mut Vec<Letter>) -> bool {
        if letters.is_empty() {
            return false;
        }
        let bytes: usize = letters.iter().map(publish_bytes).sum();
        if bytes > 0 {
            self.publish_bytes.fetch_add(bytes, Ordering::Relaxed);
        }
        self.letters.lock().unwrap_or_else(PoisonError::into_inner).append(letters);
        self.wake_if_asleep()
    }

    /// Queues one letter.
    pub(crate) fn send(&self, letter: Letter) {
        self.send_all(&mut vec![letter]);
    }

    /// Takes everything that waits into `into`, which must be empty.
    pub(crate) fn take(&self, into: &mut Vec<Letter>) {
        debug_assert!(into.is_empty());
        std::mem::swap(&mut *self.letters.lock().unwrap_or_else(PoisonError::into_inner), into);
        let bytes: usize = into.iter().map(publish_bytes).sum();
        if bytes > 0 {
            self.publish_bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
    }

    /// Bytes of client publications that wait here.
    pub(crate) fn publish_bytes(&self) -> usize {
        self.publish_bytes.load(Ordering::Relaxed)
    }

    /// Announces that the owner is about to sleep. False when letters wait: then it must not.
    pub(crate) fn try_sleep(&self) -> bool {
        self.asleep.store(true, Ordering::SeqCst);
        let empty = self.letters.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
        if !empty {
            self.asleep.store(false, Ordering::SeqCst);
        }
        empty
    }

    /// The owner is awake again, whoever woke it.
    pub(crate) fn awake(&self) {
        self.asleep.store(false, Ordering::SeqCst);
    }

    fn wake_if_asleep(&self) -> bool {
        let wakes = self.asleep.swap(false, Ordering::SeqCst);
        if wakes && let Some(waker) = self.waker.get() {
            waker.wake();
        }
        wakes
    }
}

fn publish_bytes(letter: &Letter) -> usize {
    match letter {
        Letter::Hub(Message::Publish { draft, .. }) => draft.payload().len(),
        _ => 0,
    }
}
