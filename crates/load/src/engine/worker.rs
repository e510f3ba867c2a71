//! The loop of one thread: turn, share what was measured, sleep until something happens.

use std::io;
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use switchboard_link::{Action, Link, Unsent};
use switchboard_plane::{Close, ConnId, Event, Plane};

use super::clock::{self, NS_PER_MS, NS_PER_S};
use super::core::Connect;
use super::stats::{Counter, Shared};
use super::{Connection, Core, End, Job, Orders, State, input, open};

/// How often the coordinator gets what was measured.
const SHARE_NS: u64 = 50 * NS_PER_MS;

/// The longest sleep: a thread looks at its orders at least so often.
const SLEEP_MAX_NS: u64 = 20 * NS_PER_MS;

/// For the kernel to take all connections back at the end.
const CLOSE_PATIENCE_NS: u64 = 30 * NS_PER_S;

/// One thread's plane, connections and job.
#[derive(Debug)]
pub(super) struct Worker<P, J: Job> {
    link: Link<P>,
    core: Core<J::Data>,
    job: J,
    orders: Arc<Orders>,
    shared: Arc<Shared>,
    events: Vec<Event>,
    next_share_ns: u64,
}

impl<P: Plane, J: Job> Worker<P, J> {
    pub(super) fn new(
        plane: P,
        core: Core<J::Data>,
        job: J,
        orders: Arc<Orders>,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            link: Link::new(plane),
            core,
            job,
            orders,
            shared,
            events: Vec::new(),
            next_share_ns: 0,
        }
    }

    /// Turns until the order to stop comes.
    ///
    /// # Errors
    /// When the plane as a whole is broken.
    pub(super) fn run(mut self) -> io::Result<()> {
        while !self.orders.is_stop() {
            let wish_ns = self.turn()?;
            if self.core.now_ns >= self.next_share_ns {
                self.share();
            }
            self.sleep(wish_ns)?;
        }
        self.job.finish(&mut self.core);
        self.share();
        self.close_all()
    }

    fn turn(&mut self) -> io::Result<Option<u64>> {
        self.link.poll(&mut self.events)?;
        self.core.now_ns = clock::now_ns();
        let mut events = std::mem::take(&mut self.events);
        for event in &events {
            self.handle(*event);
        }
        self.flush();
        // The ends come after everything that was received before them.
        for event in events.drain(..) {
            if let Event::Ended { conn, error } = event {
                self.end(conn, error.map_or(End::Eof, End::Broken));
            }
        }
        self.events = events;
        self.expire();
        let wish_ns = self.job.step(&mut self.core);
        self.flush();
        Ok(wish_ns)
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Connected { conn } => self.connected(conn),
            Event::Received { conn, bytes } => {
                let bytes = self.link.received(bytes);
                self.core.stats.add(Counter::SocketIn, bytes.len() as u64);
                if let Some(end) = input::received(&mut self.core, &mut self.job, conn, bytes) {
                    self.end(conn, end);
                }
            }
            Event::Writable { conn } => {
                if let Some(connection) = self.core.slab.get_mut(conn) {
                    connection.blocked = false;
                    self.core.late.push(conn);
                }
            }
            Event::Accepted { .. } | Event::Ended { .. } => {}
        }
    }

    fn connected(&mut self, id: ConnId) {
        let Some(connection) = self.core.slab.get_mut(id) else {
            return;
        };
        connection.state = State::Handshake;
        let who = (connection.number, connection.channel);
        let endpoint = Arc::clone(&self.core.endpoint);
        match &endpoint.upgrade {
            Some(upgrade) => {
                let target = endpoint.targets.of(who.0);
                self.core.send(id, |out| upgrade.write_request(target, id, who, out));
            }
            None => open::opened(&mut self.core, &mut self.job, id),
        }
    }

    /// Sends what was collected, then what had to wait for that, then does what is wished.
    fn flush(&mut self) {
        loop {
            self.send_batch();
            for id in std::mem::take(&mut self.core.late) {
                let Some(connection) = self.core.slab.get_mut(id) else { continue };
                let Some(busy) = &mut connection.busy else { continue };
                if connection.blocked || connection.queued || busy.output.is_empty() {
                    continue;
                }
                let output = std::mem::take(&mut busy.output);
                connection.settle();
                connection.queued = true;
                self.core.outgoing.push(id, |out| out.extend_from_slice(&output));
            }
            if self.core.outgoing.is_empty() {
                break;
            }
        }
        self.link.act(self.core.actions.drain(..));
        // What is wished meanwhile comes with the next flush.
        for connect in std::mem::take(&mut self.core.connects) {
            self.connect(connect);
        }
    }

    fn send_batch(&mut self) {
        let Self { link, core, .. } = self;
        if core.outgoing.is_empty() {
            return;
        }
        let outgoing = std::mem::take(&mut core.outgoing);
        link.send(&outgoing);
        let mut taken = 0;
        for (id, bytes) in outgoing.sends() {
            taken += bytes.len();
            if let Some(connection) = core.slab.get_mut(id) {
                connection.queued = false;
            }
        }
        for (id, unsent) in link.unsent(&outgoing) {
            match unsent {
                Unsent::Rest(rest) => {
                    taken -= rest.len();
                    core.hold(id, rest);
                }
                // The plane reports the end, after what the peer said before it.
                Unsent::Failed(bytes) => taken -= bytes,
            }
        }
        core.stats.add(Counter::SocketOut, taken as u64);
        core.outgoing = outgoing;
        core.outgoing.clear();
    }

    fn connect(&mut self, Connect { number, channel, place, data }: Connect<J::Data>) {
        let core = &mut self.core;
        core.stats.add(Counter::Begun, 1);
        let started_ns = clock::now_ns();
        let targets = &core.endpoint.targets;
        let begun = self.link.connect(targets.of(number).address, targets.source(number));
        let mut connection = Connection {
            id: *begun.as_ref().unwrap_or(&ConnId::new(u32::MAX, 0)),
            busy: None,
            number,
            channel,
            state: State::Connecting,
            blocked: false,
            queued: false,
            pongs: false,
            epoch: place.epoch,
            offset: place.offset,
            data,
        };
        match begun {
            Ok(id) => {
                connection.busy().started_ns = started_ns;
                core.slab.insert(connection);
                core.handshakes.begin(started_ns, id);
            }
            Err(error) => {
                core.connecting -= 1;
                let end = End::NotBegun(error.raw_os_error().unwrap_or_default());
                self.job.ended(core, &connection, &end);
            }
        }
    }

    /// A connection is over.
    fn end(&mut self, id: ConnId, end: End) {
        let how = if end == End::Eof { Close::Fin } else { Close::Reset };
        let Some(mut connection) = self.core.close(id, how) else {
            return;
        };
        let said = connection.busy.as_mut().and_then(|busy| busy.end.take());
        self.job.ended(&mut self.core, &connection, &said.unwrap_or(end));
    }

    /// Ends what took too long.
    fn expire(&mut self) {
        while let Some(id) = self.core.handshakes.expired(self.core.now_ns) {
            if self.core.slab.get(id).is_some_and(|connection| !connection.was_open()) {
                self.end(id, End::HandshakeTimeout);
            }
        }
        while let Some(id) = self.core.closes.expired(self.core.now_ns) {
            if self.core.slab.get(id).is_some_and(|c| c.state == State::Closing) {
                self.end(id, End::CloseTimeout);
            }
        }
    }

    fn share(&mut self) {
        let core = &mut self.core;
        self.next_share_ns = core.now_ns + SHARE_NS;
        core.stats.open = core.open as u64;
        core.stats.connecting = core.connecting as u64;
        self.shared.give(&mut core.stats);
    }

    fn sleep(&mut self, wish_ns: Option<u64>) -> io::Result<()> {
        if self.link.plane().has_more() {
            return Ok(());
        }
        let latest_ns = self.core.now_ns + SLEEP_MAX_NS;
        let deadlines = [wish_ns, self.core.handshakes.next_ns(), self.core.closes.next_ns()];
        let until_ns = deadlines.into_iter().flatten().fold(latest_ns, u64::min);
        let sleep_ns = until_ns.saturating_sub(clock::now_ns());
        if sleep_ns == 0 {
            return Ok(());
        }
        let timeout = Timespec { tv_sec: 0, tv_nsec: sleep_ns.cast_signed() };
        let mut fds = [PollFd::from_borrowed_fd(self.link.plane().wait_fd(), PollFlags::IN)];
        match poll(&mut fds, Some(&timeout)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Resets all connections: no TIME-WAIT stays behind, and the kernel's memory is free at once.
    fn close_all(&mut self) -> io::Result<()> {
        let all = self.core.slab.iter();
        self.link.act(all.map(|connection| Action::Close(connection.id, Close::Reset)));
        let until_ns = clock::now_ns() + CLOSE_PATIENCE_NS;
        while self.link.plane().stats().connections > 0 && clock::now_ns() < until_ns {
            self.link.poll(&mut self.events)?;
            self.events.clear();
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        Ok(())
    }
}
