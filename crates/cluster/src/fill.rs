//! Reading what a stream holds of a channel after some sequence: what a mirror missed, or what a client that
//! resumes asks for.
//!
//! A fill begins at the sequence after which it wants everything, and asks for the message there too: where
//! that is still held, nothing after it is lost, since the oldest go first. Any replica may answer, and one
//! that lags says less than there is. So that messages are missing from an answer proves nothing. What proves
//! it is a replica that has come as far as the goal and holds nothing of the channel after what is there
//! already: both are said by one replica at one moment, and what is gone does not come back.

use std::ops::RangeInclusive;

use switchboard_hub::{Epoch, Position};

use crate::resume::{Expiry, Holding, Loss, Verdict, judge};
use crate::{Message, Retention};

/// Waits between answers that prove nothing double up to this.
const RETRY_MS_MAX: u64 = 2_000;
/// The first of these waits.
const RETRY_MS_MIN: u64 = 50;

/// So many answers of replicas that have not come as far as the goal, one after another, are more than one that
/// lags can give: they take about 10 s.
const SHORT_ANSWERS_MAX: u32 = 9;

/// A request for messages of one channel in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// From this sequence on, itself included.
    pub from: u64,
    /// So many at most.
    pub batch: u32,
}

/// How a stream stands, as one replica knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What the marker says. None where there is no marker.
    pub epoch: Option<Epoch>,
    /// The newest sequence, of whatever channel.
    pub last: u64,
}

/// The answer to a [`Fetch`].
#[derive(Debug)]
pub struct Fetched {
    /// How the stream stands, asked after the messages came: a stream that was made anew meanwhile shows by its
    /// epoch.
    pub standing: Standing,
    /// The newest sequence of the channel, as the same replica knew it at the same moment as `standing`.
    pub head: Option<u64>,
    /// The messages, oldest first.
    pub messages: Vec<Message>,
    /// How many more follow them.
    pub pending: u64,
}

/// A gap: what nobody who listens here will get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// Why.
    pub loss: Loss,
    /// All that is missed is in this range. Of a position that the stream has not reached nothing is known, and it
    /// may be empty.
    pub missed: RangeInclusive<u64>,
}

/// What an answer is good for.
#[derive(Debug, Default)]
pub struct Filled {
    /// Missed before the messages.
    pub gap: Option<Gap>,
    /// In order, each after the last that was given out.
    pub messages: Vec<Message>,
    /// There is nothing more to be had up to the goal.
    pub is_done: bool,
    /// The stream has not come as far as the goal, however often it was asked: whoever said so was wrong.
    pub is_refuted: bool,
}

/// One reading, from one sequence to another. One fetch is under way at a time.
#[derive(Debug)]
pub struct Fill {
    epoch: Epoch,
    /// All up to here is given out.
    after: u64,
    /// There was a message at `after`.
    was_message: bool,
    goal: u64,
    retry_at_ms: u64,
    retries: u32,
    /// Answers of replicas that had not reached the goal, one after another.
    short_answers: u32,
}

impl Fill {
    /// Reads what follows `after` up to `goal`. `was_message`: there was a message at `after`.
    pub fn new(epoch: Epoch, after: u64, was_message: bool, goal: u64) -> Self {
        Self { epoch, after, was_message, goal, retry_at_ms: 0, retries: 0, short_answers: 0 }
    }

    /// All up to here is given out.
    pub fn after(&self) -> u64 {
        self.after
    }

    /// When [`fetch`](Self::fetch) is to be asked for.
    pub fn due_ms(&self) -> u64 {
        self.retry_at_ms
    }

    /// What to ask for next.
    pub fn fetch(&self, batch: u32) -> Fetch {
        Fetch { from: self.after, batch }
    }

    /// More is known to exist.
    pub fn raise_goal(&mut self, goal: u64) {
        self.goal = self.goal.max(goal);
    }

    /// Something came without being fetched, and was given out.
    pub fn advance(&mut self, after: u64) {
        (self.after, self.was_message) = (after, true);
    }

    /// There was no answer.
    pub fn on_failed(&mut self, now_ms: u64) {
        let wait = RETRY_MS_MIN << self.retries.min(10);
        self.retry_at_ms = now_ms + wait.min(RETRY_MS_MAX);
        self.retries += 1;
    }

    /// Takes an answer, whose epoch the caller has compared. `expiry`: of what came after
    /// [`after`](Self::after).
    pub fn on_fetched(
        &mut self,
        now_ms: u64,
        fetched: Fetched,
        (retention, expiry): (&Retention, Expiry),
    ) -> Filled {
        let Fetched { standing, head, mut messages, pending } = fetched;
        self.raise_goal(head.unwrap_or_default());
        let mut last = self.after;
        let holds_position = messages.iter().any(|message| message.sequence == last);
        let count = messages.len() as u64 + pending;
        messages.retain(|message| {
            let is_next = message.sequence > last;
            last = last.max(message.sequence);
            is_next
        });
        let is_proof = standing.last >= self.goal && head.is_none_or(|head| head <= last);
        let has_reached = last > self.after && last >= self.goal;
        let is_done = has_reached || is_proof;
        let deletion = messages.iter().rfind(|message| message.is_deletion());
        let holding = Holding {
            epoch: self.epoch,
            // What a client asks for need not be there.
            last: if messages.is_empty() { standing.last } else { standing.last.max(last) },
            head: if messages.is_empty() { head } else { Some(last) },
            deletion: deletion.map(|message| message.sequence),
            holds_position,
            was_message: self.was_message,
            count,
            count_max: retention.messages_max,
            expiry,
        };
        self.short_answers = if standing.last < self.goal { self.short_answers + 1 } else { 0 };
        let is_refuted = self.short_answers > SHORT_ANSWERS_MAX;
        let gap = self.gap_before(messages.first(), &holding, is_done || is_refuted);
        if last > self.after {
            self.advance(last);
            (self.retries, self.retry_at_ms) = (0, now_ms);
        } else if !is_done {
            self.on_failed(now_ms);
        }
        Filled { gap, messages, is_done, is_refuted }
    }

    /// What is missing before the first message, or up to the goal where none is left.
    fn gap_before(&self, first: Option<&Message>, holding: &Holding, is_last: bool) -> Option<Gap> {
        let until = match first {
            // It says itself that all before it is gone.
            Some(message) if message.is_deletion() => return None,
            Some(message) => message.sequence - 1,
            None if is_last => self.goal,
            None => return None,
        };
        let position = Position { epoch: self.epoch, offset: self.after };
        match judge(position, holding) {
            Verdict::Gap(loss) if until > self.after || loss == Loss::Future => {
                Some(Gap { loss, missed: self.after + 1..=until })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
