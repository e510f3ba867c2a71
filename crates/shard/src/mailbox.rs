//! How a shard hears from other threads: a queue that never refuses and never blocks for long, and
//! one wake-up per sleep however many letters wait.
//!
//! A wake-up costs 7-11 us and a letter to a shard that is awake 30-40 ns, so senders look at the
//! `asleep` flag first. The order is what makes it safe: a sender queues and then looks at the
//! flag; the shard raises the flag and then looks at the queue. Both use `SeqCst`, so at least one
//! of them sees the other.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

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

impl Letter {
    /// What it holds on to while it waits. What the internal door sends is bounded there and not
    /// counted.
    pub(crate) fn bytes(&self) -> usize {
        let payload = match self {
            Self::Hub(Message::Publish { draft, .. }) => draft.payload().len(),
            Self::Hub(Message::Deliver { publication, .. }) => publication.cost_bytes(),
            Self::Hub(_) => 0,
            Self::Command(_) => return 0,
        };
        size_of::<Self>() + payload
    }
}

/// The queue of one shard. Shared by all threads that talk to it.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    letters: Mutex<VecDeque<Letter>>,
    asleep: AtomicBool,
    waker: OnceLock<Waker>,
    /// Bytes of what other shards sent and this one has not handled: above a bound the senders
    /// stop reading from their publishers.
    unhandled_bytes: AtomicUsize,
}

impl Mailbox {
    /// Tells how to wake the owner. Called once, by the owner, before its first sleep.
    pub(crate) fn set_waker(&self, waker: Waker) {
        let first = self.waker.set(waker).is_ok();
        debug_assert!(first, "a mailbox has one owner");
    }

    /// Queues for each mailbox its letters, for all of them at the same time, and returns how many
    /// owners had to be woken.
    ///
    /// A letter can be acted on as soon as it stands in a mailbox, and who sees the effect may turn
    /// to any other shard at once. So no mailbox is open until all have theirs. Everybody locks in
    /// the order of the shards, so nobody waits for another in a circle.
    pub(crate) fn send_everywhere(mailboxes: &[Arc<Self>], letters: &mut [Vec<Letter>]) -> u64 {
        let filled = letters.iter_mut().zip(mailboxes).filter(|(letters, _)| !letters.is_empty());
        let mut locks: Vec<_> = filled
            .map(|(letters, mailbox)| {
                let bytes: usize = letters.iter().map(Letter::bytes).sum();
                mailbox.unhandled_bytes.fetch_add(bytes, Ordering::Relaxed);
                let queue = mailbox.letters.lock().unwrap_or_else(PoisonError::into_inner);
                (mailbox, queue, letters)
            })
            .collect();
        for (_, queue, letters) in &mut locks {
            queue.extend(letters.drain(..));
        }
        let wakes = locks.into_iter().map(|(mailbox, queue, _)| {
            drop(queue);
            mailbox.wake_if_asleep()
        });
        wakes.filter(|woken| *woken).count() as u64
    }

    /// Queues one letter.
    pub(crate) fn send(&self, letter: Letter) {
        self.unhandled_bytes.fetch_add(letter.bytes(), Ordering::Relaxed);
        self.letters.lock().unwrap_or_else(PoisonError::into_inner).push_back(letter);
        self.wake_if_asleep();
    }

    /// Takes everything that waits into `into`, which must be empty.
    /// They count as unhandled until [`handled`](Self::handled).
    pub(crate) fn take(&self, into: &mut VecDeque<Letter>) {
        debug_assert!(into.is_empty());
        std::mem::swap(&mut *self.letters.lock().unwrap_or_else(PoisonError::into_inner), into);
    }

    /// The owner has handled letters of this many bytes.
    pub(crate) fn handled(&self, bytes: usize) {
        self.unhandled_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Bytes of letters that wait here or are being handled.
    pub(crate) fn unhandled_bytes(&self) -> usize {
        self.unhandled_bytes.load(Ordering::Relaxed)
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
