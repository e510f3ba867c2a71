//! The publishers' thread: what is due goes out, by HTTP or by WebSocket, in order in each channel.

use std::collections::VecDeque;

use switchboard_plane::{Close, ConnId};

use super::means::{Context, Means, Writer};
use super::queue::{Pending, Publisher};
use super::schedule::{Due, Schedule};
use crate::engine::clock::{NS_PER_MS, NS_PER_S};
use crate::engine::stats::{Counter, Measure};
use crate::engine::{Connection, Core, End, Job};
use crate::http::{self, Malformed, Part, Reader};

/// Pause before a publisher's connection is tried again.
const RETRY_NS: u64 = 100 * NS_PER_MS;

/// Bytes of a refusal that are kept, to quote it.
const REFUSAL_BYTES_MAX: usize = 1_024;

/// The status of a publication that reached nobody, at this server and at nchan.
const NOBODY_LISTENS: u16 = 202;

/// Publications taken from the schedule in one step at most.
const BURST_MAX: usize = 256;

/// The job of the publishers' thread. Channel `k` belongs to publisher `k` modulo their number.
#[derive(Debug)]
pub(crate) struct Publishers {
    means: Means,
    schedule: Schedule,
    members: Vec<Publisher>,
    context: Context,
    /// Publications left to send.
    left: u64,
    /// Closed loop: what became due, in order, to be given up after a time.
    watched: VecDeque<Pending>,
    news: Vec<u32>,
    writer: Writer,
}

impl Publishers {
    pub(crate) fn new(
        means: Means,
        schedule: Schedule,
        publishers: u32,
        left: u64,
        context: Context,
    ) -> Self {
        Self {
            means,
            schedule,
            members: (0..publishers).map(|_| Publisher::default()).collect(),
            context,
            left,
            watched: VecDeque::new(),
            news: Vec::new(),
            writer: Writer::default(),
        }
    }

    fn connect(&mut self, core: &mut Core<()>) {
        for (number, publisher) in (0..).zip(&mut self.members) {
            let wanted = publisher.id.is_none() && !publisher.connecting;
            if wanted && publisher.retry_ns <= core.now_ns {
                publisher.connecting = true;
                core.connect(number, number, ());
            }
        }
    }

    /// Takes what is due from the schedule. True when there may be more at once.
    fn take_due(&mut self, now_ns: u64) -> bool {
        let Some((start_ns, until_ns)) = self.context.orders.work_times() else {
            return false;
        };
        for _ in 0..BURST_MAX {
            // What is due before the end is sent, even if that is late.
            let due = if self.left == 0 { None } else { self.schedule.next(start_ns, now_ns) };
            match due.filter(|due| due.due_ns < until_ns) {
                Some(due) => self.enqueue(due),
                None => return false,
            }
        }
        true
    }

    fn enqueue(&mut self, Due { channel, due_ns }: Due) {
        self.left -= 1;
        let sequence = self.context.progress.publish(channel);
        let pending = Pending { channel, sequence, due_ns, sent_ns: 0 };
        let count = self.members.len();
        self.members[channel as usize % count].due.push_back(pending);
        if self.schedule.is_closed() {
            self.watched.push_back(pending);
        }
    }

    /// Sends what a publisher has due, as far as its connection takes it.
    fn pump(&mut self, core: &mut Core<()>, number: usize) {
        let Some(id) = self.members[number].id else { return };
        loop {
            let count = self.sendable(core.now_ns, number);
            if count == 0 || !self.may_send(core, number, id) {
                return;
            }
            let Self { means, context, writer, members, .. } = self;
            let due = &mut members[number].due;
            let publications = due.range(..count);
            let bytes = writer.write(means, context, &mut core.random, publications, number as u32);
            let is_message = matches!(means, Means::WebSocket { .. });
            let sent = if is_message {
                core.send_text(id, bytes)
            } else {
                core.send(id, |out| out.extend_from_slice(bytes))
            };
            if !sent {
                return;
            }
            for pending in due.range_mut(..count) {
                pending.sent_ns = core.now_ns;
                core.stats.record(Measure::SendDelay, pending.due_ns, core.now_ns);
            }
            core.stats.add(Counter::Sent, count as u64);
            self.note_sent(number, count, is_message);
        }
    }

    /// How many publications the next request or message of a publisher has: nothing, or all that go
    /// out together, or what is left when no more will be due.
    fn sendable(&self, now_ns: u64, number: usize) -> usize {
        let (due, batch) = (self.members[number].due.len(), self.means.batch());
        if due >= batch || self.is_ending(now_ns) { due.min(batch) } else { 0 }
    }

    fn note_sent(&mut self, number: usize, count: usize, is_message: bool) {
        let Publisher { due, unanswered, .. } = &mut self.members[number];
        if is_message {
            // There is no answer to wait for.
            due.drain(..count).for_each(|pending| self.schedule.answered(pending.channel));
        } else {
            unanswered.push(due.drain(..count));
        }
    }

    fn may_send(&self, core: &Core<()>, number: usize, id: ConnId) -> bool {
        match &self.means {
            Means::Http { pipeline, .. } | Means::HttpBatch { pipeline, .. } => {
                self.members[number].unanswered.requests() < *pipeline
            }
            Means::WebSocket { .. } => {
                core.slab.get(id).is_some_and(|connection| !connection.blocked)
            }
        }
    }

    /// The server has answered the oldest request of a publisher. False when there is none.
    fn answered(&mut self, core: &mut Core<()>, number: usize) -> bool {
        let Self { means, schedule, context, members, .. } = self;
        let Publisher { unanswered, head, refusal, results, .. } = &mut members[number];
        let count = unanswered.first();
        let is_batch = matches!(means, Means::HttpBatch { .. });
        let (statuses, refused) = match head.status {
            200..300 if is_batch => results.finish(count),
            _ => (&[][..], None),
        };
        for (nth, pending) in unanswered.pop().enumerate() {
            schedule.answered(pending.channel);
            core.stats.record(Measure::Acknowledge, pending.sent_ns, core.now_ns);
            let status = statuses.get(nth).copied().unwrap_or(head.status);
            if (200..300).contains(&status) {
                core.stats.add(Counter::Acknowledged, 1);
                core.stats.add(Counter::Unheard, u64::from(status == NOBODY_LISTENS));
                continue;
            }
            core.stats.add(Counter::Refused, 1);
            let whole = || http::refusal(status, refusal);
            let refusal = refused.map_or_else(whole, str::to_owned);
            let what = format!("publish: the server answered with {refusal}");
            core.stats.error(Counter::Refused, what);
            context.excuse(pending);
        }
        count > 0
    }

    /// What was sent without an answer may have been published or not.
    fn give_up_unanswered(&mut self, core: &mut Core<()>, number: usize) {
        let unanswered = &mut self.members[number].unanswered;
        while unanswered.requests() > 0 {
            for pending in unanswered.pop() {
                core.stats.add(Counter::Refused, 1);
                self.context.excuse(pending);
                self.schedule.answered(pending.channel);
            }
        }
    }

    /// What has not been sent never will be.
    fn give_up_due(&mut self, core: &mut Core<()>) {
        self.left = 0;
        for number in 0..self.members.len() {
            while let Some(pending) = self.members[number].due.pop_front() {
                core.stats.add(Counter::Unsent, 1);
                self.context.excuse(pending);
            }
        }
    }

    /// Closed loop: follows completions, and gives up on stragglers.
    fn follow(&mut self, now_ns: u64) {
        if !self.schedule.is_closed() {
            return;
        }
        while let Some(pending) = self.watched.front()
            && pending.due_ns + self.context.patience_ns < now_ns
        {
            self.context.progress.abandon(pending.channel, pending.sequence);
            self.watched.pop_front();
        }
        self.context.progress.take_news(&mut self.news);
        for channel in self.news.drain(..) {
            self.schedule.completed(channel);
        }
    }

    /// Nothing more will be due.
    fn is_ending(&self, now_ns: u64) -> bool {
        let times = self.context.orders.work_times();
        self.left == 0 || times.is_some_and(|(_, until_ns)| now_ns >= until_ns)
    }

    fn is_over(&self, now_ns: u64) -> bool {
        self.is_ending(now_ns) && self.members.iter().all(Publisher::is_idle)
    }
}

impl Job for Publishers {
    type Data = ();

    fn opened(&mut self, core: &mut Core<()>, id: ConnId) {
        let Some(connection) = core.slab.get(id) else { return };
        let publisher = &mut self.members[connection.number as usize];
        publisher.connecting = false;
        publisher.id = Some(id);
    }

    fn message(&mut self, _core: &mut Core<()>, _id: ConnId, _message: &[u8]) {}

    fn bytes(&mut self, core: &mut Core<()>, id: ConnId, bytes: &[u8]) -> bool {
        let Some(connection) = core.slab.get(id) else { return true };
        let number = connection.number as usize;
        self.members[number].reader.push(bytes);
        loop {
            let publisher = &mut self.members[number];
            match publisher.reader.next() {
                Ok(None) => return true,
                Ok(Some(Part::Head(head))) => {
                    publisher.head = head;
                    publisher.refusal.clear();
                    publisher.results.clear();
                }
                Ok(Some(Part::Body(bytes))) => {
                    let count = publisher.unanswered.first();
                    if matches!(self.means, Means::HttpBatch { .. }) {
                        publisher.results.push(bytes, count);
                    }
                    if !(200..300).contains(&publisher.head.status) {
                        let wanted = REFUSAL_BYTES_MAX.saturating_sub(publisher.refusal.len());
                        publisher.refusal.extend(bytes.iter().take(wanted));
                    }
                }
                Ok(Some(Part::End)) => {
                    let is_last = publisher.head.is_last;
                    if !self.answered(core, number) {
                        return false;
                    }
                    if is_last {
                        self.give_up_unanswered(core, number);
                        core.close(id, Close::Fin);
                        self.members[number].id = None;
                        self.members[number].reader = Reader::default();
                        return true;
                    }
                }
                Err(Malformed) => return false,
            }
        }
    }

    fn ended(&mut self, core: &mut Core<()>, connection: &Connection<()>, end: &End) {
        let number = connection.number as usize;
        if self.members[number].reader.is_until_end() {
            self.answered(core, number);
        }
        let unanswered = self.members[number].unanswered.requests();
        self.give_up_unanswered(core, number);
        // A server may end a connection that is not in use.
        if !connection.was_open() {
            core.stats.add(Counter::Failed, 1);
            core.stats.error(Counter::Failed, format!("publisher: {end}"));
        } else if *end != End::Eof || unanswered > 0 {
            core.stats.error(Counter::Refused, format!("publisher: {end}"));
        }
        let publisher = &mut self.members[number];
        publisher.id = None;
        publisher.connecting = false;
        publisher.retry_ns = core.now_ns + RETRY_NS;
        publisher.reader = Reader::default();
    }

    fn step(&mut self, core: &mut Core<()>) -> Option<u64> {
        self.connect(core);
        self.follow(core.now_ns);
        if self.context.orders.is_abandon() {
            self.give_up_due(core);
        }
        let more = self.take_due(core.now_ns);
        for number in 0..self.members.len() {
            self.pump(core, number);
        }
        core.stats.is_done = self.is_over(core.now_ns);
        if more {
            return Some(core.now_ns);
        }
        let (start_ns, until_ns) = self.context.orders.work_times()?;
        if core.now_ns < start_ns {
            return Some(start_ns);
        }
        let next_ns = self.schedule.next_ns(start_ns).unwrap_or(core.now_ns + NS_PER_S);
        (next_ns < until_ns && self.left > 0).then_some(next_ns)
    }

    fn finish(&mut self, core: &mut Core<()>) {
        self.give_up_due(core);
        for number in 0..self.members.len() {
            self.give_up_unanswered(core, number);
        }
    }
}
