//! One node: what drives the crate, as an engine of the server would.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use switchboard_cluster::{
    Change, Content, Control, Direction, Fetched, Fill, Fingerprint, Gathered, Interest, Layout,
    Member, Members, MessageIds, NodeId, Outgoing, Partition, PublicationId, Publishing, Question,
    QuestionId, Questions, Request, Send, Subjects, Subscribe, deletion_headers, headers,
};
use switchboard_hub::{ChannelName, Epoch, Kind};

use crate::log::Log;
use crate::network::{Asker, Call};
use crate::plan::{CHANNELS, Plan, Planted, channel, layout, publishing_rules, subjects};

/// What a node does.
#[derive(Debug)]
pub(crate) enum Out {
    Call(Call),
    /// To all other nodes.
    Say(Control),
    Acknowledged {
        serial: u64,
        sequence: u64,
    },
    Answered(Gathered, Asked),
    /// What a client that resumes is given.
    Filled {
        client: usize,
        attempt: u64,
        fetched: Fetched,
    },
    Changed(Change),
}

/// A question that this node has asked.
#[derive(Debug)]
pub(crate) struct Asked {
    at_ms: u64,
    pub(crate) took_ms: u64,
    pub(crate) live: BTreeSet<NodeId>,
}

/// A client that resumes before what the node has.
#[derive(Debug)]
pub(crate) struct Backfill {
    pub(crate) fill: Fill,
    pub(crate) epoch: Epoch,
    pub(crate) attempt: u64,
    pub(crate) asked_ms: Option<u64>,
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) id: NodeId,
    pub(crate) connection: u64,
    pub(crate) is_connected: bool,
    pub(crate) frozen_until_ms: u64,
    clock_offset_ms: u64,
    pub(crate) planted: Planted,
    lifetime_s: Option<u32>,
    pub(crate) subjects: Subjects,
    pub(crate) layout: Layout,
    ids: MessageIds,
    pub(crate) partitions: Vec<Partition>,
    pub(crate) interest: Interest,
    pub(crate) publishing: Publishing,
    pub(crate) members: Members,
    pub(crate) questions: Questions,
    pub(crate) logs: BTreeMap<ChannelName, Log>,
    pub(crate) serials: HashMap<PublicationId, u64>,
    pub(crate) backfills: BTreeMap<usize, Backfill>,
    asked: HashMap<QuestionId, Asked>,
    next_look_ms: u64,
    pub(crate) first_epochs: BTreeMap<u16, Epoch>,
}

impl Node {
    pub(crate) fn new(now_ms: u64, number: u64, clock_offset_ms: u64, plan: &Plan) -> Self {
        let id = NodeId::from_random(number);
        let subjects = subjects();
        let fingerprint = Fingerprint::new(
            &switchboard_cluster::Prefix::default(),
            [("default", layout(), plan.retention)],
        );
        let member = Member { id, name: format!("node {number}").into() };
        let mut publishing = Publishing::new(publishing_rules()).unwrap();
        publishing.on_connected(now_ms + clock_offset_ms, 1 << 20);
        let partition = || Partition::new(plan.partition_rules());
        Self {
            id,
            connection: 1,
            is_connected: true,
            frozen_until_ms: 0,
            clock_offset_ms,
            planted: plan.planted,
            lifetime_s: plan.retention.lifetime_s(),
            subjects,
            layout: layout(),
            ids: MessageIds::new(id),
            partitions: (0..layout().partitions()).map(|_| partition()).collect(),
            interest: Interest::default(),
            publishing,
            members: Members::new(now_ms + clock_offset_ms, member, fingerprint),
            questions: Questions::default(),
            logs: BTreeMap::new(),
            serials: HashMap::new(),
            backfills: BTreeMap::new(),
            asked: HashMap::new(),
            next_look_ms: 0,
            first_epochs: BTreeMap::new(),
        }
    }

    pub(crate) fn clock(&self, now_ms: u64) -> u64 {
        now_ms + self.clock_offset_ms
    }

    /// When it has something to do, by the clock of the world.
    pub(crate) fn due_ms(&self) -> u64 {
        let partitions = self.partitions.iter().map(Partition::due_ms);
        let backfills = self.backfills.values().map(|backfill| match backfill.asked_ms {
            Some(asked_ms) => asked_ms + 500,
            None => backfill.fill.due_ms(),
        });
        let others = [
            self.publishing.due_ms(),
            self.interest.due_ms(),
            self.questions.due_ms(),
            Some(self.next_look_ms),
        ];
        let due_ms = partitions.chain(backfills).chain(others.into_iter().flatten()).min();
        let due_ms = due_ms.unwrap_or(u64::MAX).saturating_sub(self.clock_offset_ms);
        due_ms.max(self.frozen_until_ms)
    }

    /// Does what is due.
    pub(crate) fn work(&mut self, now_ms: u64, out: &mut Vec<Out>) {
        let now_ms = self.clock(now_ms);
        for partition in 0..self.partitions.len() {
            while let Some((id, request)) = self.partitions[partition].next_request(now_ms) {
                let (partition, asker) = (partition as u16, Asker::Partition(id));
                out.push(Out::Call(Call::Ask { partition, asker, request: Arc::new(request) }));
            }
        }
        while let Some((id, _)) = self.publishing.next_failure(now_ms) {
            self.serials.remove(&id);
        }
        while let Some(send) = self.publishing.next_retry(now_ms) {
            self.send(send, true, out);
        }
        while let Some(action) = self.interest.next_end(now_ms) {
            out.push(subscribe(action));
        }
        self.look_after_others(now_ms, out);
        self.fetch_for_clients(now_ms, out);
    }

    fn look_after_others(&mut self, now_ms: u64, out: &mut Vec<Out>) {
        self.next_look_ms = now_ms + 500;
        out.extend(self.members.heartbeat(now_ms).map(Out::Say));
        let mut has_died = false;
        while let Some(change) = self.members.next_dead(now_ms) {
            has_died = true;
            out.push(Out::Changed(change));
        }
        if has_died {
            self.questions.on_gone(&self.members);
        }
        while let Some(gathered) = self.questions.next_gathered(now_ms) {
            let mut asked = self.asked.remove(&gathered.id).unwrap();
            asked.took_ms = now_ms - asked.at_ms;
            out.push(Out::Answered(gathered, asked));
        }
    }

    fn fetch_for_clients(&mut self, now_ms: u64, out: &mut Vec<Out>) {
        let mut calls = Vec::new();
        for (client, backfill) in &mut self.backfills {
            if backfill.asked_ms.is_some_and(|asked_ms| asked_ms + 500 <= now_ms) {
                backfill.asked_ms = None;
                backfill.fill.on_failed(now_ms);
            }
            if backfill.asked_ms.is_none() && backfill.fill.due_ms() <= now_ms {
                let fetch = backfill.fill.fetch(3);
                backfill.asked_ms = Some(now_ms);
                calls.push((*client, backfill.attempt, fetch));
            }
        }
        for (client, attempt, fetch) in calls {
            let channel = channel(CHANNELS[client % CHANNELS.len()]);
            let partition = self.layout.place(&channel).partition;
            let request = Arc::new(Request::Fetch { channel, fetch });
            let asker = Asker::Client(client, attempt);
            out.push(Out::Call(Call::Ask { partition, asker, request }));
        }
    }

    /// Somebody here listens to a channel.
    pub(crate) fn listen(&mut self, channel: &ChannelName, out: &mut Vec<Out>) {
        if self.logs.contains_key(channel) {
            return;
        }
        self.logs.insert(channel.clone(), Log::default());
        let place = self.layout.place(channel);
        if let Some(action) = self.interest.acquire(place) {
            out.push(subscribe(action));
        } else if self.interest.is_live(place) {
            self.partitions[usize::from(place.partition)].join(channel);
        }
    }

    /// Nobody here listens to a channel any more.
    pub(crate) fn forget(&mut self, now_ms: u64, channel: &ChannelName) {
        if self.logs.remove(channel).is_some() {
            let place = self.layout.place(channel);
            self.partitions[usize::from(place.partition)].leave(channel);
            self.interest.release(self.clock(now_ms), place);
        }
    }

    /// A client wants what follows a position that the node's log does not have.
    pub(crate) fn resume(&mut self, client: usize, attempt: u64, epoch: Epoch, fill: Fill) {
        self.backfills.insert(client, Backfill { fill, epoch, attempt, asked_ms: None });
    }

    /// Publishes, or deletes where there is no number. False where that is refused.
    pub(crate) fn publish(
        &mut self,
        now_ms: u64,
        channel: &ChannelName,
        (serial, key): (Option<u64>, Option<&str>),
        out: &mut Vec<Out>,
    ) -> bool {
        let partition = &self.partitions[usize::from(self.layout.place(channel).partition)];
        let Some(epoch) = partition.epoch() else { return false };
        let id = match key {
            Some(key) => MessageIds::keyed(channel, key),
            None => self.ids.unique(),
        };
        let subject = self.subjects.channel(Direction::In, channel);
        let payload = serial.map_or_else(String::new, |serial| serial.to_string());
        let headers = match serial {
            Some(_) => {
                Content::new(Kind::Text, payload.as_bytes()).headers(epoch, &id, self.lifetime_s)
            }
            None => deletion_headers(epoch, &id, self.lifetime_s),
        };
        let outgoing = Outgoing { subject, headers, payload: payload.into_bytes().into() };
        let Ok(send) = self.publishing.publish(self.clock(now_ms), outgoing) else { return false };
        self.serials.extend(serial.map(|serial| (send.id, serial)));
        self.send(send, false, out);
        true
    }

    fn send(&mut self, send: Send, is_again: bool, out: &mut Vec<Out>) {
        let Send { id, mut outgoing } = send;
        if is_again && self.planted == Planted::RetriesWithOtherIds {
            let mut other = Outgoing {
                subject: outgoing.subject.clone(),
                headers: outgoing.headers.clone(),
                payload: outgoing.payload.clone(),
            };
            other.headers.retain(|(name, _)| *name != headers::MESSAGE_ID);
            other.headers.push((headers::MESSAGE_ID, self.ids.unique()));
            outgoing = Arc::new(other);
        }
        out.push(Out::Call(Call::Publish { id, outgoing }));
    }

    /// Asks all other nodes something.
    pub(crate) fn ask(&mut self, now_ms: u64, question: Question, out: &mut Vec<Out>) {
        let now_ms = self.clock(now_ms);
        let (id, control) = self.questions.ask(now_ms, &self.members, question).unwrap();
        let live = self.members.live().collect();
        self.asked.insert(id, Asked { at_ms: now_ms, took_ms: 0, live });
        out.push(Out::Say(control));
    }

    pub(crate) fn on_disconnected(&mut self) {
        self.is_connected = false;
        self.connection += 1;
        self.publishing.on_disconnected();
        self.interest.on_disconnected();
    }

    pub(crate) fn on_connected(&mut self, now_ms: u64, out: &mut Vec<Out>) {
        self.is_connected = true;
        let now_ms = self.clock(now_ms);
        self.publishing.on_connected(now_ms, 1 << 20);
        out.extend(self.interest.places().map(|place| Out::Call(Call::Subscribe(place))));
    }
}

fn subscribe(action: Subscribe) -> Out {
    Out::Call(match action {
        Subscribe::Begin(place) => Call::Subscribe(place),
        Subscribe::End(place) => Call::Unsubscribe(place),
    })
}
