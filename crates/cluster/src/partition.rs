//! One stream on one node: its epoch, the mirrors of its channels, and what is asked of the engine for them.
//!
//! To drive it: subscribe to a channel's bucket and wait until the engine knows, then [`join`](Partition::join).
//! Hand in what the engine repeats, if the partition [`mirrors`](Partition::mirrors) the channel. Whenever
//! something was handed in or [`due_ms`](Partition::due_ms) has come, take requests until there are none, send
//! each, and hand in its answer. What a request means is written at [`Request`].

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Unbounded};

use switchboard_hub::{ChannelName, Epoch};

use crate::Republished;
use crate::checks::{Checks, Mark, Part};
use crate::fill::Standing;
use crate::mirror::{Circumstances, Event, Mirror, MirrorRules, Want};
use crate::request::{Answer, CHECKED_MAX, Request, RequestId};

/// What a partition goes by.
#[derive(Clone, Copy, Debug)]
pub struct PartitionRules {
    /// Those of its mirrors.
    pub mirror: MirrorRules,
    /// How many requests may be under way.
    pub requests_max: usize,
    /// When a request is taken for lost.
    pub request_timeout_ms: u64,
}

impl Default for PartitionRules {
    /// 32 requests of 2 s.
    fn default() -> Self {
        Self { mirror: MirrorRules::default(), requests_max: 32, request_timeout_ms: 2_000 }
    }
}

/// One stream on one node.
#[derive(Debug)]
pub struct Partition {
    rules: PartitionRules,
    epoch: Option<Epoch>,
    channels: BTreeMap<ChannelName, Slot>,
    /// Channels that want something, by when.
    wanting: BTreeSet<(u64, ChannelName)>,
    checks: Checks,
    lacks_marker: bool,
    next_request: u64,
    asked: BTreeMap<RequestId, Asked>,
    /// Empty between two calls; its memory is used again.
    events: Vec<Event>,
}

#[derive(Debug)]
struct Slot {
    mirror: Mirror,
    /// Where it is in `wanting`.
    queued_ms: Option<u64>,
}

#[derive(Debug)]
struct Asked {
    at_ms: u64,
    what: What,
}

#[derive(Debug)]
enum What {
    Standing,
    Head(ChannelName),
    Fetch(ChannelName),
    Check(Vec<ChannelName>),
    MarkEpoch,
}

impl Partition {
    /// A stream of which nothing is known yet.
    pub fn new(rules: PartitionRules) -> Self {
        Self {
            rules,
            epoch: None,
            channels: BTreeMap::new(),
            wanting: BTreeSet::new(),
            checks: Checks::default(),
            lacks_marker: false,
            next_request: 0,
            asked: BTreeMap::new(),
            events: Vec::new(),
        }
    }

    /// The stream's epoch. None until the engine has said it: until then nothing can be published.
    pub fn epoch(&self) -> Option<Epoch> {
        self.epoch
    }

    /// Mirrors a channel, whose messages have begun to arrive.
    pub fn join(&mut self, channel: &ChannelName) {
        if !self.mirrors(channel) {
            self.channels.insert(channel.clone(), Slot { mirror: Mirror::new(), queued_ms: None });
            self.queue(channel);
        }
    }

    /// Mirrors a channel no longer.
    pub fn leave(&mut self, channel: &ChannelName) {
        if let Some(Slot { queued_ms: Some(due_ms), .. }) = self.channels.remove(channel) {
            self.wanting.remove(&(due_ms, channel.clone()));
        }
    }

    /// Whether messages of a channel are of use. Those of others need not be read.
    pub fn mirrors(&self, channel: &ChannelName) -> bool {
        self.channels.contains_key(channel)
    }

    /// Takes a message of a channel that the engine repeated.
    pub fn on_republished(
        &mut self,
        now_ms: u64,
        channel: &ChannelName,
        republished: Republished,
        out: &mut Vec<(ChannelName, Event)>,
    ) {
        let Republished { message, previous, epoch } = republished;
        if epoch.is_none() || epoch != self.epoch {
            // Of another stream than this node knows, or by a node that knows another, or by a stranger. Whether
            // it is in this stream is for the stream to say.
            return self.check_now(now_ms);
        }
        self.with(now_ms, channel, out, |mirror, given, events| {
            mirror.on_republished(given, message, previous, events);
        });
    }

    /// Looks at all channels as soon as it may: messages may have been lost, or the stream may be another one. For when the
    /// connection to the engine was lost and is back, and when a marker was repeated.
    pub fn check_now(&mut self, now_ms: u64) {
        self.checks.hasten(now_ms);
    }

    /// When [`next_request`](Self::next_request) is to be called at the latest.
    pub fn due_ms(&self) -> u64 {
        let timeout = self.asked.values().next();
        let timeout = timeout.map(|asked| asked.at_ms + self.rules.request_timeout_ms);
        let check = self.checks.due_ms();
        let wanting = self.wanting.first().map(|(due_ms, _)| *due_ms);
        let wanting = wanting.filter(|_| self.may_ask());
        [timeout, check, wanting].into_iter().flatten().min().unwrap_or(u64::MAX)
    }

    fn may_ask(&self) -> bool {
        self.epoch.is_some() && self.asked.len() < self.rules.requests_max
    }

    /// What to ask the engine next. None while nothing is due or enough is under way.
    pub fn next_request(&mut self, now_ms: u64) -> Option<(RequestId, Request)> {
        self.expire(now_ms);
        if self.lacks_marker {
            self.lacks_marker = false;
            return Some(self.ask(now_ms, What::MarkEpoch, Request::MarkEpoch));
        }
        if self.checks.due_ms().is_some_and(|due_ms| due_ms <= now_ms) {
            return Some(self.check(now_ms));
        }
        while self.may_ask() && self.wanting.first().is_some_and(|(due_ms, _)| *due_ms <= now_ms) {
            let (_, channel) = self.wanting.pop_first()?;
            let Some(slot) = self.channels.get_mut(&channel) else { continue };
            slot.queued_ms = None;
            let (what, request) = match slot.mirror.ask(&self.rules.mirror) {
                Some(Want::Head) => (What::Head(channel.clone()), Request::Head { channel }),
                Some(Want::Fetch(fetch)) => {
                    (What::Fetch(channel.clone()), Request::Fetch { channel, fetch })
                }
                None => continue,
            };
            return Some(self.ask(now_ms, what, request));
        }
        None
    }

    fn ask(&mut self, now_ms: u64, what: What, request: Request) -> (RequestId, Request) {
        self.next_request += 1;
        let id = RequestId(self.next_request);
        self.asked.insert(id, Asked { at_ms: now_ms, what });
        (id, request)
    }

    fn check(&mut self, now_ms: u64) -> (RequestId, Request) {
        let start = match self.checks.begin(now_ms) {
            Part::Leader => return self.ask(now_ms, What::Standing, Request::Standing),
            Part::After(channel) => channel.map_or(Unbounded, Excluded),
        };
        let rest = self.channels.range::<ChannelName, _>((start, Unbounded));
        let channels: Vec<ChannelName> =
            rest.take(CHECKED_MAX).map(|(channel, _)| channel.clone()).collect();
        self.ask(now_ms, What::Check(channels.clone()), Request::Check { channels })
    }

    /// Gives up what was not answered in time.
    fn expire(&mut self, now_ms: u64) {
        while let Some(oldest) = self.asked.first_entry()
            && oldest.get().at_ms + self.rules.request_timeout_ms <= now_ms
        {
            let asked = oldest.remove();
            self.failed(now_ms, asked.what);
        }
    }

    /// Takes an answer. One that comes too late, or that answers something else, is of no use.
    pub fn on_answer(
        &mut self,
        now_ms: u64,
        request: RequestId,
        answer: Answer,
        out: &mut Vec<(ChannelName, Event)>,
    ) {
        let Some(Asked { at_ms, what }) = self.asked.remove(&request) else { return };
        match (what, answer) {
            (What::Standing, Answer::Standing(standing)) if self.is_this_stream(standing, out) => {
                self.checks.on_leader(now_ms, Mark { at_ms, last: standing.last });
            }
            (What::Head(channel), Answer::Head(standing, head))
                if self.is_this_stream(standing, out) =>
            {
                self.with(now_ms, &channel, out, |mirror, given, events| {
                    mirror.on_head(given, at_ms, (standing, head), events);
                });
            }
            (What::Fetch(channel), Answer::Fetched(fetched))
                if self.is_this_stream(fetched.standing, out) =>
            {
                self.with(now_ms, &channel, out, |mirror, given, events| {
                    mirror.on_fetched(given, fetched, events);
                });
            }
            (What::Check(channels), Answer::Checked(standing, newest))
                if channels.len() == newest.len() && self.is_this_stream(standing, out) =>
            {
                let next = channels.last().filter(|_| channels.len() == CHECKED_MAX);
                let interval_ms = self.rules.mirror.retention.check_interval_ms();
                let mark = self.checks.on_answered(now_ms, next.cloned(), interval_ms);
                // What a replica says that has not come as far as the leader had is no proof of anything.
                let mark = mark.filter(|mark| standing.last >= mark.last);
                for (channel, newest) in channels.iter().zip(newest) {
                    self.with(now_ms, channel, out, |mirror, given, events| {
                        mirror.on_checked(given, newest, mark, events);
                    });
                }
            }
            (What::MarkEpoch, Answer::Marked) => self.check_now(now_ms),
            (what, _) => self.failed(now_ms, what),
        }
    }

    fn failed(&mut self, now_ms: u64, what: What) {
        match what {
            What::Head(channel) | What::Fetch(channel) => {
                if let Some(slot) = self.channels.get_mut(&channel) {
                    slot.mirror.on_failed(now_ms);
                    self.queue(&channel);
                }
            }
            What::Standing | What::Check(_) => self.checks.on_failed(now_ms),
            What::MarkEpoch => self.checks.hasten(now_ms + MARK_RETRY_MS),
        }
    }

    /// Compares the epoch. Another one ends what all mirrors have, and what is under way is of no use.
    fn is_this_stream(&mut self, standing: Standing, out: &mut Vec<(ChannelName, Event)>) -> bool {
        let Some(epoch) = standing.epoch else {
            self.lacks_marker = !self.is_marking();
            return false;
        };
        if self.epoch == Some(epoch) {
            return true;
        }
        self.epoch = Some(epoch);
        self.asked.clear();
        self.wanting.clear();
        self.checks = Checks::default();
        for (channel, slot) in &mut self.channels {
            slot.mirror.restart(&mut self.events);
            out.extend(self.events.drain(..).map(|event| (channel.clone(), event)));
            slot.queued_ms = slot.mirror.due_ms();
            self.wanting.extend(slot.queued_ms.map(|due_ms| (due_ms, channel.clone())));
        }
        false
    }

    fn is_marking(&self) -> bool {
        self.asked.values().any(|asked| matches!(asked.what, What::MarkEpoch))
    }

    fn with(
        &mut self,
        now_ms: u64,
        channel: &ChannelName,
        out: &mut Vec<(ChannelName, Event)>,
        act: impl FnOnce(&mut Mirror, &Circumstances<'_>, &mut Vec<Event>),
    ) {
        let (Some(slot), Some(epoch)) = (self.channels.get_mut(channel), self.epoch) else {
            return;
        };
        let given = Circumstances { now_ms, epoch, rules: &self.rules.mirror };
        act(&mut slot.mirror, &given, &mut self.events);
        out.extend(self.events.drain(..).map(|event| (channel.clone(), event)));
        self.queue(channel);
    }

    /// Puts a channel where it belongs among those that want something.
    fn queue(&mut self, channel: &ChannelName) {
        let Some(slot) = self.channels.get_mut(channel) else { return };
        let due_ms = slot.mirror.due_ms();
        if slot.queued_ms == due_ms {
            return;
        }
        if let Some(old_ms) = slot.queued_ms {
            self.wanting.remove(&(old_ms, channel.clone()));
        }
        slot.queued_ms = due_ms;
        self.wanting.extend(due_ms.map(|due_ms| (due_ms, channel.clone())));
    }
}

/// The wait after a marker that could not be stored.
const MARK_RETRY_MS: u64 = 500;

#[cfg(test)]
mod tests;
