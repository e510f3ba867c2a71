//! Ways to receive a small message from each of many sockets.
//!
//! The figures cover the sends and the receives together, since part of the cost of a readiness
//! notice is in the sender's system call. The sends are the same for all; the first row, which gets
//! no notices and receives from each socket in order, is the floor.

use std::mem::MaybeUninit;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::types::{BufRingEntry, Fixed};
use io_uring::{IoUring, cqueue, opcode, squeue};

use crate::figures;
use crate::sockets::Pairs;

const SOCKETS: usize = 512;
/// Passes over all sockets in one round.
const PASSES: usize = 20;
const MESSAGE: [u8; 70] = [b'x'; 70];
const RECEIVE_BYTES: usize = 4_096;
/// Provided buffers: a power of two, more than can be in use at once.
const BUFFERS: u16 = 1_024;
const GROUP: u16 = 1;

/// Prints a table for many messages at once and one for few.
pub(crate) fn compare(rounds: usize) {
    let pairs = Pairs::connect(SOCKETS).expect("sockets over loopback");
    for at_once in [SOCKETS, 8] {
        println!("\nreceive 70 B from {at_once} of {SOCKETS} sockets at once, send included");
        let kinds = [
            Kind::Floor,
            Kind::Epoll,
            Kind::PollThenReceive,
            Kind::PendingReceive,
            Kind::MultishotReceive,
            Kind::MultishotReceiveDeferred,
        ];
        let names = kinds.map(|kind| kind.name().to_owned());
        figures::table(&names, rounds, SOCKETS * PASSES, |kind| {
            let mut design = kinds[kind].boxed(&pairs);
            figures::cpu_time(|| {
                for _ in 0..PASSES {
                    for first in (0..SOCKETS).step_by(at_once) {
                        let sockets = first..first + at_once;
                        sockets.clone().for_each(|nth| pairs.answer(nth, &MESSAGE));
                        design.receive(sockets.len() * MESSAGE.len());
                    }
                }
            })
        });
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Floor,
    Epoll,
    PollThenReceive,
    PendingReceive,
    MultishotReceive,
    MultishotReceiveDeferred,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Floor => "recv(2) from each in order",
            Self::Epoll => "epoll, edge-triggered, and recv(2)",
            Self::PollThenReceive => "io_uring multishot poll, then RECV that completes at once",
            Self::PendingReceive => "io_uring RECV pending, armed again each time",
            Self::MultishotReceive => "io_uring multishot RECV into provided buffers",
            Self::MultishotReceiveDeferred => "the same with DEFER_TASKRUN",
        }
    }

    fn boxed(self, pairs: &Pairs) -> Box<dyn Design> {
        let sockets: Vec<RawFd> = pairs.senders().collect();
        match self {
            Self::Floor => Box::new(Floor { sockets, next: 0, buffer: [0; RECEIVE_BYTES] }),
            Self::Epoll => Box::new(Epoll::new(&sockets)),
            Self::PollThenReceive => Box::new(Rings::new(Arm::Poll, false, &sockets)),
            Self::PendingReceive => Box::new(Rings::new(Arm::Receive, false, &sockets)),
            Self::MultishotReceive => Box::new(Rings::new(Arm::Multishot, false, &sockets)),
            Self::MultishotReceiveDeferred => Box::new(Rings::new(Arm::Multishot, true, &sockets)),
        }
    }
}

trait Design {
    /// Receives until so many bytes have come.
    fn receive(&mut self, bytes: usize);
}

fn receive(socket: RawFd, buffer: &mut [u8]) -> usize {
    let (start, len) = (buffer.as_mut_ptr().cast(), buffer.len());
    // SAFETY: the buffer is writable for its length.
    let result = unsafe { libc::recv(socket, start, len, libc::MSG_DONTWAIT) };
    usize::try_from(result).unwrap_or(0)
}

struct Floor {
    sockets: Vec<RawFd>,
    next: usize,
    buffer: [u8; RECEIVE_BYTES],
}

impl Design for Floor {
    fn receive(&mut self, bytes: usize) {
        let mut got = 0;
        while got < bytes {
            let received = receive(self.sockets[self.next], &mut self.buffer);
            got += received;
            // Not there yet when the kernel has left it to a thread of its own.
            if received > 0 {
                self.next = (self.next + 1) % self.sockets.len();
            }
        }
    }
}

struct Epoll {
    set: RawFd,
    events: Vec<libc::epoll_event>,
    buffer: [u8; RECEIVE_BYTES],
}

impl Epoll {
    fn new(sockets: &[RawFd]) -> Self {
        // SAFETY: a plain system call.
        let set = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        for socket in sockets {
            let events = (libc::EPOLLIN | libc::EPOLLRDHUP | libc::EPOLLET).cast_unsigned();
            let mut event = libc::epoll_event { events, u64: socket.cast_unsigned().into() };
            // SAFETY: `event` is read in the call only.
            let result =
                unsafe { libc::epoll_ctl(set, libc::EPOLL_CTL_ADD, *socket, &raw mut event) };
            assert_eq!(result, 0);
        }
        let events = vec![libc::epoll_event { events: 0, u64: 0 }; SOCKETS];
        Self { set, events, buffer: [0; RECEIVE_BYTES] }
    }
}

impl Design for Epoll {
    fn receive(&mut self, bytes: usize) {
        let mut got = 0;
        while got < bytes {
            let (start, len) =
                (self.events.as_mut_ptr(), i32::try_from(SOCKETS).unwrap_or(i32::MAX));
            // SAFETY: there is room for `len` events.
            let count = unsafe { libc::epoll_wait(self.set, start, len, -1) };
            for event in &self.events[..usize::try_from(count).unwrap_or(0)] {
                // Less than the buffer takes: nothing is left, and the edge will tell.
                got += receive(event.u64 as RawFd, &mut self.buffer);
            }
        }
    }
}

impl Drop for Epoll {
    fn drop(&mut self) {
        // SAFETY: it is ours, and nobody uses it any more.
        unsafe { libc::close(self.set) };
    }
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Arm {
    /// What the plane does.
    Poll,
    Receive,
    Multishot,
}

/// Marks the completions of the receives that follow a poll.
const RECEIVED: u64 = 1 << 32;

struct Rings {
    ring: IoUring,
    arm: Arm,
    buffers: Buffers,
    completions: Vec<(u64, i32, u32)>,
}

impl Rings {
    fn new(arm: Arm, deferred: bool, sockets: &[RawFd]) -> Self {
        let mut builder = IoUring::builder();
        builder.setup_cqsize(4 * SOCKETS as u32).setup_single_issuer().setup_submit_all();
        if deferred {
            builder.setup_defer_taskrun();
        } else {
            builder.setup_coop_taskrun();
        }
        let ring: IoUring = builder.build(2 * SOCKETS as u32).expect("a ring");
        ring.submitter().register_files(sockets).expect("direct descriptors");
        let buffers = Buffers::new();
        if arm == Arm::Multishot {
            let start = buffers.ring.as_ptr() as u64;
            // SAFETY: the memory is aligned to a page, large enough, and outlives the ring, which
            // is dropped first.
            unsafe { ring.submitter().register_buf_ring_with_flags(start, BUFFERS, GROUP, 0) }
                .expect("provided buffers");
        }
        let mut rings = Self { ring, arm, buffers, completions: Vec::new() };
        (0..SOCKETS as u32).for_each(|nth| rings.arm(nth));
        rings.ring.submit().expect("submit");
        rings
    }

    fn arm(&mut self, nth: u32) {
        let entry = match self.arm {
            Arm::Poll => {
                let events = (libc::POLLIN | libc::POLLRDHUP) as u32;
                opcode::PollAdd::new(Fixed(nth), events).multi(true).build()
            }
            Arm::Receive => {
                let start = self.buffers.at(nth as u16);
                opcode::Recv::new(Fixed(nth), start, RECEIVE_BYTES as u32).build()
            }
            Arm::Multishot => opcode::RecvMulti::new(Fixed(nth), GROUP).build(),
        };
        self.push(&entry.user_data(nth.into()));
    }

    fn push(&mut self, entry: &squeue::Entry) {
        // SAFETY: what it points to is a buffer of ours, which lives as long as the ring.
        unsafe { self.ring.submission().push(entry) }.expect("room");
    }

    /// One completion; returns the bytes that it brought.
    fn on_completion(&mut self, tag: u64, result: i32, flags: u32) -> usize {
        if tag & RECEIVED != 0 {
            return usize::try_from(result).unwrap_or(0);
        }
        let nth = tag as u32;
        match self.arm {
            Arm::Poll => {
                let start = self.buffers.at(nth as u16);
                let entry = opcode::Recv::new(Fixed(nth), start, RECEIVE_BYTES as u32)
                    .flags(libc::MSG_DONTWAIT)
                    .build();
                self.push(&entry.user_data(tag | RECEIVED));
                if !cqueue::more(flags) {
                    self.arm(nth);
                }
                return 0;
            }
            Arm::Receive => self.arm(nth),
            Arm::Multishot => {
                if let Some(buffer) = cqueue::buffer_select(flags) {
                    self.buffers.give_back(buffer);
                }
                if !cqueue::more(flags) {
                    self.arm(nth);
                }
            }
        }
        usize::try_from(result).unwrap_or(0)
    }
}

impl Design for Rings {
    fn receive(&mut self, bytes: usize) {
        let mut got = 0;
        loop {
            let mut completions = std::mem::take(&mut self.completions);
            let all = self.ring.completion();
            completions.extend(all.map(|c| (c.user_data(), c.result(), c.flags())));
            for (tag, result, flags) in completions.drain(..) {
                got += self.on_completion(tag, result, flags);
            }
            self.completions = completions;
            if got >= bytes && self.ring.submission().is_empty() {
                return;
            }
            let wanted = usize::from(got < bytes);
            self.ring.submit_and_wait(wanted).expect("submit");
        }
    }
}

/// Memory to receive into, and the ring of those that are free.
struct Buffers {
    ring: Box<[Page]>,
    memory: Vec<u8>,
    tail: u16,
}

/// The ring of buffers starts at a page.
#[repr(align(4096))]
#[derive(Clone, Copy)]
struct Page(#[allow(dead_code)] [MaybeUninit<u8>; 4096]);

impl Buffers {
    fn new() -> Self {
        let bytes = usize::from(BUFFERS) * size_of::<BufRingEntry>();
        let ring = vec![Page([MaybeUninit::zeroed(); 4096]); bytes.div_ceil(4096)].into();
        let memory = vec![0; usize::from(BUFFERS) * RECEIVE_BYTES];
        let mut buffers = Self { ring, memory, tail: 0 };
        (0..BUFFERS).for_each(|number| buffers.give_back(number));
        buffers
    }

    fn at(&mut self, number: u16) -> *mut u8 {
        self.memory[usize::from(number) * RECEIVE_BYTES..].as_mut_ptr()
    }

    fn give_back(&mut self, number: u16) {
        let start = self.at(number) as u64;
        let entries: *mut BufRingEntry = self.ring.as_mut_ptr().cast();
        let at = usize::from(self.tail % BUFFERS);
        // SAFETY: `at` is below the number of entries, for which there is room.
        let entry = unsafe { entries.add(at) };
        // SAFETY: zeros are an entry, and the kernel reads it only after the tail has moved.
        let entry = unsafe { &mut *entry };
        entry.set_addr(start);
        entry.set_len(RECEIVE_BYTES as u32);
        entry.set_bid(number);
        self.tail = self.tail.wrapping_add(1);
        // SAFETY: the first entry holds the tail, which the kernel reads.
        let tail = unsafe { BufRingEntry::tail(entries) };
        // SAFETY: it is aligned, and written by this thread only.
        unsafe { AtomicU16::from_ptr(tail.cast_mut()) }.store(self.tail, Ordering::Release);
    }
}
