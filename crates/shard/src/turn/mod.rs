//! One turn of a shard: everything that can be done now, in bounded portions, without waiting.

mod input;
mod inspect;
mod letters;
mod sweep;

use std::collections::VecDeque;
use std::sync::Arc;

use switchboard_hub::{Accounting, Hub, Router, ShardId};
use switchboard_plane::{Close, Event, Plane, SendException, SendResult};
use switchboard_ws::close;

use self::sweep::Sweep;
use crate::command::{Answer, Handle};
use crate::config::Config;
use crate::core::{Action, Core};
use crate::counters::Counters;
use crate::delivery::{CatchUp, FanOut};
use crate::lifecycle::{admission, ending};
use crate::mailbox::{Letter, Mailbox};
use crate::session;

/// Connections with held input that go on in one turn.
const DEFERRED_MAX: usize = 64;

/// Housekeeping while no connection is open.
const IDLE_STEP_MS: u64 = 1_000;

/// What the loop does after a turn.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Next {
    /// There is more to do: turn again at once.
    Now,
    /// Nothing to do until then (in the caller's milliseconds), unless the plane or the mailbox
    /// says so.
    At(u64),
    /// The stop is complete.
    Ended,
}

/// What all shards of a server have in common.
#[derive(Clone, Debug)]
pub struct Common {
    /// The settings.
    pub config: Arc<Config>,
    /// The outsides of all shards, in the order of their ids.
    pub handles: Vec<Handle>,
    /// Finds the home of a channel.
    pub router: Router,
    /// Counts the live publications of all shards.
    pub accounting: Arc<Accounting>,
}

/// One core's part of the server: its plane, its connections, its channels.
///
/// It knows no runtime. Time comes in with every turn, so the simulated plane drives the same code.
#[derive(Debug)]
pub struct Shard<P> {
    plane: P,
    pub(crate) core: Core,
    id: ShardId,
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) peers: Vec<Arc<Mailbox>>,
    /// Taken from the mailbox and not handled yet.
    pub(crate) letters: VecDeque<Letter>,
    pub(crate) letters_out: Vec<Vec<Letter>>,
    /// Publications whose publishers are answered once the other shards have been told.
    pub(crate) receipts: Vec<Answer>,
    events: Vec<Event>,
    exceptions: Vec<SendException>,
    fan_out: FanOut,
    catch_up: CatchUp,
    sweep: Sweep,
    next_step_ms: u64,
    stop: Option<Stop>,
}

/// A stop under way.
#[derive(Debug)]
struct Stop {
    /// When it is to be complete.
    at_ms: u64,
    /// The first page of connections that has not been told.
    next_page: usize,
}

impl<P: Plane> Shard<P> {
    /// A shard on `plane`; `seed` makes the epochs of its channels.
    pub fn new(plane: P, id: ShardId, common: &Common, seed: u64, now_ms: u64) -> Self {
        let Common { config, handles, router, accounting } = common.clone();
        let own = &handles[usize::from(id.0)];
        own.mailbox.set_waker(plane.waker());
        let namespaces = config.namespaces.hub();
        let hub = Hub::new(id, router, namespaces, config.hub.clone(), seed, accounting);
        Self {
            plane,
            core: Core::new(id, config, Arc::clone(&own.counters), hub, now_ms),
            id,
            mailbox: Arc::clone(&own.mailbox),
            peers: handles.iter().map(|handle| Arc::clone(&handle.mailbox)).collect(),
            letters: VecDeque::new(),
            letters_out: handles.iter().map(|_| Vec::new()).collect(),
            receipts: Vec::new(),
            events: Vec::new(),
            exceptions: Vec::new(),
            fan_out: FanOut::default(),
            catch_up: CatchUp::default(),
            sweep: Sweep::default(),
            next_step_ms: now_ms,
            stop: None,
        }
    }

    /// Does what can be done now.
    ///
    /// # Errors
    /// When the plane as a whole is broken.
    pub fn turn(&mut self, now_ms: u64) -> std::io::Result<Next> {
        self.core.set_now(now_ms);
        self.core.counters.turns.add(1);
        // What clients ask may follow from what other shards sent before: that is taken first.
        self.plane.poll(&mut self.events)?;
        self.read_mailbox();
        self.handle_events();
        self.continue_deferred();
        let more_work = self.fan_out.slice(&mut self.core, &mut self.plane);
        self.flush();
        self.stop_step();
        if now_ms >= self.next_step_ms {
            self.step(now_ms);
        }
        self.carry_letters();
        self.hold_or_release_publishers();
        Ok(self.next(more_work))
    }

    /// To be asked right before sleeping, after a turn that said [`Next::At`]. False when a letter
    /// came meanwhile: then turn again.
    pub fn try_sleep(&self) -> bool {
        let may = self.mailbox.try_sleep();
        if may {
            self.core.counters.sleeps.add(1);
        }
        may
    }

    /// To be told after a sleep, whoever ended it.
    pub fn awake(&self) {
        self.mailbox.awake();
    }

    /// The plane, for what the loop needs of it.
    pub fn plane(&self) -> &P {
        &self.plane
    }

    fn next(&self, more_work: bool) -> Next {
        let mut stop_is_due = false;
        if let Some(stop) = &self.stop {
            if self.core.slab.open() == 0 {
                return Next::Ended;
            }
            stop_is_due = stop.next_page < self.core.slab.page_count();
        }
        if more_work
            || stop_is_due
            || self.plane.has_more()
            || !self.core.deferred.is_empty()
            || !self.core.announcements.is_empty()
            || !self.letters.is_empty()
        {
            return Next::Now;
        }
        Next::At(self.next_step_ms)
    }

    /// All events but the ends first, then their replies, then the ends: a peer that asks and ends
    /// its side at once gets its answer.
    fn handle_events(&mut self) {
        self.catch_up.begin_turn();
        let mut events = std::mem::take(&mut self.events);
        for event in &events {
            match *event {
                Event::Accepted { conn, peer } => admission::accepted(&mut self.core, conn, peer),
                Event::Received { conn, bytes } => {
                    self.core.counters.bytes_received.add(bytes.len() as u64);
                    input::received(&mut self.core, conn, self.plane.received(bytes));
                }
                Event::Writable { conn } => {
                    self.carry_letters();
                    self.catch_up.writable(&mut self.core, &mut self.plane, conn);
                }
                Event::Connected { .. } | Event::Ended { .. } => {}
            }
        }
        self.flush();
        for event in events.drain(..) {
            if let Event::Ended { conn, error } = event {
                input::ended(&mut self.core, conn, error);
            }
        }
        self.events = events;
        self.flush();
    }

    /// Input that was held back until its replies were flushed.
    fn continue_deferred(&mut self) {
        for _ in 0..DEFERRED_MAX.min(self.core.deferred.len()) {
            if let Some(id) = self.core.deferred.pop_front() {
                input::go_on(&mut self.core, id);
                // One may stand here twice, and its replies must not mix with another's.
                self.flush();
            }
        }
    }

    /// Hands the collected replies and wishes to the plane. Letters go first: a client that sees its
    /// 101 may publish through another shard at once, and its join must be there before; one that sees
    /// a publication may resume behind it at another shard.
    pub(crate) fn flush(&mut self) {
        self.carry_letters();
        let Self { plane, core, exceptions, .. } = self;
        if !core.outgoing.is_empty() {
            let outgoing = std::mem::take(&mut core.outgoing);
            plane.send_batch(outgoing.sends(), exceptions);
            let mut from = 0;
            for exception in exceptions.drain(..) {
                let Some(bytes) = outgoing.find(exception.conn, &mut from) else {
                    continue;
                };
                match exception.result {
                    SendResult::Short(sent) => {
                        core.hold_reply(exception.conn, bytes.get(sent..).unwrap_or_default());
                    }
                    SendResult::WouldBlock => core.hold_reply(exception.conn, bytes),
                    SendResult::Failed(_) => ending::remove(core, exception.conn, Close::Fin),
                }
            }
            core.outgoing = outgoing;
            core.outgoing.clear();
        }
        ending::finish_flushed(core);
        for action in core.actions.drain(..) {
            match action {
                Action::Close(id, how) => plane.close(id, how),
                Action::PauseRead(id) => plane.pause_read(id),
                Action::ResumeRead(id) => plane.resume_read(id),
                Action::ShutdownWrite(id) => plane.shutdown_write(id),
                Action::WantWrite(id) => plane.want_write(id),
            }
        }
    }

    /// Timers, housekeeping and the gauges.
    fn step(&mut self, now_ms: u64) {
        let behind = self.sweep.step(&mut self.core);
        self.flush();
        self.core.hub.tick(self.core.now_ms, &mut self.core.outbox);
        let wait_ms = match self.core.slab.open() {
            _ if behind => 0,
            0 => IDLE_STEP_MS,
            _ => sweep::STEP_MS,
        };
        self.next_step_ms = now_ms + wait_ms;
        self.publish_gauges();
    }

    fn publish_gauges(&self) {
        let counters: &Counters = &self.core.counters;
        let stats = self.plane.stats();
        counters.publications.set(self.core.hub.publications());
        counters.channels.set(self.core.hub.channels() as u64);
        counters.log_bytes.set(self.core.hub.log_bytes() as u64);
        counters.history_evicted.set(self.core.hub.evicted());
        counters.accepts_paused.set(stats.accepts_paused);
        counters.sends_short.set(stats.sends_short);
        counters.sends_refused.set(stats.sends_refused);
        counters.sends_failed.set(stats.sends_failed);
        counters.polls_rearmed.set(stats.polls_rearmed);
        counters.completion_overflows.set(stats.completion_overflows);
    }

    pub(crate) fn begin_stop(&mut self) {
        if self.stop.is_none() {
            tracing::debug!(shard = self.id.0, connections = self.core.slab.open(), "stopping");
            self.core.stopping = true;
            self.plane.stop_accepting();
            let at_ms = self.core.now_ms + self.core.config.timeouts.stop_ms;
            self.stop = Some(Stop { at_ms, next_page: 0 });
        }
    }

    /// While stopping: tells the connections of one page, and at the deadline cuts the rest.
    fn stop_step(&mut self) {
        let Self { core, stop: Some(stop), .. } = self else {
            return;
        };
        if stop.next_page < core.slab.page_count() {
            for id in core.slab.page_ids(stop.next_page) {
                session::on_stop(core, id, close::GOING_AWAY);
            }
            stop.next_page += 1;
        } else if core.now_ms >= stop.at_ms {
            for page in 0..core.slab.page_count() {
                for id in core.slab.page_ids(page) {
                    ending::remove(core, id, Close::Reset);
                }
            }
        }
        self.flush();
    }
}
