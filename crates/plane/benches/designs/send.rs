//! Ways to send the same bytes to many sockets. The receiver's part of TCP runs in the sender's
//! system call and is the same for all; reading is not measured.

use std::os::fd::RawFd;
use std::thread;
use std::time::Duration;

use io_uring::squeue::{Entry, Flags};
use io_uring::types::{Fd, Fixed};
use io_uring::{IoUring, opcode};

use crate::figures;
use crate::sockets::Pairs;

const SOCKETS: usize = 4_000;

const SEND_FLAGS: i32 = libc::MSG_DONTWAIT | libc::MSG_WAITALL | libc::MSG_NOSIGNAL;
const SUBMISSIONS: u32 = 1_024;
const COMPLETIONS: u32 = 16_384;
/// How long a ring's kernel thread stays awake.
const KERNEL_THREAD_IDLE_MS: u32 = 10;

/// Prints a table for each size.
pub(crate) fn compare(rounds: usize) {
    let mut pairs = Pairs::connect(SOCKETS).expect("sockets over loopback");
    for (title, frame, burst) in [
        ("one frame of 64 B", 64, 1),
        ("one frame of 1 KiB", 1024, 1),
        ("one frame of 16 KiB", 16 << 10, 1),
        ("a burst of 32 frames of 64 B", 64, 32),
    ] {
        println!("\nsend {title} to {SOCKETS} sockets, for each delivery");
        let batch = Batch::new(frame, burst);
        let mut designs = all(&pairs, batch.frames() > 1);
        let names: Vec<_> = designs.iter().map(|design| design.name()).collect();
        figures::table(&names, rounds, SOCKETS * burst, |design| {
            let cost = figures::cpu_time(|| designs[design].send(&pairs, &batch));
            pairs.drain(batch.joined.len());
            designs[design].rest();
            cost
        });
    }
}

/// The designs. The first is what the others are compared with.
fn all(pairs: &Pairs, burst: bool) -> Vec<Box<dyn Design>> {
    let ring = |kind, per_enter| Uring::boxed(kind, per_enter, pairs);
    let mut designs: Vec<Box<dyn Design>> = vec![Box::new(Syscalls::Joined)];
    if burst {
        designs.push(Box::new(Syscalls::EachFrame));
        designs.push(Box::new(Syscalls::Gathered));
        designs.push(ring(RingKind::SendEachFrame, 1024));
        designs.push(ring(RingKind::SendGathered, 1024));
    }
    for per_enter in [32, 256, 1024] {
        designs.push(ring(RingKind::Send, per_enter));
    }
    designs.push(ring(RingKind::SendWithCompletions, 1024));
    designs.push(ring(RingKind::SendOrdinaryDescriptors, 1024));
    designs.push(ring(RingKind::WriteRegisteredBuffer, 1024));
    designs.push(ring(RingKind::NoSubmissionArray, 1024));
    designs.push(ring(RingKind::DeferredTaskWork, 1024));
    designs.push(ring(RingKind::KernelThread, 1024));
    designs
}

/// What everybody is sent.
struct Batch {
    joined: Vec<u8>,
    frame_bytes: usize,
    /// The frames as an array for scattered sends, and the header that names it.
    vectors: Vec<libc::iovec>,
    header: libc::msghdr,
}

impl Batch {
    fn new(frame_bytes: usize, frames: usize) -> Self {
        let joined = vec![b'x'; frame_bytes * frames];
        let mut vectors: Vec<libc::iovec> = joined
            .chunks(frame_bytes)
            .map(|frame| libc::iovec {
                iov_base: frame.as_ptr().cast_mut().cast(),
                iov_len: frame.len(),
            })
            .collect();
        // SAFETY: a msghdr of zeros is a valid one that names nothing.
        let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
        header.msg_iov = vectors.as_mut_ptr();
        header.msg_iovlen = vectors.len();
        Self { joined, frame_bytes, vectors, header }
    }

    fn frames(&self) -> usize {
        self.vectors.len()
    }

    fn each_frame(&self) -> impl Iterator<Item = &[u8]> {
        self.joined.chunks(self.frame_bytes)
    }
}

trait Design {
    fn name(&self) -> String;

    /// Sends the batch to every socket; nothing is in flight afterwards.
    fn send(&mut self, pairs: &Pairs, batch: &Batch);

    /// Waits for what would go on costing after the send, and would be counted to the next design.
    fn rest(&self) {}
}

/// One system call for each socket or frame, as a server on epoll does.
enum Syscalls {
    Joined,
    EachFrame,
    Gathered,
}

impl Design for Syscalls {
    fn name(&self) -> String {
        match self {
            Self::Joined => "send(2)",
            Self::EachFrame => "send(2) for each frame",
            Self::Gathered => "sendmsg(2) that gathers the frames",
        }
        .to_owned()
    }

    fn send(&mut self, pairs: &Pairs, batch: &Batch) {
        for socket in pairs.senders() {
            match self {
                Self::Joined => send(socket, &batch.joined),
                Self::EachFrame => batch.each_frame().for_each(|frame| send(socket, frame)),
                Self::Gathered => {
                    // SAFETY: the header names the batch's frames, which live as long as it.
                    let sent =
                        unsafe { libc::sendmsg(socket, &raw const batch.header, SEND_FLAGS) };
                    assert_eq!(usize::try_from(sent), Ok(batch.joined.len()));
                }
            }
        }
    }
}

fn send(socket: RawFd, bytes: &[u8]) {
    // SAFETY: the pointer is valid for the length.
    let sent = unsafe { libc::send(socket, bytes.as_ptr().cast(), bytes.len(), SEND_FLAGS) };
    assert_eq!(usize::try_from(sent), Ok(bytes.len()));
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum RingKind {
    /// What the plane does.
    Send,
    SendEachFrame,
    SendGathered,
    SendWithCompletions,
    SendOrdinaryDescriptors,
    WriteRegisteredBuffer,
    NoSubmissionArray,
    DeferredTaskWork,
    KernelThread,
}

struct Uring {
    ring: IoUring,
    kind: RingKind,
    per_enter: usize,
    /// The buffer that is registered now.
    registered: *const u8,
}

impl Uring {
    fn boxed(kind: RingKind, per_enter: usize, pairs: &Pairs) -> Box<dyn Design> {
        let mut builder = IoUring::builder();
        builder.setup_cqsize(COMPLETIONS).setup_single_issuer().setup_submit_all();
        match kind {
            RingKind::NoSubmissionArray => builder.setup_coop_taskrun().setup_no_sqarray(),
            RingKind::DeferredTaskWork => builder.setup_defer_taskrun(),
            RingKind::KernelThread => builder.setup_sqpoll(KERNEL_THREAD_IDLE_MS),
            _ => builder.setup_coop_taskrun(),
        };
        let ring: IoUring = builder.build(SUBMISSIONS).expect("a ring");
        if kind != RingKind::SendOrdinaryDescriptors {
            let senders: Vec<RawFd> = pairs.senders().collect();
            ring.submitter().register_files(&senders).expect("direct descriptors");
        }
        Box::new(Self { ring, kind, per_enter, registered: std::ptr::null() })
    }

    fn entry(&self, nth: usize, socket: RawFd, bytes: &[u8]) -> Entry {
        let (start, len) = (bytes.as_ptr(), bytes.len() as u32);
        let slot = Fixed(nth as u32);
        match self.kind {
            RingKind::SendWithCompletions => {
                return opcode::Send::new(slot, start, len).flags(SEND_FLAGS).build();
            }
            RingKind::SendOrdinaryDescriptors => {
                opcode::Send::new(Fd(socket), start, len).flags(SEND_FLAGS).build()
            }
            RingKind::WriteRegisteredBuffer => opcode::WriteFixed::new(slot, start, len, 0).build(),
            _ => opcode::Send::new(slot, start, len).flags(SEND_FLAGS).build(),
        }
        .flags(Flags::SKIP_SUCCESS)
    }

    fn push(&mut self, entry: &Entry, queued: &mut usize) {
        // SAFETY: the batch outlives `send`, which returns only when nothing is in flight.
        unsafe { self.ring.submission().push(entry) }.expect("room");
        *queued += 1;
        if *queued == self.per_enter {
            self.submit();
            *queued = 0;
        }
    }

    fn submit(&mut self) {
        if self.kind == RingKind::KernelThread {
            self.ring.submit().expect("submit");
            while !self.ring.submission().is_empty() {
                std::hint::spin_loop();
            }
            return;
        }
        while !self.ring.submission().is_empty() {
            self.ring.submit().expect("submit");
        }
        for completion in self.ring.completion() {
            assert!(completion.result() > 0, "{}", completion.result());
        }
    }

    fn register(&mut self, batch: &Batch) {
        let start = batch.joined.as_ptr();
        if self.kind != RingKind::WriteRegisteredBuffer || self.registered == start {
            return;
        }
        let whole = libc::iovec { iov_base: start.cast_mut().cast(), iov_len: batch.joined.len() };
        // SAFETY: the batch outlives the design's last send; a ring lives no longer than its batch.
        unsafe { self.ring.submitter().register_buffers(&[whole]) }.expect("a registered buffer");
        self.registered = start;
    }
}

impl Design for Uring {
    fn name(&self) -> String {
        let what = match self.kind {
            RingKind::Send => "io_uring SEND",
            RingKind::SendEachFrame => "io_uring SEND for each frame, linked",
            RingKind::SendGathered => "io_uring SENDMSG that gathers the frames",
            RingKind::SendWithCompletions => "io_uring SEND with completions",
            RingKind::SendOrdinaryDescriptors => "io_uring SEND on ordinary descriptors",
            RingKind::WriteRegisteredBuffer => "io_uring WRITE_FIXED from a registered buffer",
            RingKind::NoSubmissionArray => "io_uring SEND, NO_SQARRAY",
            RingKind::DeferredTaskWork => "io_uring SEND, DEFER_TASKRUN",
            RingKind::KernelThread => "io_uring SEND, SQPOLL",
        };
        format!("{what}, {} per enter", self.per_enter)
    }

    fn send(&mut self, pairs: &Pairs, batch: &Batch) {
        self.register(batch);
        let mut queued = 0;
        for (nth, socket) in pairs.senders().enumerate() {
            match self.kind {
                RingKind::SendEachFrame => {
                    for (frame, bytes) in batch.each_frame().enumerate() {
                        let is_last = frame + 1 == batch.frames();
                        let link = if is_last { Flags::empty() } else { Flags::IO_LINK };
                        let entry = self.entry(nth, socket, bytes);
                        self.push(&entry.flags(link), &mut queued);
                    }
                }
                RingKind::SendGathered => {
                    let entry = opcode::SendMsg::new(Fixed(nth as u32), &raw const batch.header)
                        .flags(SEND_FLAGS as u32)
                        .build();
                    self.push(&entry.flags(Flags::SKIP_SUCCESS), &mut queued);
                }
                _ => {
                    let entry = self.entry(nth, socket, &batch.joined);
                    self.push(&entry, &mut queued);
                }
            }
        }
        self.submit();
    }

    fn rest(&self) {
        if self.kind == RingKind::KernelThread {
            thread::sleep(2 * Duration::from_millis(KERNEL_THREAD_IDLE_MS.into()));
        }
    }
}
