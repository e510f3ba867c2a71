//! One ring with the sockets of its connections.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use io_uring::{Builder, EnterFlags, IoUring, cqueue, squeue};

use super::sockets::Sockets;
use crate::Descriptors;
use crate::limits::descriptors_max;
use crate::slots::Slots;

/// Sizes of a ring.
#[derive(Copy, Clone, Debug)]
pub(super) struct RingSize {
    /// Submissions before a system call is needed.
    pub(super) submissions: u32,
    /// Completions before the kernel has to put them aside.
    pub(super) completions: u32,
    /// Connections.
    pub(super) slots: u32,
}

/// Connections of a ring at most, unless the configuration says otherwise.
pub const RING_SLOTS_MAX: u32 = 16_384;
const SUBMISSIONS: u32 = 1_024;
/// More costs memory and start-up time for every ring, and brings nothing.
const COMPLETIONS_MAX: u32 = 16_384;

impl RingSize {
    /// As many connections as the kernel lets one ring's table have, within reason.
    pub(super) fn usual() -> Self {
        Self::for_slots(descriptors_max().clamp(1, RING_SLOTS_MAX))
    }

    pub(super) fn for_slots(slots: u32) -> Self {
        let completions = slots.saturating_mul(2).clamp(2 * SUBMISSIONS, COMPLETIONS_MAX);
        Self { submissions: SUBMISSIONS, completions, slots }
    }
}

/// Refused submissions in a row before a pause follows each.
const REFUSALS_AT_ONCE: u32 = 16;
/// Refused submissions in a row, about 10 s of them, after which the ring is given up.
const REFUSALS_MAX: u32 = 10_000;
/// Times that one `drain` asks the kernel for completions it had put aside.
const OVERFLOWS_MAX: u32 = 64;

pub(super) struct Ring {
    uring: IoUring,
    pub(super) slots: Slots,
    pub(super) sockets: Sockets,
    /// Slots that are open or closing, or promised to an accept in flight.
    pub(super) taken: u32,
    /// Entries in the submission queue.
    queued: u32,
    /// There may be completions that the eventfd did not tell.
    undrained: bool,
    /// Completions that had to be taken out so that a submission could go on.
    overflow: Vec<cqueue::Entry>,
    overflows: u64,
}

impl Ring {
    /// Makes a ring that adds to the eventfd for each completion.
    pub(super) fn new(
        size: RingSize,
        descriptors: Descriptors,
        eventfd: BorrowedFd<'_>,
    ) -> io::Result<Self> {
        let uring = build(size)?;
        if descriptors == Descriptors::Direct {
            uring.submitter().register_files_sparse(size.slots)?;
        }
        uring.submitter().register_eventfd(eventfd.as_raw_fd())?;
        Ok(Self {
            uring,
            slots: Slots::new(size.slots),
            sockets: Sockets::new(descriptors, size.slots),
            taken: 0,
            queued: 0,
            undrained: false,
            overflow: Vec::new(),
            overflows: 0,
        })
    }

    pub(super) fn has_room(&self) -> bool {
        self.taken < self.slots.len()
    }

    /// Whether there is something to submit or to drain that the eventfd does not tell.
    pub(super) fn has_more(&self) -> bool {
        self.queued > 0 || self.undrained
    }

    /// Times that the kernel had to put completions aside.
    pub(super) fn overflows(&self) -> u64 {
        self.overflows
    }

    /// Queues an operation; submits when the queue is full.
    ///
    /// # Safety
    /// What the entry points to must stay valid until the operation is complete.
    pub(super) unsafe fn push(&mut self, entry: &squeue::Entry) {
        loop {
            // SAFETY: promised by the caller.
            if unsafe { self.uring.submission().push(entry) }.is_ok() {
                self.queued += 1;
                return;
            }
            self.submit();
        }
    }

    /// Hands everything that is queued to the kernel. Completions that this causes at once do not
    /// add to the eventfd: the caller must `drain`, or `has_more` tells.
    pub(super) fn submit(&mut self) {
        if self.queued == 0 {
            return;
        }
        self.mute_eventfd();
        let mut refusals = 0;
        while self.queued > 0 {
            self.submit_once(&mut refusals);
        }
        self.unmute_eventfd();
        self.undrained = true;
    }

    fn submit_once(&mut self, refusals: &mut u32) {
        match self.enter(self.queued) {
            Ok(1..) => *refusals = 0,
            Ok(0) => *refusals += 1,
            Err(error) => match error.raw_os_error() {
                Some(libc::EINTR) => *refusals += 1,
                // The kernel lacks memory, or wants completions to be taken first.
                Some(libc::EAGAIN | libc::EBUSY | libc::ENOMEM | libc::EBADR) => {
                    *refusals += 1;
                    self.overflow.extend(&mut self.uring.completion());
                    if *refusals > REFUSALS_AT_ONCE {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                }
                _ => give_up(&error),
            },
        }
        if *refusals > REFUSALS_MAX {
            give_up(&io::Error::from_raw_os_error(libc::EAGAIN));
        }
        self.queued = self.uring.submission().len() as u32;
    }

    fn enter(&mut self, submit: u32) -> io::Result<usize> {
        let flags = if self.is_overflown() { EnterFlags::GETEVENTS } else { EnterFlags::empty() };
        // SAFETY: without EXT_ARG the argument is a signal mask, and None means none.
        unsafe { self.uring.submitter().enter::<libc::sigset_t>(submit, 0, flags.bits(), None) }
    }

    fn is_overflown(&mut self) -> bool {
        self.uring.submission().cq_overflow()
    }

    /// Takes all completions.
    pub(super) fn drain(&mut self, to: &mut Vec<cqueue::Entry>) {
        self.undrained = false;
        to.append(&mut self.overflow);
        to.extend(&mut self.uring.completion());
        for _ in 0..OVERFLOWS_MAX {
            if !self.is_overflown() {
                return;
            }
            self.overflows += 1;
            // An error changes nothing: what is left comes with the next drain.
            let _ = self.enter(0);
            to.extend(&mut self.uring.completion());
        }
        self.undrained = true;
    }

    /// Completions do not add to the eventfd until `unmute_eventfd`.
    pub(super) fn mute_eventfd(&mut self) {
        self.uring.completion().disable_eventfd();
    }

    pub(super) fn unmute_eventfd(&mut self) {
        self.uring.completion().enable_eventfd();
    }
}

/// Tries what the design wants first, then without what older kernels refuse.
pub(super) fn build(size: RingSize) -> io::Result<IoUring> {
    let completions = size.completions;
    let mut wanted = builder(completions);
    wanted.setup_single_issuer().setup_coop_taskrun().setup_submit_all();
    let mut plain = builder(completions);
    plain.setup_submit_all();
    let mut small = builder(2 * size.submissions);
    small.setup_single_issuer().setup_coop_taskrun().setup_submit_all();
    let mut last = Err(io::Error::from_raw_os_error(libc::ENOSYS));
    for attempt in [wanted, plain, small, IoUring::builder()] {
        last = attempt.build(size.submissions);
        match &last {
            Err(e) if matches!(e.raw_os_error(), Some(libc::EINVAL | libc::ENOMEM)) => {}
            _ => break,
        }
    }
    last
}

fn builder(completions: u32) -> Builder {
    let mut builder = IoUring::builder();
    builder.dontfork().setup_clamp().setup_cqsize(completions);
    builder
}

/// The submission queue may point to memory that the callers are about to free, so that neither
/// an error nor unwinding is possible.
fn give_up(error: &io::Error) -> ! {
    crate::last_words::say(&format!("switchboard: io_uring_enter fails for good: {error}\n"));
    std::process::abort();
}
