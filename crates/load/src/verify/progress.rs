//! How far each publication has come: which subscribers still lack it. Shared by all threads.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use switchboard_plane::Waker;

/// Publications on their way that all channels together remember.
const SLOTS_MAX: usize = 1 << 20;
/// Publications on their way that one channel remembers, at least and at most.
const SLOTS_PER_CHANNEL: std::ops::RangeInclusive<usize> = 4..=4_096;

/// One publication on its way.
#[derive(Debug, Default)]
struct Slot {
    sequence: AtomicU64,
    left: AtomicU32,
}

#[derive(Debug)]
struct Channel {
    sent: AtomicU64,
    subscribers: AtomicU32,
    slots: Box<[Slot]>,
}

/// All channels.
#[derive(Debug)]
pub(crate) struct Progress {
    channels: Box<[Channel]>,
    published: AtomicU64,
    completed: AtomicU64,
    /// Channels in which a publication was completed, if a caller wants to know.
    news: Mutex<Vec<u32>>,
    listener: Mutex<Option<Waker>>,
}

impl Progress {
    /// For `channels`, in each of which at least `window` publications can be followed at a time.
    pub(crate) fn new(channels: u32, window: u32) -> Self {
        let per_channel = (SLOTS_MAX / channels.max(1) as usize)
            .clamp(*SLOTS_PER_CHANNEL.start(), *SLOTS_PER_CHANNEL.end())
            .max(window as usize)
            .next_power_of_two();
        let channel = |_| Channel {
            sent: AtomicU64::new(0),
            subscribers: AtomicU32::new(0),
            slots: (0..per_channel).map(|_| Slot::default()).collect(),
        };
        Self {
            channels: (0..channels).map(channel).collect(),
            published: AtomicU64::new(0),
            completed: AtomicU64::new(0),
            news: Mutex::new(Vec::new()),
            listener: Mutex::new(None),
        }
    }

    /// From now on `waker` is used and [`take_news`](Self::take_news) filled when a publication has
    /// reached everyone.
    pub(crate) fn listen(&self, waker: Waker) {
        *lock(&self.listener) = Some(waker);
    }

    /// Appends the channels of publications that have reached everyone since the last call.
    pub(crate) fn take_news(&self, channels: &mut Vec<u32>) {
        channels.append(&mut lock(&self.news));
    }

    /// The number of the last publication sent to a channel; 0 when there is none.
    pub(crate) fn sent(&self, channel: u32) -> u64 {
        self.channels[channel as usize].sent.load(Ordering::Acquire)
    }

    /// All publications, and those that have reached everyone.
    pub(crate) fn totals(&self) -> (u64, u64) {
        (self.published.load(Ordering::Acquire), self.completed.load(Ordering::Acquire))
    }

    /// One more subscriber.
    pub(crate) fn join(&self, channel: u32) {
        self.channels[channel as usize].subscribers.fetch_add(1, Ordering::AcqRel);
    }

    /// A subscriber is gone that has everything before `next`.
    pub(crate) fn leave(&self, channel: u32, next: u64) {
        let of = &self.channels[channel as usize];
        of.subscribers.fetch_sub(1, Ordering::AcqRel);
        let sent = of.sent.load(Ordering::Acquire);
        let followed = (sent + 1).saturating_sub(of.slots.len() as u64);
        for sequence in next.max(followed)..=sent {
            self.reached(channel, sequence);
        }
    }

    /// The next publication of a channel is about to be sent; returns its number.
    pub(crate) fn publish(&self, channel: u32) -> u64 {
        let of = &self.channels[channel as usize];
        let sequence = of.sent.load(Ordering::Relaxed) + 1;
        let slot = of.slot(sequence);
        let subscribers = of.subscribers.load(Ordering::Acquire);
        // One that is still on its way after so many others is not followed any further.
        let forgotten = slot.left.swap(subscribers, Ordering::AcqRel) > 0;
        slot.sequence.store(sequence, Ordering::Release);
        of.sent.store(sequence, Ordering::Release);
        self.published.fetch_add(1, Ordering::AcqRel);
        if forgotten {
            self.complete(channel);
        }
        if subscribers == 0 {
            self.complete(channel);
        }
        sequence
    }

    /// One subscriber has it, or never will. True when that was the last one.
    pub(crate) fn reached(&self, channel: u32, sequence: u64) -> bool {
        let slot = self.channels[channel as usize].slot(sequence);
        if slot.sequence.load(Ordering::Acquire) != sequence {
            return false;
        }
        let left =
            slot.left.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1));
        let last = left == Ok(1);
        if last {
            self.complete(channel);
        }
        last
    }

    /// Nobody will get it, or it is given up.
    pub(crate) fn abandon(&self, channel: u32, sequence: u64) {
        let slot = self.channels[channel as usize].slot(sequence);
        if slot.sequence.load(Ordering::Acquire) == sequence
            && slot.left.swap(0, Ordering::AcqRel) > 0
        {
            self.complete(channel);
        }
    }

    fn complete(&self, channel: u32) {
        self.completed.fetch_add(1, Ordering::AcqRel);
        if let Some(waker) = lock(&self.listener).as_ref() {
            lock(&self.news).push(channel);
            waker.wake();
        }
    }
}

impl Channel {
    fn slot(&self, sequence: u64) -> &Slot {
        // The number of slots is a power of two.
        &self.slots[sequence as usize & (self.slots.len() - 1)]
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_publication_is_complete_when_the_last_subscriber_has_it_or_is_gone() {
        let progress = Progress::new(2, 1);
        for _ in 0..3 {
            progress.join(1);
        }
        assert_eq!(progress.publish(1), 1);
        assert!(!progress.reached(1, 1));
        progress.leave(1, 1);
        assert_eq!(progress.totals(), (1, 0));
        assert!(progress.reached(1, 1));
        assert_eq!(progress.totals(), (1, 1));
        assert!(!progress.reached(1, 1), "nobody is counted twice");
        assert_eq!((progress.sent(1), progress.sent(0)), (1, 0));
    }

    #[test]
    fn what_nobody_listens_to_or_is_given_up_is_complete() {
        let progress = Progress::new(1, 1);
        progress.publish(0);
        assert_eq!(progress.totals(), (1, 1));
        progress.join(0);
        progress.publish(0);
        progress.abandon(0, 2);
        progress.abandon(0, 2);
        assert_eq!(progress.totals(), (2, 2));
    }

    #[test]
    fn the_slots_of_many_channels_are_bounded() {
        assert_eq!(Progress::new(1, 1).channels[0].slots.len(), 4_096);
        assert_eq!(Progress::new(100_000, 1).channels[0].slots.len(), 16);
        assert_eq!(Progress::new(100_000, 100).channels[0].slots.len(), 128);
    }

    #[test]
    fn what_fell_off_the_slots_is_ignored() {
        let progress = Progress::new(1, 1);
        progress.join(0);
        for _ in 0..=progress.channels[0].slots.len() {
            progress.publish(0);
        }
        assert!(!progress.reached(0, 1));
        assert!(progress.reached(0, 2));
    }
}
