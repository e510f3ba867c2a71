//! How a shard hears from other threads: a queue that never refuses and never blocks for long, and
//! one wake-up per sleep however much mail waits.
//!
//! A wake-up costs 7-11 us and mail to a shard that is awake 30-40 ns, so senders look at the
//! `asleep` flag first. The order is what makes it safe: a sender queues and then looks at the
//! flag; the shard raises the flag and then looks at the queue. Both use `SeqCst`, so at least one
//! of them sees the other.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::mail::Mail;

/// The queue of one shard. Shared by all threads that talk to it.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    mail: Mutex<VecDeque<Mail>>,
    asleep: AtomicBool,
    waker: OnceLock<Wake>,
    /// Bytes of what other shards sent and this one has not handled: above a bound the senders
    /// stop reading from their publishers.
    unhandled_bytes: AtomicUsize,
}

/// Ends the owner's sleep, from any thread.
pub(crate) struct Wake(Box<dyn Fn() + Send + Sync>);

impl Wake {
    pub(crate) fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Box::new(wake))
    }
}

impl fmt::Debug for Wake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wake")
    }
}

impl Mailbox {
    /// Tells how to wake the owner. Called once, by the owner, before its first sleep.
    pub(crate) fn set_wake(&self, wake: Wake) {
        let first = self.waker.set(wake).is_ok();
        debug_assert!(first, "a mailbox has one owner");
    }

    /// Queues for each mailbox its mail, for all of them at the same time, and returns how many
    /// owners had to be woken.
    ///
    /// Mail can be acted on as soon as it is in a mailbox, and who sees the effect may turn
    /// to any other shard at once. So no mailbox is open until all have theirs. Everybody locks in
    /// the order of the shards, so nobody waits for another in a circle.
    pub(crate) fn post_everywhere(mailboxes: &[Arc<Self>], mail: &mut [Vec<Mail>]) -> u64 {
        let filled = mail.iter_mut().zip(mailboxes).filter(|(mail, _)| !mail.is_empty());
        let mut locks: Vec<_> = filled
            .map(|(mail, mailbox)| {
                let bytes: usize = mail.iter().map(Mail::bytes).sum();
                mailbox.unhandled_bytes.fetch_add(bytes, Ordering::Relaxed);
                let queue = mailbox.mail.lock().unwrap_or_else(PoisonError::into_inner);
                (mailbox, queue, mail)
            })
            .collect();
        for (_, queue, mail) in &mut locks {
            queue.extend(mail.drain(..));
        }
        let wakes = locks.into_iter().map(|(mailbox, queue, _)| {
            drop(queue);
            mailbox.wake_if_asleep()
        });
        wakes.filter(|woken| *woken).count() as u64
    }

    /// Queues one piece of mail.
    pub(crate) fn post(&self, mail: Mail) {
        self.unhandled_bytes.fetch_add(mail.bytes(), Ordering::Relaxed);
        self.mail.lock().unwrap_or_else(PoisonError::into_inner).push_back(mail);
        self.wake_if_asleep();
    }

    /// Takes everything that waits into `into`, which must be empty.
    /// They count as unhandled until [`handled`](Self::handled).
    pub(crate) fn take(&self, into: &mut VecDeque<Mail>) {
        debug_assert!(into.is_empty());
        std::mem::swap(&mut *self.mail.lock().unwrap_or_else(PoisonError::into_inner), into);
    }

    /// The owner has handled mail of this many bytes.
    pub(crate) fn handled(&self, bytes: usize) {
        self.unhandled_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Bytes of mail that waits here or is being handled.
    pub(crate) fn unhandled_bytes(&self) -> usize {
        self.unhandled_bytes.load(Ordering::Relaxed)
    }

    /// Announces that the owner is about to sleep. False when mail waits: then it must not.
    pub(crate) fn try_sleep(&self) -> bool {
        self.asleep.store(true, Ordering::SeqCst);
        let empty = self.mail.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
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
            (waker.0)();
        }
        wakes
    }
}
