//! Whether this kernel's `io_uring` can carry the plane.

use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};

use io_uring::{IoUring, Probe, cqueue, opcode, squeue};

use super::operation;
use super::ring::{RingSize, build};
use super::tag::{Op, Tag};
use crate::choice::Refusal;
use crate::limits::descriptors_max;
use crate::socket::{self, check};

/// What the plane submits.
const NEEDED: [(u8, &str); 9] = [
    (opcode::PollAdd::CODE, "IORING_OP_POLL_ADD"),
    (opcode::AsyncCancel::CODE, "IORING_OP_ASYNC_CANCEL"),
    (opcode::Accept::CODE, "IORING_OP_ACCEPT"),
    (opcode::Close::CODE, "IORING_OP_CLOSE"),
    (opcode::FilesUpdate::CODE, "IORING_OP_FILES_UPDATE"),
    (opcode::Send::CODE, "IORING_OP_SEND"),
    (opcode::Recv::CODE, "IORING_OP_RECV"),
    (opcode::Shutdown::CODE, "IORING_OP_SHUTDOWN"),
    // 5.19: came with multishot accept and automatic choice of slots.
    (opcode::Socket::CODE, "IORING_OP_SOCKET"),
];

/// See [`crate::choice::probe_io_uring`].
pub(crate) fn probe() -> Result<(), Refusal> {
    // The plane's own size, since a limit on memory may only show then.
    let slots = descriptors_max().clamp(1, super::SLOTS_MAX);
    let ring = build(RingSize::for_slots(slots)).map_err(Refusal::from_setup)?;
    let mut operations = Probe::new();
    ring.submitter().register_probe(&mut operations).map_err(|_| Refusal::Lacks("a probe"))?;
    for (code, name) in NEEDED {
        if !operations.is_supported(code) {
            return Err(Refusal::Lacks(name));
        }
    }
    if !ring.params().is_feature_skip_cqe_on_success() {
        return Err(Refusal::Lacks("IOSQE_CQE_SKIP_SUCCESS"));
    }
    ring.submitter().register_files_sparse(slots).map_err(Refusal::Table)?;
    SelfTest::new(ring).map_err(Refusal::Setup)?.run().map_err(Refusal::SelfTest)
}

/// Longer than the send buffer of the test's sockets.
const LONG: usize = 4 * 1024 * 1024;

/// Runs the plane's operations on a socket pair: one end as a direct descriptor, the other as an
/// ordinary one.
struct SelfTest {
    ring: IoUring,
    near: OwnedFd,
    far: OwnedFd,
}

impl SelfTest {
    fn new(ring: IoUring) -> io::Result<Self> {
        let mut fds: [RawFd; 2] = [-1; 2];
        let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC;
        // SAFETY: the pointer is valid for writing two descriptors.
        check(unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, fds.as_mut_ptr()) })?;
        // SAFETY: the kernel just made these descriptors and nobody else owns them.
        let [near, far] = fds.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
        socket::set_int(near.as_fd(), libc::SOL_SOCKET, libc::SO_SNDBUF, 64 * 1024)?;
        Ok(Self { ring, near, far })
    }

    /// Submits one operation; returns what is complete right after.
    ///
    /// # Safety
    /// As for [`super::ring::Ring::push`].
    unsafe fn submit(&mut self, entry: &squeue::Entry) -> Vec<(Op, i32, bool)> {
        // SAFETY: promised by the caller. The queue is empty, so there is room.
        let _ = unsafe { self.ring.submission().push(entry) };
        let _ = self.ring.submit();
        self.completions()
    }

    fn completions(&mut self) -> Vec<(Op, i32, bool)> {
        let described =
            |c: cqueue::Entry| (Tag::unpack(c.user_data()).op, c.result(), cqueue::more(c.flags()));
        self.ring.completion().map(described).collect()
    }

    /// What the far end can read now.
    fn far_reads(&self, bytes: &mut [u8]) -> usize {
        let mut total = 0;
        loop {
            let (at, len) = (bytes[total..].as_mut_ptr(), bytes.len() - total);
            // SAFETY: the pointer is valid for writing `len` bytes.
            let read = unsafe { socket::receive(self.far.as_raw_fd(), at, len) };
            match usize::try_from(read) {
                Ok(0) | Err(_) => return total,
                Ok(read) => total += read,
            }
        }
    }

    fn run(mut self) -> Result<(), &'static str> {
        // Leaked when the test fails, since then an operation may still use it.
        let mut bytes = vec![0u8; LONG];
        let result = self.test(&mut bytes);
        if result.is_err() {
            std::mem::forget(bytes);
        }
        result
    }

    fn test(&mut self, bytes: &mut [u8]) -> Result<(), &'static str> {
        let slot = self.install()?;
        self.test_poll_and_receive(slot, bytes)?;
        self.test_sends(slot, bytes)?;
        self.test_close(slot)
    }

    fn install(&mut self) -> Result<u32, &'static str> {
        let fd = Box::leak(Box::new(self.near.as_raw_fd()));
        let entry = operation::install(&raw mut *fd);
        // SAFETY: the descriptor's memory is leaked until the operation is known to be complete.
        let complete = unsafe { self.submit(&entry) };
        if complete != [(Op::Install, 1, false)] {
            return Err("no slot is chosen for a direct descriptor");
        }
        // SAFETY: it was leaked above, and the operation is complete.
        Ok(unsafe { Box::from_raw(&raw mut *fd) }.cast_unsigned())
    }

    fn test_poll_and_receive(&mut self, slot: u32, bytes: &mut [u8]) -> Result<(), &'static str> {
        // SAFETY: it points to nothing.
        if !unsafe { self.submit(&operation::poll(slot, 1)) }.is_empty() {
            return Err("a poll of an idle socket completes");
        }
        let receive = operation::receive(slot, bytes.as_mut_ptr(), 64, 0);
        // SAFETY: the bytes outlive the ring or are leaked.
        if unsafe { self.submit(&receive) } != [(Op::Receive, -libc::EAGAIN, false)] {
            return Err("a receive with MSG_DONTWAIT waits");
        }
        for _ in 0..2 {
            socket::send(self.far.as_raw_fd(), b"abc");
            let _ = self.ring.submit_and_wait(0);
            if !matches!(self.completions()[..], [(Op::Poll, 1.., true)]) {
                return Err("a multishot poll does not report new bytes");
            }
            // SAFETY: as above.
            if unsafe { self.submit(&receive) } != [(Op::Receive, 3, false)] {
                return Err("a receive of three bytes does not complete");
            }
        }
        Ok(())
    }

    fn test_sends(&mut self, slot: u32, bytes: &mut [u8]) -> Result<(), &'static str> {
        // SAFETY: the bytes outlive the ring or are leaked; so in the following.
        if !unsafe { self.submit(&operation::send(slot, 1, &bytes[..64])) }.is_empty() {
            return Err("a full send completes although IOSQE_CQE_SKIP_SUCCESS is set");
        }
        // SAFETY: see above.
        let short = match unsafe { self.submit(&operation::send(slot, 1, bytes)) }[..] {
            [(Op::Send, sent @ 1.., false)] if sent.cast_unsigned() < bytes.len() as u32 => sent,
            _ => return Err("a short send does not complete with its count"),
        };
        // SAFETY: see above.
        let full = unsafe { self.submit(&operation::send(slot, 1, bytes)) };
        if full != [(Op::Send, -libc::EAGAIN, false)] {
            return Err("a send to a full socket does not complete with EAGAIN");
        }
        if self.far_reads(bytes) != 64 + short.cast_unsigned() as usize {
            return Err("a short send goes on after its completion");
        }
        let _ = self.ring.submit_and_wait(0);
        let late = self.completions().iter().any(|(op, ..)| *op == Op::Send);
        if late || self.far_reads(bytes) != 0 {
            return Err("a send stays in flight after its submission");
        }
        Ok(())
    }

    fn test_close(&mut self, slot: u32) -> Result<(), &'static str> {
        self.near = self.far.try_clone().map_err(|_| "a descriptor cannot be duplicated")?;
        // SAFETY: it points to nothing; so the next one.
        unsafe { self.submit(&operation::cancel(Tag::new(Op::Poll, slot, 1))) };
        // SAFETY: see above.
        unsafe { self.submit(&operation::close(slot, 1)) };
        let mut end = [0u8; 1];
        // SAFETY: the pointer is valid for writing one byte.
        let read = unsafe { socket::receive(self.far.as_raw_fd(), end.as_mut_ptr(), 1) };
        if read == 0 { Ok(()) } else { Err("the peer of a closed direct descriptor sees no end") }
    }
}
