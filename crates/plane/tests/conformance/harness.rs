//! A plane with a listener, and loops that wait for what a test expects.

use std::collections::HashSet;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::time::{Duration, Instant};

use switchboard_plane::epoll::EpollPlane;
use switchboard_plane::uring::UringPlane;
use switchboard_plane::{
    ConnId, Descriptors, Event, ListenOptions, Plane, PlaneConfig, SendException, listen,
    local_addr,
};

/// No test waits longer for anything. An emulated machine needs more than the usual time, see
/// `scripts/kernels.sh`.
fn patience() -> Duration {
    let seconds = std::env::var("SWITCHBOARD_TEST_PATIENCE_S").ok().and_then(|s| s.parse().ok());
    Duration::from_secs(seconds.unwrap_or(5))
}

/// How a plane is made.
pub(crate) trait Make {
    type Plane: Plane;

    fn make(config: PlaneConfig) -> Self::Plane;
}

pub(crate) struct IoUringDirect;
pub(crate) struct IoUringProcess;
pub(crate) struct Epoll;

impl Make for IoUringDirect {
    type Plane = UringPlane;

    fn make(config: PlaneConfig) -> UringPlane {
        UringPlane::new(config).unwrap()
    }
}

impl Make for IoUringProcess {
    type Plane = UringPlane;

    fn make(config: PlaneConfig) -> UringPlane {
        UringPlane::new(PlaneConfig { descriptors: Descriptors::Process, ..config }).unwrap()
    }
}

impl Make for Epoll {
    type Plane = EpollPlane;

    fn make(config: PlaneConfig) -> EpollPlane {
        EpollPlane::new(config).unwrap()
    }
}

/// An event with its bytes.
#[derive(Clone, Eq, PartialEq, Debug)]
pub(crate) enum Seen {
    Accepted(ConnId, SocketAddr, u16),
    Connected(ConnId),
    Bytes(ConnId, Vec<u8>),
    Writable(ConnId),
    Ended(ConnId, Option<i32>),
}

pub(crate) struct Bench<P: Make> {
    pub(crate) plane: P::Plane,
    pub(crate) addr: SocketAddr,
    events: Vec<Event>,
    /// Everything that was reported and not taken.
    pub(crate) seen: Vec<Seen>,
}

impl<P: Make> Bench<P> {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// A plane with small tables, so that connections spread over several.
    pub(crate) fn with(configure: impl FnOnce(&mut PlaneConfig)) -> Self {
        let loopback = "127.0.0.1:0".parse().unwrap();
        let listener = listen(loopback, &ListenOptions::default()).unwrap();
        let addr = local_addr(listener.as_fd()).unwrap();
        let mut config = PlaneConfig::new(vec![listener], 4_000);
        configure(&mut config);
        Self { plane: P::make(config), addr, events: Vec::new(), seen: Vec::new() }
    }

    pub(crate) fn poll(&mut self) -> usize {
        self.events.clear();
        self.plane.poll(&mut self.events).unwrap();
        let mut heard = HashSet::new();
        for event in &self.events {
            if let Event::Received { conn, .. } = *event {
                assert!(heard.insert(conn), "one Received for each connection in one poll");
            }
            self.seen.push(match *event {
                Event::Accepted { conn, peer, listener } => Seen::Accepted(conn, peer, listener),
                Event::Connected { conn } => Seen::Connected(conn),
                Event::Received { conn, bytes } => {
                    Seen::Bytes(conn, self.plane.received(bytes).to_vec())
                }
                Event::Writable { conn } => Seen::Writable(conn),
                Event::Ended { conn, error } => Seen::Ended(conn, error),
            });
        }
        self.events.len()
    }

    /// Sleeps on `wait_fd`; whether it became readable.
    pub(crate) fn sleep(&self, at_most: Duration) -> bool {
        let fd = self.plane.wait_fd().as_raw_fd();
        let mut poll = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        let ms = i32::try_from(at_most.as_millis()).unwrap();
        // SAFETY: the pointer is valid for one entry.
        unsafe { libc::poll(&raw mut poll, 1, ms) == 1 }
    }

    /// Polls and sleeps until `done` says so. A sleep is ended by `wait_fd` only, so that a lost
    /// wake-up fails the test.
    pub(crate) fn until(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        let deadline = Instant::now() + patience();
        loop {
            self.poll();
            if done(self) {
                return;
            }
            assert!(Instant::now() < deadline, "too late: {what}; seen {:?}", self.last_seen());
            let woken = self.plane.has_more() || self.sleep(patience());
            assert!(woken, "never: {what}; seen {:?}", self.last_seen());
        }
    }

    /// The end of what was reported, for people.
    fn last_seen(&self) -> &[Seen] {
        &self.seen[self.seen.len().saturating_sub(8)..]
    }

    /// Polls for some time, whatever happens.
    pub(crate) fn watch(&mut self, time: Duration) {
        let deadline = Instant::now() + time;
        while Instant::now() < deadline {
            self.poll();
            self.sleep(Duration::from_millis(2));
        }
    }

    pub(crate) fn client(&self) -> TcpStream {
        let client = TcpStream::connect(self.addr).unwrap();
        client.set_read_timeout(Some(patience())).unwrap();
        client.set_nodelay(true).unwrap();
        client
    }

    /// A client and the server's name for it.
    pub(crate) fn pair(&mut self) -> (TcpStream, ConnId) {
        let client = self.client();
        let conn = self.accepted_from(client.local_addr().unwrap());
        (client, conn)
    }

    pub(crate) fn pairs(&mut self, count: usize) -> Vec<(TcpStream, ConnId)> {
        (0..count).map(|_| self.pair()).collect()
    }

    pub(crate) fn accepted_from(&mut self, peer: SocketAddr) -> ConnId {
        let mut found = None;
        self.until("accepted", |bench| {
            found = bench.take(|seen| matches!(seen, Seen::Accepted(_, from, _) if *from == peer));
            found.is_some()
        });
        match found {
            Some(Seen::Accepted(conn, ..)) => conn,
            _ => unreachable!(),
        }
    }

    /// Takes the first event of a kind out of `seen`.
    pub(crate) fn take(&mut self, wanted: impl FnMut(&Seen) -> bool) -> Option<Seen> {
        let at = self.seen.iter().position(wanted)?;
        Some(self.seen.remove(at))
    }

    /// Takes all the bytes that came from a connection so far.
    pub(crate) fn take_bytes(&mut self, of: ConnId) -> Vec<u8> {
        let mut all = Vec::new();
        self.seen.retain(|seen| match seen {
            Seen::Bytes(conn, bytes) if *conn == of => {
                all.extend_from_slice(bytes);
                false
            }
            _ => true,
        });
        all
    }

    /// Waits until so many bytes came from a connection.
    pub(crate) fn receive(&mut self, conn: ConnId, count: usize) -> Vec<u8> {
        let mut all = Vec::new();
        self.until("bytes", |bench| {
            all.extend(bench.take_bytes(conn));
            all.len() >= count
        });
        all
    }

    pub(crate) fn expect(&mut self, wanted: &Seen) {
        self.until(&format!("{wanted:?}"), |bench| bench.take(|seen| seen == wanted).is_some());
    }

    /// Sends to one connection; what was not complete.
    pub(crate) fn send(&mut self, conn: ConnId, bytes: &[u8]) -> Option<SendException> {
        let mut exceptions = Vec::new();
        self.plane.send_batch([(conn, bytes)], &mut exceptions);
        assert!(exceptions.len() <= 1);
        exceptions.pop()
    }
}

/// Makes the drop of a client a reset.
pub(crate) fn reset(client: TcpStream) {
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    let (at, len) = ((&raw const linger).cast(), size_of::<libc::linger>() as u32);
    let fd = client.as_raw_fd();
    // SAFETY: the pointer is valid for reading `len` bytes.
    let result = unsafe { libc::setsockopt(fd, libc::SOL_SOCKET, libc::SO_LINGER, at, len) };
    assert_eq!(result, 0);
    drop(client);
}

/// Bytes that are different at every position, for order and completeness.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0..=len as u32 / 4).flat_map(u32::to_le_bytes).take(len).collect()
}

pub(crate) fn write(mut to: &TcpStream, bytes: &[u8]) {
    to.write_all(bytes).unwrap();
}

/// Reads once. A socket with a read timeout is interrupted when the kernel has work to finish for
/// a ring of the same thread.
pub(crate) fn read(mut from: &TcpStream, bytes: &mut [u8]) -> io::Result<usize> {
    loop {
        match from.read(bytes) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
