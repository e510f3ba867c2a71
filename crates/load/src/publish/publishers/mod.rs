//! The publishers' thread: what is due goes out, in whatever way, in order in each channel.

mod job;

use std::collections::VecDeque;

use switchboard_plane::ConnId;

use super::answers::{Answers, is_success};
use super::means::{Context, Means, Writer};
use super::queue::{Pending, Publisher};
use super::schedule::{Due, Schedule};
use super::turns::Turns;
use crate::engine::clock::NS_PER_MS;
use crate::engine::stats::{Counter, Measure};
use crate::engine::{Core, State};

/// Pause before a publisher's connection is tried again.
const RETRY_NS: u64 = 100 * NS_PER_MS;

/// The status of a publication that reached nobody, at this server and at nchan.
const NOBODY_LISTENS: u16 = 202;

/// Publications taken from the schedule in one step at most.
const BURST_MAX: usize = 256;

/// The job of the publishers' thread. Channel `k` belongs to publisher `k` modulo their number,
/// unless targets take turns. Publisher `n` is at target `n` modulo theirs.
#[derive(Debug)]
pub(crate) struct Publishers {
    means: Means,
    schedule: Schedule,
    members: Vec<Publisher>,
    /// Where there are several targets.
    turns: Option<Turns>,
    context: Context,
    /// Publications left to send.
    left: u64,
    /// Closed loop: what became due, in order, to be given up after a time.
    watched: VecDeque<Pending>,
    news: Vec<u32>,
    writer: Writer,
}

impl Publishers {
    /// So many publishers in all, of so many targets.
    pub(crate) fn new(
        means: Means,
        schedule: Schedule,
        (publishers, targets): (u32, u32),
        left: u64,
        context: Context,
    ) -> Self {
        let take_turns = targets > 1 && means.takes_turns();
        Self {
            means,
            schedule,
            members: (0..publishers).map(|_| Publisher::default()).collect(),
            turns: take_turns.then(|| Turns::new(targets, publishers / targets)),
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
        if self.schedule.is_closed() {
            self.watched.push_back(pending);
        }
        match &mut self.turns {
            None => {
                let count = self.members.len();
                self.members[channel as usize % count].due.push_back(pending);
            }
            Some(turns) => turns.due(pending),
        }
    }

    /// Where targets take turns: what may go out is handed to the publishers.
    fn take_turns(&mut self, core: &mut Core<()>) {
        while let Some(turns) = &mut self.turns
            && let Some(pending) = turns.next()
        {
            let number = turns.publisher_of(&pending);
            self.members[number].due.push_back(pending);
            if self.members[number].is_unreachable {
                self.pass_over(core, number);
            }
        }
    }

    /// A publisher cannot be connected. Where targets take turns, that does not hold up the others:
    /// what it has due is not sent.
    fn pass_over(&mut self, core: &mut Core<()>, number: usize) {
        let Some(turns) = &mut self.turns else { return };
        for pending in self.members[number].due.drain(..) {
            core.count(number as u32, Counter::Unsent, 1);
            self.context.excuse(pending);
            self.schedule.answered(pending.channel);
            turns.over(pending.channel);
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
            let target = core.endpoint.targets.of(number as u32);
            let to = (number as u32, target);
            let bytes = writer.write(means, context, &mut core.random, publications, to);
            let sent = match means {
                Means::Stream { .. } => core.send_binary(id, bytes),
                Means::WebSocket { .. } => core.send_text(id, bytes),
                Means::Http { .. } | Means::HttpBatch { .. } => {
                    core.send(id, |out| out.extend_from_slice(bytes))
                }
            };
            if !sent {
                return;
            }
            for pending in due.range_mut(..count) {
                pending.sent_ns = core.now_ns;
                core.stats.record(Measure::SendDelay, pending.due_ns, core.now_ns);
            }
            core.count(number as u32, Counter::Sent, count as u64);
            self.note_sent(number, count);
        }
    }

    /// How many publications the next request or message of a publisher has: nothing, or all that go
    /// out together, or what is left when no more will be due.
    fn sendable(&self, now_ns: u64, number: usize) -> usize {
        let (due, batch) = (self.members[number].due.len(), self.means.batch());
        if due >= batch || self.is_ending(now_ns) { due.min(batch) } else { 0 }
    }

    fn note_sent(&mut self, number: usize, count: usize) {
        let Publisher { due, unanswered, .. } = &mut self.members[number];
        if self.means.unanswered_max().is_some() {
            unanswered.push(due.drain(..count));
        } else {
            // There is no answer to wait for.
            due.drain(..count).for_each(|pending| self.schedule.answered(pending.channel));
        }
    }

    fn may_send(&self, core: &Core<()>, number: usize, id: ConnId) -> bool {
        // Nobody reads behind a Close frame.
        let open = core.slab.get(id).filter(|connection| connection.state != State::Closing);
        open.is_some_and(|connection| match self.means.unanswered_max() {
            Some(max) => self.members[number].unanswered.requests() < max,
            None => !connection.blocked,
        })
    }

    /// The server has answered the oldest request or message of a publisher. False when there is none.
    fn answered(&mut self, core: &mut Core<()>, number: usize) -> bool {
        let Self { schedule, context, members, turns, .. } = self;
        let Publisher { unanswered, answers, .. } = &mut members[number];
        let count = unanswered.first();
        let outcome = answers.finish(count);
        let (number, now_ns) = (number as u32, core.now_ns);
        for (nth, pending) in unanswered.pop().enumerate() {
            schedule.answered(pending.channel);
            if let Some(turns) = turns {
                turns.over(pending.channel);
            }
            core.record(number, Measure::Acknowledge, pending.sent_ns, now_ns);
            let status = outcome.status(nth);
            if is_success(status) {
                core.count(number, Counter::Acknowledged, 1);
                core.stats.add(Counter::Unheard, u64::from(status == NOBODY_LISTENS));
                continue;
            }
            let what = format!("publish: the server answered with {}", outcome.refusal());
            core.fail(number, Counter::Refused, what);
            context.excuse(pending);
        }
        count > 0
    }

    /// What was sent without an answer may have been published or not.
    fn give_up_unanswered(&mut self, core: &mut Core<()>, number: usize) {
        let unanswered = &mut self.members[number].unanswered;
        while unanswered.requests() > 0 {
            for pending in unanswered.pop() {
                core.count(number as u32, Counter::Refused, 1);
                self.context.excuse(pending);
                self.schedule.answered(pending.channel);
                if let Some(turns) = &mut self.turns {
                    turns.over(pending.channel);
                }
            }
        }
    }

    /// A publisher has no connection any more, and tries again in a moment.
    fn disconnected(&mut self, now_ns: u64, number: usize) {
        let publisher = &mut self.members[number];
        publisher.id = None;
        publisher.connecting = false;
        publisher.retry_ns = now_ns + RETRY_NS;
        publisher.answers = Answers::default();
    }

    /// What has not been sent never will be.
    fn give_up_due(&mut self, core: &mut Core<()>) {
        self.left = 0;
        for number in 0..self.members.len() {
            while let Some(pending) = self.members[number].due.pop_front() {
                core.count(number as u32, Counter::Unsent, 1);
                self.context.excuse(pending);
            }
        }
        let Some(turns) = &mut self.turns else { return };
        for pending in turns.give_up() {
            core.count(turns.publisher_of(&pending) as u32, Counter::Unsent, 1);
            self.context.excuse(pending);
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
        let is_idle = self.members.iter().all(Publisher::is_idle);
        self.is_ending(now_ns) && is_idle && self.turns.as_ref().is_none_or(Turns::is_idle)
    }
}
