//! Everything of a shard but its plane: the connections, the hub, and what they want done.
//!
//! Code in here decides and never touches a socket. Replies are collected in `outgoing`, other
//! wishes in `actions`; the turn hands both to the plane at the end of each stage.

mod input;
mod output;
mod presence_queries;
mod sessions;
mod subscriptions;
mod turn_budget;

use std::collections::VecDeque;
use std::sync::Arc;

use switchboard_api::Phase;
use switchboard_hooks::Event;
use switchboard_hub::{ChannelName, Draft, Hub, ShardId};
use switchboard_link::{Action, Outgoing, Slab};
use switchboard_plane::ConnId;
use switchboard_ws::close;

use crate::admission::{Places, SeenProxies};
use crate::api::Api;
use crate::backends::Backends;
use crate::config::Config;
use crate::connection::{Connection, HeldBytes, Pool, Terms, Then, Watches};
use crate::counters::Counters;
use crate::exchange::Exchange;
use crate::handle::Handle;
use crate::identity::{Identities, TokenTime};
use crate::phases::Phases;
use crate::refusals::Refusals;
use crate::time::Tick;
use crate::wall::Wall;
use presence_queries::PresenceQueries;

pub(crate) use turn_budget::Amount;
use turn_budget::TurnBudget;

/// A join or a leave to be published.
#[derive(Debug)]
pub(crate) struct Announcement {
    pub(crate) channel: ChannelName,
    pub(crate) draft: Draft,
    /// How many a second the channel may have.
    pub(crate) per_second: u32,
}

#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) shard: ShardId,
    pub(crate) config: Arc<Config>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) refusals: Arc<Refusals>,
    pub(crate) api: Arc<Api>,
    pub(crate) backends: Arc<dyn Backends>,
    /// What backends are to be told.
    pub(crate) events: Vec<Event>,
    pub(crate) slab: Slab<Connection>,
    /// The subscriptions of connections that have several.
    pub(crate) pool: Pool,
    /// Which of the subscriptions are for joins and leaves in the channels of others.
    pub(crate) watches: Watches,
    /// What is said of subscriptions that are not as their namespaces say.
    pub(crate) terms: Terms,
    pub(crate) hub: Hub,
    pub(crate) exchange: Exchange,
    /// Joins and leaves to be published.
    pub(crate) announcements: Vec<Announcement>,
    /// Questions who listens to a channel.
    pub(crate) presence_queries: PresenceQueries,
    /// Replies of this stage.
    pub(crate) outgoing: Outgoing,
    /// What this stage wants of the plane, after its replies.
    pub(crate) actions: Vec<Action>,
    /// Connections whose output is parked, in no order; each knows its place.
    pub(crate) parked: Vec<ConnId>,
    /// Who is let in.
    pub(crate) places: Places,
    /// Connections that had no place when they came, in that order. Some have one now, or are gone.
    pub(crate) waiting: VecDeque<ConnId>,
    /// The trusted proxies that have connected.
    pub(crate) proxies: SeenProxies,
    /// Connections of the internal API.
    pub(crate) internal: u32,
    /// Those of them on which nobody with access has spoken yet, in the order in which they came.
    pub(crate) strangers: Vec<ConnId>,
    /// Connections with tokens for which the turn had no time, in the order in which they came.
    pub(crate) unverified: VecDeque<ConnId>,
    /// Who the clients are.
    pub(crate) identities: Identities,
    /// Time that tokens may still take in this turn.
    pub(crate) token_time: TokenTime,
    /// What of the internal API's publications this turn may still handle.
    pub(crate) turn_budget: TurnBudget,
    /// The last turn has left deliveries to this one.
    pub(crate) delivers: bool,
    /// Connections to be shut down or closed once their replies are flushed.
    pub(crate) finishing: Vec<ConnId>,
    /// Connections whose held input is to be looked at again.
    pub(crate) revisits: VecDeque<ConnId>,
    /// Publishers whose reading is paused because a mailbox is over its bound.
    pub(crate) held_publishers: Vec<ConnId>,
    /// Bodies of the internal API for which there was no room.
    pub(crate) awaiting_room: Vec<ConnId>,
    /// What requests hold: bodies that arrive, and commands that wait.
    pub(crate) held_bytes: HeldBytes,
    /// How many connections have come so far, to whatever listener.
    pub(crate) accepted: u64,
    /// How far this shard is.
    pub(crate) phase: Phase,
    /// How far all of them are.
    pub(crate) phases: Arc<Phases>,
    /// What WebSockets are told by a stop.
    pub(crate) stop_code: u16,
    pub(crate) start_ms: u64,
    pub(crate) now_ms: u64,
    pub(crate) now: Tick,
    pub(crate) wall: Wall,
    /// Answers in JSON that were built in this turn.
    pub(crate) json_bytes: usize,
}

impl Core {
    /// Everything of the shard but its plane. `own` is the outside of this shard.
    pub(crate) fn new(
        shard: ShardId,
        (config, api, backends): (Arc<Config>, Arc<Api>, Arc<dyn Backends>),
        places: Places,
        own: &Handle,
        hub: Hub,
        exchange: Exchange,
        now_ms: u64,
    ) -> Self {
        let keeps_meta = config.hooks.ask_of_listeners();
        let verifier = config.identity.verifier.clone();
        let identities = Identities::new(verifier, places.share(), keeps_meta);
        let (counters, refusals) = (Arc::clone(&own.counters), Arc::clone(&own.refusals));
        Self {
            shard,
            config,
            counters,
            refusals,
            api,
            backends,
            events: Vec::new(),
            slab: Slab::default(),
            pool: Pool::default(),
            watches: Watches::default(),
            terms: Terms::default(),
            hub,
            exchange,
            announcements: Vec::new(),
            presence_queries: PresenceQueries::default(),
            outgoing: Outgoing::default(),
            actions: Vec::new(),
            parked: Vec::new(),
            places,
            waiting: VecDeque::new(),
            proxies: SeenProxies::default(),
            internal: 0,
            strangers: Vec::new(),
            turn_budget: TurnBudget::default(),
            delivers: false,
            token_time: TokenTime::of_turn(0),
            identities,
            unverified: VecDeque::new(),
            finishing: Vec::new(),
            revisits: VecDeque::new(),
            held_publishers: Vec::new(),
            awaiting_room: Vec::new(),
            held_bytes: HeldBytes::default(),
            accepted: 0,
            phase: Phase::Serving,
            phases: Arc::clone(&own.phases),
            stop_code: close::GOING_AWAY,
            start_ms: now_ms,
            now_ms,
            now: Tick::at(now_ms, now_ms),
            wall: Wall::at(now_ms),
            json_bytes: 0,
        }
    }

    /// A turn begins. Time goes on; it never goes back.
    pub(crate) fn set_now(&mut self, now_ms: u64) {
        self.json_bytes = 0;
        self.turn_budget.renew(self.delivers);
        self.now_ms = self.now_ms.max(now_ms);
        self.now = Tick::at(self.start_ms, self.now_ms);
    }

    /// What the wall clock shows, in Unix seconds.
    pub(crate) fn unix_s(&self) -> u64 {
        self.wall.unix_s()
    }

    /// After its replies are flushed, the connection shall end in this way.
    pub(crate) fn finish(&mut self, id: ConnId, then: Then) {
        if let Some(connection) = self.slab.get_mut(id) {
            connection.busy().then = then;
            self.finishing.push(id);
        }
    }
}
