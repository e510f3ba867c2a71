//! Whether the plane's operations do here what the plane relies on: they are tried on socket pairs,
//! one end named as the plane names its connections, the other an ordinary descriptor.

use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

use io_uring::{IoUring, cqueue, squeue};

use super::operation;
use super::sockets::{Sockets, Target};
use super::tag::{Op, Tag};
use crate::Descriptors;
use crate::findings::Release;
use crate::socket::{self, check};

/// Longer than the send buffer of the test's sockets.
const LONG: usize = 4 * 1024 * 1024;
/// Enough for the sockets of one test.
const SLOTS: u32 = 8;
/// Time for a kernel that releases a closed descriptor once older requests have ended. Start-up waits
/// this long where it does not.
const RELEASE_PATIENCE: Duration = Duration::from_millis(20);

/// What a test answers when the kernel does not do what the plane relies on.
type Failure = &'static str;

pub(super) struct SelfTest {
    ring: IoUring,
    sockets: Sockets,
}

/// One end as a connection of the plane has it, and the other.
struct Pair {
    slot: u32,
    target: Target,
    far: OwnedFd,
}

impl SelfTest {
    pub(super) fn new(ring: IoUring) -> Self {
        Self { ring, sockets: Sockets::new(Descriptors::Direct, SLOTS) }
    }

    /// The ring, to give it a table of direct descriptors before [`run`](Self::run) needs one.
    pub(super) fn ring(&self) -> &IoUring {
        &self.ring
    }

    /// Tries everything with one kind of descriptors, and finds out when a closed one is released.
    pub(super) fn run(&mut self, descriptors: Descriptors) -> Result<Release, Failure> {
        self.sockets = Sockets::new(descriptors, SLOTS);
        // Leaked when the test fails, since then an operation may still use it.
        let mut bytes = vec![0u8; LONG];
        let result = self.test(&mut bytes);
        if result.is_err() {
            std::mem::forget(bytes);
        }
        result
    }

    fn test(&mut self, bytes: &mut [u8]) -> Result<Release, Failure> {
        let older = self.pair()?;
        self.test_poll_and_receive(&older, bytes)?;
        self.test_sends(&older, bytes)?;
        let release = self.test_close_behind(&older)?;
        if release == Release::AtOnce {
            self.test_reset()?;
            self.cancel_poll(older.slot);
            self.close(&older);
            if !has_ended(&older.far) {
                return Err("the peer of a closed descriptor sees no end");
            }
        }
        Ok(release)
    }

    /// Makes a pair, and gives one end to the ring.
    fn pair(&mut self) -> Result<Pair, Failure> {
        let (near, far) = socket_pair().map_err(|_| "a socket pair cannot be made")?;
        let slot = match &self.sockets {
            Sockets::Direct => self.install(&near)?,
            Sockets::Process { .. } => self.sockets.adopt(near).ok_or("no slot is left")?,
        };
        Ok(Pair { slot, target: self.sockets.target(slot), far })
    }

    fn install(&mut self, socket: &OwnedFd) -> Result<u32, Failure> {
        let fd = Box::leak(Box::new(socket.as_raw_fd()));
        let entry = operation::install(&raw mut *fd);
        // SAFETY: the descriptor's memory is leaked until the operation is known to be complete.
        let complete = unsafe { self.submit(&entry) };
        if complete != [(Op::Install, 1, false)] {
            return Err("no entry is chosen for a direct descriptor");
        }
        // SAFETY: it was leaked above, and the operation is complete.
        Ok(unsafe { Box::from_raw(&raw mut *fd) }.cast_unsigned())
    }

    fn test_poll_and_receive(&mut self, pair: &Pair, bytes: &mut [u8]) -> Result<(), Failure> {
        self.arm_poll(pair)?;
        let receive = operation::receive(pair.target, bytes.as_mut_ptr(), 64, 0);
        // SAFETY: the bytes outlive the ring or are leaked.
        if unsafe { self.submit(&receive) } != [(Op::Receive, -libc::EAGAIN, false)] {
            return Err("a receive with MSG_DONTWAIT waits");
        }
        for _ in 0..2 {
            socket::send(pair.far.as_raw_fd(), b"abc");
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

    fn test_sends(&mut self, pair: &Pair, bytes: &mut [u8]) -> Result<(), Failure> {
        let send = |bytes: &[u8]| operation::send(pair.target, pair.slot, 1, bytes);
        // SAFETY: the bytes outlive the ring or are leaked; so in the following.
        if !unsafe { self.submit(&send(&bytes[..64])) }.is_empty() {
            return Err("a full send completes although IOSQE_CQE_SKIP_SUCCESS is set");
        }
        // SAFETY: see above.
        let short = match unsafe { self.submit(&send(bytes)) }[..] {
            [(Op::Send, sent @ 1.., false)] if sent.cast_unsigned() < bytes.len() as u32 => sent,
            _ => return Err("a short send does not complete with its count"),
        };
        // SAFETY: see above.
        if unsafe { self.submit(&send(bytes)) } != [(Op::Send, -libc::EAGAIN, false)] {
            return Err("a send to a full socket does not complete with EAGAIN");
        }
        if drain(&pair.far, bytes) != 64 + short.cast_unsigned() as usize {
            return Err("a short send goes on after its completion");
        }
        let _ = self.ring.submit_and_wait(0);
        let late = self.completions().iter().any(|(op, ..)| *op == Op::Send);
        if late || drain(&pair.far, bytes) != 0 {
            return Err("a send stays in flight after its submission");
        }
        Ok(())
    }

    /// Closes a descriptor while the poll of an older connection is armed, as it is while clients come
    /// and go beside one that stays.
    fn test_close_behind(&mut self, older: &Pair) -> Result<Release, Failure> {
        let pair = self.pair()?;
        self.arm_poll(&pair)?;
        self.cancel_poll(pair.slot);
        self.close(&pair);
        if has_ended(&pair.far) {
            return Ok(Release::AtOnce);
        }
        self.cancel_poll(older.slot);
        let deadline = Instant::now() + RELEASE_PATIENCE;
        while Instant::now() < deadline {
            let _ = self.ring.submit_and_wait(0);
            self.completions();
            if has_ended(&pair.far) {
                return Ok(Release::Later);
            }
            std::thread::sleep(RELEASE_PATIENCE / 10);
        }
        Ok(Release::Never)
    }

    fn test_reset(&mut self) -> Result<(), Failure> {
        let pair = self.pair()?;
        let refused = match self.sockets.socket(pair.slot) {
            Some(socket) => socket::reset_on_close(socket).is_err(),
            // SAFETY: it points to what lives for ever.
            None => !unsafe { self.submit(&operation::reset_on_close(pair.slot)) }.is_empty(),
        };
        self.close(&pair);
        if refused {
            Err("a socket option cannot be set, so no connection can be reset")
        } else {
            Ok(())
        }
    }

    fn arm_poll(&mut self, pair: &Pair) -> Result<(), Failure> {
        // SAFETY: it points to nothing.
        let complete = unsafe { self.submit(&operation::poll(pair.target, pair.slot, 1)) };
        if complete.is_empty() { Ok(()) } else { Err("a poll of an idle socket completes") }
    }

    fn cancel_poll(&mut self, slot: u32) {
        // SAFETY: it points to nothing.
        unsafe { self.submit(&operation::cancel(Tag::new(Op::Poll, slot, 1))) };
    }

    fn close(&mut self, pair: &Pair) {
        let target = self.sockets.disown(pair.slot);
        // SAFETY: it points to nothing.
        unsafe { self.submit(&operation::close(target, pair.slot, 1)) };
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
}

fn socket_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut fds: [RawFd; 2] = [-1; 2];
    let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC;
    // SAFETY: the pointer is valid for writing two descriptors.
    check(unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, fds.as_mut_ptr()) })?;
    // SAFETY: the kernel just made these descriptors and nobody else owns them.
    let [near, far] = fds.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
    socket::set_int(near.as_fd(), libc::SOL_SOCKET, libc::SO_SNDBUF, 64 * 1024)?;
    Ok((near, far))
}

/// Reads what is there; how much it was.
fn drain(socket: &OwnedFd, bytes: &mut [u8]) -> usize {
    let mut total = 0;
    loop {
        let (at, len) = (bytes[total..].as_mut_ptr(), bytes.len() - total);
        // SAFETY: the pointer is valid for writing `len` bytes.
        let read = unsafe { socket::receive(socket.as_raw_fd(), at, len) };
        match usize::try_from(read) {
            Ok(0) | Err(_) => return total,
            Ok(read) => total += read,
        }
    }
}

/// Whether the peer of a socket that has nothing to read is gone.
fn has_ended(socket: &OwnedFd) -> bool {
    let mut byte = 0u8;
    // SAFETY: the pointer is valid for writing one byte.
    let read = unsafe { socket::receive(socket.as_raw_fd(), &raw mut byte, 1) };
    read == 0 || read == -libc::ECONNRESET
}
