//! Ways to close a connection whose poll is armed, and the cost of arming a poll again.
//!
//! Kernels before 6.13 hold a closed direct descriptor until all older requests on the ring's table
//! have ended. There the peer sees an end only after a shutdown, which the kernel leaves to a
//! worker, and the memory is freed only when every older poll was armed again. Descriptors of the
//! process need neither.

use std::net::TcpStream;
use std::os::fd::{AsRawFd as _, IntoRawFd as _, RawFd};

use io_uring::squeue::{Entry, Flags};
use io_uring::types::{Fd, Fixed};
use io_uring::{IoUring, opcode};

use crate::figures;
use crate::sockets::Pairs;

const SOCKETS: usize = 512;
const POLL: u64 = 1 << 32;
const SHUTDOWN: u64 = 2 << 32;

/// Prints a table.
pub(crate) fn compare(rounds: usize) {
    println!("\nclose {SOCKETS} connections, one after another");
    let designs = [Design::Process, Design::Direct, Design::DirectAfterShutdown, Design::ArmAnew];
    let names = designs.map(|design| design.name().to_owned());
    figures::table(&names, rounds, SOCKETS, |design| {
        let mut ring = Ring::new(designs[design]);
        let time = figures::cpu_time(|| ring.run());
        ring.check();
        time
    });
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Design {
    Process,
    Direct,
    DirectAfterShutdown,
    ArmAnew,
}

impl Design {
    fn name(self) -> &'static str {
        match self {
            Self::Process => "process descriptor: cancel the poll, CLOSE",
            Self::Direct => "direct descriptor: cancel the poll, CLOSE (6.13)",
            Self::DirectAfterShutdown => "direct descriptor: SHUTDOWN, cancel the poll, CLOSE",
            Self::ArmAnew => "direct descriptor: no close, arm the poll anew",
        }
    }
}

struct Ring {
    uring: IoUring,
    design: Design,
    /// Of the process, for that design only.
    sockets: Vec<RawFd>,
    peers: Vec<TcpStream>,
}

impl Ring {
    fn new(design: Design) -> Self {
        let uring = IoUring::builder().setup_coop_taskrun().build(SOCKETS as u32).expect("a ring");
        let (sockets, peers) = Pairs::connect(SOCKETS).expect("sockets over loopback").split();
        let mut ring = Self { uring, design, sockets: Vec::new(), peers };
        if design == Design::Process {
            ring.sockets = sockets.into_iter().map(TcpStream::into_raw_fd).collect();
        } else {
            let fds: Vec<RawFd> = sockets.iter().map(TcpStream::as_raw_fd).collect();
            ring.uring.submitter().register_files(&fds).expect("a table");
        }
        for nth in 0..SOCKETS {
            ring.push(&ring.poll(nth));
        }
        ring.uring.submit().expect("polls");
        ring
    }

    fn poll(&self, nth: usize) -> Entry {
        let events = (libc::POLLIN | libc::POLLRDHUP) as u32;
        let poll = match self.sockets.get(nth) {
            Some(fd) => opcode::PollAdd::new(Fd(*fd), events),
            None => opcode::PollAdd::new(Fixed(nth as u32), events),
        };
        poll.multi(true).build().user_data(POLL + nth as u64)
    }

    fn close(&self, nth: usize) -> Entry {
        match self.sockets.get(nth) {
            Some(fd) => opcode::Close::new(Fd(*fd)).build(),
            None => opcode::Close::new(Fixed(nth as u32)).build(),
        }
    }

    fn push(&mut self, entry: &Entry) {
        // SAFETY: it points to nothing.
        unsafe { self.uring.submission().push(entry) }.expect("room in the queue");
    }

    fn run(&mut self) {
        for nth in 0..SOCKETS {
            if self.design == Design::DirectAfterShutdown {
                self.shut_down(nth);
            }
            let cancel = opcode::AsyncCancel::new(POLL + nth as u64).build();
            self.push(&cancel.flags(Flags::SKIP_SUCCESS));
            let last =
                if self.design == Design::ArmAnew { self.poll(nth) } else { self.close(nth) };
            self.push(&last);
            self.uring.submit().expect("a close");
            self.uring.completion().for_each(drop);
        }
    }

    /// A worker of the kernel does it; a close before its end would take the slot away from it.
    fn shut_down(&mut self, nth: usize) {
        let shutdown = opcode::Shutdown::new(Fixed(nth as u32), libc::SHUT_RDWR).build();
        self.push(&shutdown.user_data(SHUTDOWN));
        while !self.uring.completion().any(|completion| completion.user_data() == SHUTDOWN) {
            self.uring.submit_and_wait(1).expect("a shutdown");
        }
    }

    /// The peers have seen the end. Before 6.13 those of the second design have not.
    fn check(&self) {
        if self.design != Design::ArmAnew {
            let ended =
                self.peers.iter().filter(|peer| peer.peek(&mut [0]).is_ok_and(|len| len == 0));
            assert!(
                ended.count() == SOCKETS || self.design == Design::Direct,
                "{} fails",
                self.design.name()
            );
        }
    }
}
