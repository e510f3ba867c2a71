//! One turn of a shard: everything that can be done now, in bounded portions, without waiting.

mod drain;
mod housekeeping;
mod input;
mod inspect;
mod mail;
mod presence;
mod stage;
mod stop;
mod sweep;

use std::sync::Arc;

use switchboard_hub::{Accounting, Hub, Limits as HubLimits, Router, ShardId};
use switchboard_plane::{ConnId, Event, Plane};

use self::sweep::Sweep;
use crate::admission::{Admission, Places};
use crate::api::Api;
use crate::backends::Backends;
use crate::config::Config;
use crate::core::Core;
use crate::delivery::{CatchUp, FanOut};
use crate::exchange::{Exchange, Mailbox, Wake};
use crate::handle::Handle;
use crate::histogram::Histogram;
use crate::identity::TokenTime;
use crate::lifecycle::admission;
use crate::lifecycle::drain::Drain;
use crate::lifecycle::relief::Relief;
use crate::lifecycle::stop::Stop;
use crate::link::Link;
use crate::session;
use crate::subscribe::events;

/// Connections whose held input is looked at again in one turn.
const REVISITS_MAX: usize = 64;

/// Between two looks whether other shards are done, while draining or stopping.
const AWAITED_STEP_MS: u64 = 10;

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
    /// That of the home of all channels, if that is none of the shards. Its id follows theirs.
    pub gateway: Option<Handle>,
    /// Finds the home of a channel.
    pub router: Router,
    /// Who is let in.
    pub admission: Arc<Admission>,
    /// The internal API.
    pub api: Arc<Api>,
    /// Who carries questions and events to backends.
    pub backends: Arc<dyn Backends>,
    /// Counts the live publications of all shards.
    pub accounting: Arc<Accounting>,
}

impl Common {
    /// The mailboxes of all shards and of the gateway, and how many are those of shards.
    pub(crate) fn mailboxes(&self) -> (Vec<Arc<Mailbox>>, usize) {
        let all = self.handles.iter().chain(&self.gateway);
        (all.map(|handle| Arc::clone(&handle.mailbox)).collect(), self.handles.len())
    }
}

/// One core's part of the server: its plane, its connections, its channels.
///
/// It knows no runtime. Time comes in with every turn, so the simulated plane drives the same code.
#[derive(Debug)]
pub struct Shard<P> {
    link: Link<P>,
    core: Core,
    events: Vec<Event>,
    fan_out: FanOut,
    catch_up: CatchUp,
    sweep: Sweep,
    relief: Relief,
    next_step_ms: u64,
    drain: Option<Drain>,
    stop: Option<Stop>,
    send_delays: Arc<Histogram>,
}

impl<P: Plane> Shard<P> {
    /// A shard on `plane`; `seed` makes the epochs of its channels.
    pub fn new(plane: P, id: ShardId, common: &Common, seed: u64, now_ms: u64) -> Self {
        let Common { config, handles, router, admission, api, backends, accounting, .. } =
            common.clone();
        let places = Places::new(admission, config.connections_max);
        let own = &handles[usize::from(id.0)];
        let waker = plane.waker();
        let wake = Wake::new(move || waker.wake());
        let exchange = Exchange::new(id, common.mailboxes(), Arc::clone(&own.counters), wake);
        let namespaces = config.namespaces.hub();
        let watches_occupancy = config.hooks.events.channels;
        let limits = HubLimits { watches_occupancy, ..config.hub.clone() };
        let hub = Hub::new(id, router, namespaces, limits, seed, accounting);
        Self {
            link: Link::new(plane),
            core: Core::new(id, (config, api, backends), places, own, hub, exchange, now_ms),
            events: Vec::new(),
            fan_out: FanOut::default(),
            catch_up: CatchUp::default(),
            sweep: Sweep::default(),
            relief: Relief::default(),
            next_step_ms: now_ms,
            drain: None,
            stop: None,
            send_delays: Arc::clone(&own.send_delays),
        }
    }

    /// Does what can be done now.
    ///
    /// # Errors
    /// When the plane as a whole is broken.
    pub fn turn(&mut self, now_ms: u64) -> std::io::Result<Next> {
        self.core.set_now(now_ms);
        self.relief.begin_turn();
        self.fan_out.begin_turn();
        self.core.counters.turns.add(1);
        // What clients ask may follow from what other shards sent before: that is taken first.
        self.link.poll(&mut self.events)?;
        let events = self.events.len();
        self.core.token_time = TokenTime::of_turn(events);
        self.read_mail();
        // What has waited comes before what has just arrived: both share the turn's publications.
        self.continue_input();
        self.take_events();
        self.answer_presence_queries();
        let more_work = self.fan_out.slice(&mut self.core, &mut self.link, events);
        self.core.delivers = more_work;
        self.end_stage();
        if self.drain.is_some() {
            self.drain_step();
        }
        self.stop_step();
        if now_ms >= self.next_step_ms {
            self.step(now_ms);
        }
        self.release_publishers();
        events::tell(&mut self.core);
        Ok(self.next(more_work))
    }

    /// What the wall clock shows (Unix milliseconds), and how far it is ahead of the time of the turns, in
    /// seconds. Without it, the time of the turns is shown.
    pub fn set_wall(&mut self, unix_ms: u64, ahead_s: i64) {
        self.core.wall.set(unix_ms, ahead_s);
    }

    /// The time of the next turn on a finer clock, in microseconds: one that all shards share. Without it,
    /// what [`sent_by`](Shard::sent_by) measures says nothing.
    pub fn set_fine_time(&mut self, now_us: u64) {
        self.core.hub.set_fine_time(now_us as u32);
    }

    /// Where it is time to look at the memory in use: counts it by `measure` (bytes), so that all shards do
    /// what follows from it. Without it, memory has no bound.
    pub fn watch_memory(&self, now_ms: u64, measure: impl FnOnce() -> Option<u64>) {
        let memory = self.core.places.shared().memory();
        if let Some(memory) = memory.filter(|memory| memory.is_due(now_ms))
            && let Some(used) = measure()
            && let Some(pressure) = memory.measured(used)
        {
            tracing::warn!(
                used,
                memory_max = memory.budget(),
                "memory in use: {}",
                pressure.describe()
            );
        }
    }

    /// Whether the last turn gave up what it could because memory is short: what is free now should go back to
    /// the system.
    pub fn has_given_up(&self) -> bool {
        self.relief.has_given_up()
    }

    /// Whether the last turn brought a publication to the last of its subscribers on this shard.
    pub fn has_served(&self) -> bool {
        self.fan_out.has_served()
    }

    /// Counts how long the publications took that the last turn brought to their last subscribers.
    /// `now_us` is the time after that turn, on the finer clock.
    pub fn sent_by(&mut self, now_us: u64) {
        self.fan_out.sent_by(&self.send_delays, now_us as u32);
    }

    /// Call right before parking, after a turn that said [`Next::At`]. False when mail came meanwhile:
    /// then turn again.
    pub fn try_sleep(&self) -> bool {
        let may = self.core.exchange.try_sleep();
        if may {
            self.core.counters.sleeps.add(1);
        }
        may
    }

    /// Call after parking, whatever ended it.
    pub fn awake(&self) {
        self.core.exchange.awake();
    }

    /// The plane, for what the loop needs of it.
    pub fn plane(&self) -> &P {
        self.link.plane()
    }

    fn next(&self, more_work: bool) -> Next {
        if self.stop.is_some() && self.core.slab.open() == 0 {
            if self.stop_is_complete() {
                return Next::Ended;
            }
            return Next::At(self.core.now_ms + AWAITED_STEP_MS);
        }
        if more_work
            || self.stop_has_more()
            || self.drain_has_more()
            || self.link.plane().has_more()
            || self.core.exchange.is_behind()
            || !self.core.revisits.is_empty()
            || !self.core.unverified.is_empty()
            || !self.core.announcements.is_empty()
        {
            return Next::Now;
        }
        let query_due_ms = self.core.presence_queries.due_ms(self.core.now_ms);
        let due_ms = query_due_ms.map_or(self.next_step_ms, |due_ms| due_ms.min(self.next_step_ms));
        let drain_due_ms = if self.drain.is_some() { self.drain_due_ms() } else { None };
        Next::At(drain_due_ms.map_or(due_ms, |drain_due_ms| drain_due_ms.min(due_ms)))
    }

    /// All events but the ends first, then their replies, then the ends: a peer that asks and ends
    /// its side at once gets its answer.
    fn take_events(&mut self) {
        self.catch_up.begin_turn();
        let mut events = std::mem::take(&mut self.events);
        for event in &events {
            match *event {
                Event::Accepted { conn, peer, listener } => {
                    self.core.accepted += 1;
                    let internal = self.core.config.first_internal_listener;
                    if internal.is_some_and(|first| listener >= first) {
                        session::api::admission::accepted(&mut self.core, conn, peer);
                    } else {
                        let first = self.core.config.first_proxy_listener;
                        let is_proxied = first.is_some_and(|first| listener >= first);
                        admission::accepted(&mut self.core, conn, peer, is_proxied);
                    }
                }
                Event::Received { conn, bytes } => {
                    self.core.counters.bytes_received.add(bytes.len() as u64);
                    input::received(&mut self.core, conn, self.link.received(bytes));
                }
                Event::Writable { conn } => {
                    self.catch_up.writable(&mut self.core, &mut self.link, conn);
                }
                Event::Connected { .. } | Event::Ended { .. } => {}
            }
        }
        self.end_stage();
        for event in events.drain(..) {
            if let Event::Ended { conn, error } = event {
                input::ended(&mut self.core, conn, error);
            }
        }
        self.events = events;
        self.end_stage();
    }

    /// Input that was held back until its replies were flushed.
    fn continue_input(&mut self) {
        for _ in 0..REVISITS_MAX.min(self.core.revisits.len()) {
            if let Some(id) = self.core.revisits.pop_front() {
                self.look_again(id);
                // One may stand here twice, and its replies must not mix with another's.
                self.end_stage();
            }
        }
        if !self.core.unverified.is_empty() {
            self.continue_verification();
        }
    }

    /// Requests whose tokens had to wait, each of them once.
    fn continue_verification(&mut self) {
        for _ in 0..REVISITS_MAX {
            if !self.core.token_time.is_left() {
                break;
            }
            let Some(id) = self.core.unverified.pop_front() else {
                break;
            };
            self.look_again(id);
        }
        self.end_stage();
    }

    fn look_again(&mut self, id: ConnId) {
        if let Some(connection) = self.core.slab.get_mut(id) {
            connection.gates.unqueue();
        }
        input::go_on(&mut self.core, id);
    }
}
