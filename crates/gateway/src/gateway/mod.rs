//! The gateway.

mod follow;
mod mail;
mod publish;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;

use switchboard_cluster::{
    MessageIds, NodeId, Partition, PublicationId, Publishing, PublishingRules, Subscribe,
    WindowTooShort,
};
use switchboard_hub::{
    Accounting, ChannelName, Hub, Limits, NamespaceId, Namespaces, Router, Rules, ShardId, Work,
};

use crate::call::{Asker, Call, Stream};
use crate::channel::{Channel, Stage};
use crate::out::Out;
use crate::space::{Sharing, Space};
use crate::under_way::UnderWay;

/// How long a channel is followed that no shard uses.
const LINGER_MS: u64 = 10_000;
/// How often channels are looked at that may not be in use, and what the hub has to do.
const TICK_MS: u64 = 100;
/// How many of them.
const SWEPT_MAX: usize = 256;
/// Histories that are read at the same time.
const LOADS_MAX: usize = 64;
/// Slices of a hub's work in one go.
const SLICES_MAX: usize = 1_024;

/// The home of all channels of a node, whose streams an engine numbers.
///
/// # How to drive it
///
/// Hand in what comes from the shards, from programs and from the engine. After each, and whenever
/// [`due_ms`](Gateway::due_ms) has come, call [`work`](Gateway::work), and do what [`Out`] says in its order.
/// Do not read mail while it [`is_full`](Gateway::is_full): so publishers are held back.
///
/// Times are Unix milliseconds of a clock that does not go back.
#[derive(Debug)]
pub struct Gateway {
    hub: Hub,
    accounting: Arc<Accounting>,
    spaces: Namespaces<Space>,
    channels: BTreeMap<ChannelName, Channel>,
    publishing: Publishing,
    ids: MessageIds,
    under_way: HashMap<PublicationId, UnderWay>,
    /// Channels with receipts that wait for their publications, and how many these are.
    holding: BTreeSet<ChannelName>,
    held: usize,
    /// Clients that wait for what another node has given out. They hold up nobody.
    readers: usize,
    /// Channels whose histories are read, by when they have something to ask.
    loading: BTreeSet<(u64, ChannelName)>,
    /// Requests of these that are under way.
    loads_asked: usize,
    last_load: u64,
    /// The next sweep begins behind this channel.
    swept: Option<ChannelName>,
    tick_due_ms: u64,
    fine_us: u32,
    is_connected: bool,
    work: Work,
}

impl Gateway {
    /// A gateway in the place of the shard `id`, to which the router sends everything. `seed` is random, and
    /// names this run of the node.
    ///
    /// # Errors
    /// Where messages would be sent again for longer than the engine remembers their ids.
    pub fn new(
        id: ShardId,
        (rules, limits): (Arc<Namespaces<Rules>>, Limits),
        sharing: &Sharing,
        publishing: PublishingRules,
        seed: u64,
        accounting: Arc<Accounting>,
        router: Router,
    ) -> Result<Self, WindowTooShort> {
        let spaces = rules.map_named(|name, rules| Space::new(sharing, name, rules));
        let hub = Hub::new(id, router, rules, limits, seed, Arc::clone(&accounting));
        Ok(Self {
            hub,
            accounting,
            spaces,
            channels: BTreeMap::new(),
            publishing: Publishing::new(publishing)?,
            ids: MessageIds::new(NodeId::from_random(seed)),
            under_way: HashMap::new(),
            holding: BTreeSet::new(),
            held: 0,
            readers: 0,
            loading: BTreeSet::new(),
            loads_asked: 0,
            last_load: 0,
            swept: None,
            tick_due_ms: 0,
            fine_us: 0,
            is_connected: false,
            work: Work::default(),
        })
    }

    /// Sets the finer clock, as [`Hub::set_fine_time`].
    pub fn set_fine_time(&mut self, us: u32) {
        self.fine_us = us;
        self.hub.set_fine_time(us);
    }

    /// Whether the epochs of all streams are known, without which nothing is published or heard.
    pub fn is_ready(&self) -> bool {
        let mut partitions = self.spaces.ids().flat_map(|id| &self.spaces[id].partitions);
        self.is_connected && partitions.all(|partition| partition.epoch().is_some())
    }

    /// The connection to the engine is there, perhaps again, to a server that takes messages of so many bytes. The
    /// gateway subscribes again to all it had subscribed to.
    pub fn on_connected(&mut self, now_ms: u64, max_payload: usize, out: &mut Out) {
        self.is_connected = true;
        self.publishing.on_connected(now_ms, max_payload);
        for id in self.spaces.ids() {
            let places = self.spaces[id].interest.places();
            out.calls.extend(places.map(|place| Call::Subscribe(id, place)));
        }
        self.on_lost(now_ms);
    }

    /// It is lost. Its answers will not come.
    pub fn on_disconnected(&mut self) {
        self.is_connected = false;
        self.publishing.on_disconnected();
        for id in self.spaces.ids() {
            self.spaces[id].interest.on_disconnected();
        }
    }

    /// Something that the engine has repeated was dropped on its way here.
    pub fn on_lost(&mut self, now_ms: u64) {
        for id in self.spaces.ids() {
            for partition in &mut self.spaces[id].partitions {
                partition.check_now(now_ms);
            }
        }
    }

    /// When [`work`](Self::work) is to be called at the latest.
    pub fn due_ms(&self) -> u64 {
        let partitions = self.spaces.ids().flat_map(|id| &self.spaces[id].partitions);
        let partitions = partitions.map(Partition::due_ms).filter(|_| self.is_connected);
        let load = self.loading.first().filter(|_| self.may_load()).map(|(due_ms, _)| *due_ms);
        let others = [self.publishing.due_ms(), load, Some(self.tick_due_ms)];
        let due_ms = partitions.chain(others.into_iter().flatten()).min();
        due_ms.unwrap_or(u64::MAX)
    }

    /// Does what is due.
    pub fn work(&mut self, now_ms: u64, out: &mut Out) {
        self.send_publications(now_ms, out);
        if self.is_connected {
            self.ask_partitions(now_ms, out);
            self.ask_loads(now_ms, out);
        }
        if self.tick_due_ms <= now_ms {
            self.tick_due_ms = now_ms + TICK_MS;
            self.tick(now_ms, out);
        }
        for _ in 0..SLICES_MAX {
            // Nobody listens here; the hub trims its logs.
            if !self.hub.next_work(1, 1, &mut self.work) {
                break;
            }
        }
    }

    fn ask_partitions(&mut self, now_ms: u64, out: &mut Out) {
        for namespace in self.spaces.ids() {
            for (number, partition) in self.spaces[namespace].partitions.iter_mut().enumerate() {
                while let Some((id, request)) = partition.next_request(now_ms) {
                    // There are at most 1,024 partitions.
                    let stream = Stream { namespace, partition: number as u16 };
                    out.calls.push(Call::Ask { stream, asker: Asker::Partition(id), request });
                }
            }
        }
    }

    fn tick(&mut self, now_ms: u64, out: &mut Out) {
        self.hub.tick(now_ms, &mut out.mail);
        self.give_overdue(now_ms, out);
        self.sweep(now_ms, out);
        for namespace in self.spaces.ids() {
            while let Some(Subscribe::End(place)) = self.spaces[namespace].interest.next_end(now_ms)
            {
                out.calls.push(Call::Unsubscribe(namespace, place));
            }
        }
    }

    /// Looks for channels that no shard uses any more.
    fn sweep(&mut self, now_ms: u64, out: &mut Out) {
        let start = self.swept.take().map_or(Unbounded, Excluded);
        let some = self.channels.range::<ChannelName, _>((start, Unbounded)).take(SWEPT_MAX);
        let names: Vec<ChannelName> = some.map(|(name, _)| name.clone()).collect();
        for name in &names {
            let Some(channel) = self.channels.get(name) else { continue };
            let is_done = channel.waiting.is_empty() && channel.held.is_empty();
            let is_idle = match channel.stage {
                Stage::Following => self.hub.unfollow(now_ms, name, LINGER_MS, &mut out.mail),
                // Those who wanted it have gone before it was there.
                _ => !self.hub.follows(name),
            };
            if is_done && is_idle {
                self.close(now_ms, name);
            }
        }
        self.swept = names.last().filter(|_| names.len() == SWEPT_MAX).cloned();
    }

    /// A channel is not followed any more.
    fn close(&mut self, now_ms: u64, name: &ChannelName) {
        let Some(channel) = self.channels.remove(name) else { return };
        self.forget_load(name, &channel.stage);
        let space = &mut self.spaces[channel.namespace];
        if matches!(channel.stage, Stage::Subscribing)
            && let Some(names) = space.subscribing.get_mut(&channel.place)
        {
            names.retain(|own| own != name);
        }
        space.partition(channel.place).leave(name);
        space.interest.release(now_ms, channel.place);
    }

    fn namespace_of(&self, name: &ChannelName) -> NamespaceId {
        self.spaces.resolve(name).unwrap_or(NamespaceId::DEFAULT)
    }
}
