//! From the engine to the hub: which channels are followed, and what happens in them.

use std::collections::btree_map::Entry;
use std::sync::Arc;

use switchboard_cluster::{
    Answer, Body, Direction, Event, Gap, Message, Named, Place, Republished, Request, Subscribe,
};
use switchboard_hub::{ChannelName, Epoch, NamespaceId, Position, Publication, Stream as Followed};

use super::{Gateway, LOADS_MAX};
use crate::call::{Asker, Call, Stream};
use crate::channel::{Channel, Stage};
use crate::load::{Load, Progress};
use crate::out::Out;

impl Gateway {
    /// Begins to follow a channel, unless that has begun already.
    pub(super) fn begin(&mut self, name: &ChannelName, out: &mut Out) -> &mut Channel {
        let namespace = self.namespace_of(name);
        let vacant = match self.channels.entry(name.clone()) {
            Entry::Occupied(begun) => return begun.into_mut(),
            Entry::Vacant(vacant) => vacant,
        };
        let space = &mut self.spaces[namespace];
        let place = space.layout.place(name);
        let mut channel = Channel::new(namespace, place);
        if let Some(Subscribe::Begin(place)) = space.interest.acquire(place)
            && self.is_connected
        {
            out.calls.push(Call::Subscribe(namespace, place));
        }
        if space.interest.is_live(place) {
            channel.stage = Stage::Joining;
            space.partition(place).join(name);
        } else {
            space.subscribing.entry(place).or_default().push(name.clone());
        }
        vacant.insert(channel)
    }

    /// Loads a channel again whose bucket this node is subscribed to.
    pub(super) fn join_again(&mut self, name: &ChannelName) {
        let Some(channel) = self.channels.get_mut(name) else { return };
        let stage = std::mem::replace(&mut channel.stage, Stage::Joining);
        let partition = self.spaces[channel.namespace].partition(channel.place);
        partition.leave(name);
        partition.join(name);
        self.forget_load(name, &stage);
    }

    /// The engine knows of the subscription to a bucket: what is stored from now on arrives.
    pub fn on_live(&mut self, now_ms: u64, namespace: NamespaceId, place: Place) {
        let space = &mut self.spaces[namespace];
        space.interest.on_live(place);
        if !space.interest.is_live(place) {
            return;
        }
        // What was stored while it was not there did not arrive.
        space.partition(place).check_now(now_ms);
        for name in space.subscribing.remove(&place).unwrap_or_default() {
            if let Some(channel) = self.channels.get_mut(&name) {
                channel.stage = Stage::Joining;
                self.spaces[namespace].partition(place).join(&name);
            }
        }
    }

    /// The engine repeats a message, or the marker of a stream's epoch. What is not ours or of no use is passed
    /// over.
    pub fn on_republished(
        &mut self,
        now_ms: u64,
        (namespace, subject): (NamespaceId, &str),
        headers: &[(&str, &str)],
        payload: &[u8],
        out: &mut Out,
    ) {
        let space = &mut self.spaces[namespace];
        let (name, place) = match space.subjects.parse(Direction::Out, subject) {
            Ok(Named::Channel { channel, place }) => (channel, place),
            Ok(Named::EpochMarker { partition }) => {
                if let Some(partition) = space.partitions.get_mut(usize::from(partition)) {
                    partition.check_now(now_ms);
                }
                return;
            }
            Err(_) => return,
        };
        let partition = space.partition(place);
        if !partition.mirrors(&name) {
            return;
        }
        let Ok(republished) = Republished::parse(headers, payload) else { return };
        let mut events = Vec::new();
        partition.on_republished(now_ms, &name, republished, &mut events);
        self.take(now_ms, events, out);
    }

    /// The engine has answered what was asked of a stream.
    pub fn on_answer(
        &mut self,
        now_ms: u64,
        stream: Stream,
        asker: Asker,
        answer: Answer,
        out: &mut Out,
    ) {
        match asker {
            Asker::Partition(id) => {
                let partitions = &mut self.spaces[stream.namespace].partitions;
                let Some(partition) = partitions.get_mut(usize::from(stream.partition)) else {
                    return;
                };
                let mut events = Vec::new();
                partition.on_answer(now_ms, id, answer, &mut events);
                self.take(now_ms, events, out);
            }
            Asker::Load { channel, number } => {
                self.loads_asked = self.loads_asked.saturating_sub(1);
                self.on_loaded(now_ms, &channel, (number, answer), out);
            }
        }
    }

    fn take(&mut self, now_ms: u64, events: Vec<(ChannelName, Event)>, out: &mut Out) {
        for (name, event) in events {
            self.apply(now_ms, &name, event, out);
        }
    }

    /// Something has happened in a channel.
    fn apply(&mut self, now_ms: u64, name: &ChannelName, event: Event, out: &mut Out) {
        let Some(channel) = self.channels.get_mut(name) else { return };
        match (&mut channel.stage, event) {
            (Stage::Loading(_) | Stage::Following, Event::Restarted) => {
                let stage = std::mem::replace(&mut channel.stage, Stage::Joining);
                self.forget_load(name, &stage);
            }
            (Stage::Joining, Event::Joined { epoch, at, is_message }) => {
                let load = Box::new(Load::new(epoch, at));
                if is_message {
                    self.loading.insert((load.due_ms(), name.clone()));
                    channel.stage = Stage::Loading(load);
                } else {
                    // Nothing of the channel is held.
                    self.loaded(now_ms, name, *load, at, out);
                }
            }
            (Stage::Loading(load), event) => {
                if !load.push(event) {
                    self.join_again(name);
                }
            }
            (Stage::Following, event) => self.follow(now_ms, name, event, out),
            (Stage::Subscribing | Stage::Joining, _) => {}
        }
    }

    /// Something has happened in a channel that the hub has.
    fn follow(&mut self, now_ms: u64, name: &ChannelName, event: Event, out: &mut Out) {
        match event {
            Event::Message(message) => self.message(now_ms, name, message, out),
            Event::Missed(Gap { missed, .. }) => {
                if let Some(position) = self.hub.position_of(name) {
                    let (epoch, before) = (position.epoch, *missed.end());
                    let stream = Followed { epoch, before, publications: vec![], dropped_ms: 0 };
                    self.hub.follow(now_ms, name, stream, &mut out.mail);
                }
            }
            Event::Joined { .. } | Event::Restarted => {}
        }
        self.give_receipts(now_ms, name, out);
    }

    fn message(&mut self, now_ms: u64, name: &ChannelName, message: Message, out: &mut Out) {
        let sequence = message.sequence;
        if message.is_deletion() {
            return self.hub.follow_deletion(name, sequence, &mut out.mail);
        }
        let Some(epoch) = self.hub.position_of(name).map(|position| position.epoch) else { return };
        if let Some(publication) = self.publication(epoch, message) {
            self.hub.follow_next(now_ms, name, publication, &mut out.mail);
        }
    }

    /// A stored message as a publication; none where it is something else.
    fn publication(&self, epoch: Epoch, message: Message) -> Option<Arc<Publication>> {
        let Message { sequence: offset, time_ms, body: Body::Publication(draft) } = message else {
            return None;
        };
        let times = (time_ms, self.fine_us);
        Some(Publication::new(Position { epoch, offset }, times, draft, &self.accounting))
    }

    pub(super) fn may_load(&self) -> bool {
        self.is_connected && self.loads_asked < LOADS_MAX
    }

    /// Asks for histories.
    pub(super) fn ask_loads(&mut self, now_ms: u64, out: &mut Out) {
        while self.may_load() && self.loading.first().is_some_and(|(due_ms, _)| *due_ms <= now_ms) {
            let Some((_, name)) = self.loading.pop_first() else { return };
            let Some(channel) = self.channels.get_mut(&name) else { continue };
            let Stage::Loading(load) = &mut channel.stage else { continue };
            self.last_load += 1;
            let asked = load.ask(now_ms, self.last_load);
            self.loading.insert((load.due_ms(), name.clone()));
            if let Some(fetch) = asked {
                self.loads_asked += 1;
                let stream =
                    Stream { namespace: channel.namespace, partition: channel.place.partition };
                let asker = Asker::Load { channel: name.clone(), number: self.last_load };
                out.calls.push(Call::Ask {
                    stream,
                    asker,
                    request: Request::Fetch { channel: name, fetch },
                });
            }
        }
    }

    /// A part of a history has come.
    fn on_loaded(
        &mut self,
        now_ms: u64,
        name: &ChannelName,
        (number, answer): (u64, Answer),
        out: &mut Out,
    ) {
        let Some(channel) = self.channels.get_mut(name) else { return };
        let Stage::Loading(load) = &mut channel.stage else { return };
        let space = &mut self.spaces[channel.namespace];
        let fetched = match answer {
            Answer::Fetched(fetched) => Some(fetched),
            _ => None,
        };
        let due_ms = load.due_ms();
        let progress = load.on_answer(now_ms, number, fetched, (&space.retention, &space.history));
        self.loading.remove(&(due_ms, name.clone()));
        match progress {
            Progress::Done => {
                let stage = std::mem::replace(&mut channel.stage, Stage::Joining);
                if let Stage::Loading(load) = stage {
                    let at = load.after();
                    self.loaded(now_ms, name, *load, at, out);
                }
            }
            Progress::More | Progress::Elsewhere => {
                if progress == Progress::Elsewhere {
                    space.partition(channel.place).check_now(now_ms);
                }
                self.loading.insert((load.due_ms(), name.clone()));
            }
        }
    }

    /// All of a channel that is held is read, up to `at`: the hub follows it, and what waits is done.
    fn loaded(&mut self, now_ms: u64, name: &ChannelName, load: Load, at: u64, out: &mut Out) {
        let (epoch, history, behind) = load.finish();
        let before = history.before.unwrap_or(at);
        let all = history.messages.into_iter();
        let publications = all.filter_map(|message| self.publication(epoch, message)).collect();
        let stream = Followed { epoch, before, publications, dropped_ms: history.dropped_ms };
        self.hub.follow(now_ms, name, stream, &mut out.mail);
        if let Some(channel) = self.channels.get_mut(name) {
            channel.stage = Stage::Following;
        }
        for event in behind {
            self.apply(now_ms, name, event, out);
        }
        self.give_receipts(now_ms, name, out);
        self.settle(now_ms, name, out);
    }

    /// A channel is not read any longer.
    pub(super) fn forget_load(&mut self, name: &ChannelName, stage: &Stage) {
        if let Stage::Loading(load) = stage {
            self.loading.remove(&(load.due_ms(), name.clone()));
        }
    }
}
