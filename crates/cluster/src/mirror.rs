//! One channel on one node: what the engine repeats, put into order.
//!
//! The engine repeats each message once, to whoever listens, and nobody notices what gets lost on the way.
//! So a mirror looks at each message's predecessor, reads from the stream what it has not seen, and is told
//! now and then what the channel's newest message is. It gives each message out once, in order, or says what
//! is missed. It keeps no history: that is the hub's log, as on a single node.

use switchboard_hub::Epoch;

use crate::buffer::{Buffer, BufferBounds};
use crate::checks::Mark;
use crate::fill::{Fetch, Fetched, Fill, Gap, Standing};
use crate::resume::{Expiry, Loss};
use crate::{Message, Retention};

/// What a mirror says about its channel, in this order.
#[derive(Debug)]
pub enum Event {
    /// What follows this offset comes from now on. The first event, and the first after
    /// [`Restarted`](Event::Restarted).
    Joined {
        /// The stream's epoch.
        epoch: Epoch,
        /// The channel's newest message, or where nothing of it is held, the newest of the stream.
        at: u64,
        /// There is a message of the channel at this offset.
        is_message: bool,
    },
    /// The next message. A [`Deletion`](crate::Body::Deletion) also says that all before it is gone, and a
    /// [`Foreign`](crate::Body::Foreign) one has an offset and nothing else.
    Message(Message),
    /// Something before the next message will not come.
    Missed(Gap),
    /// The stream was lost, and this is another one. All that was not given out is missed.
    Restarted,
}

/// The bounds of a mirror and what it must know of its stream.
#[derive(Clone, Copy, Debug)]
pub struct MirrorRules {
    /// What the stream keeps.
    pub retention: Retention,
    /// What a mirror keeps while it waits for what came before.
    pub buffer: BufferBounds,
    /// How many messages it fetches at once.
    pub fetch_batch: u32,
}

impl Default for MirrorRules {
    /// At most 256 messages and 1 MiB are kept, and 100 fetched.
    fn default() -> Self {
        Self {
            retention: Retention::default(),
            buffer: BufferBounds { messages: 256, bytes: 1 << 20 },
            fetch_batch: 100,
        }
    }
}

/// What a mirror goes by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Circumstances<'a> {
    /// This node's monotonic clock.
    pub(crate) now_ms: u64,
    /// The stream's epoch.
    pub(crate) epoch: Epoch,
    pub(crate) rules: &'a MirrorRules,
}

/// What a mirror asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    /// The channel's newest message, of the leader.
    Head,
    /// Messages.
    Fetch(Fetch),
}

/// One channel on one node.
#[derive(Debug)]
pub(crate) struct Mirror {
    /// All up to here was given out, or announced as missed.
    head: u64,
    /// The newest message of the channel that is known to have been stored.
    known: u64,
    /// When the channel was last seen to have nothing newer than `head`, by this node's clock. A leader that was
    /// deposed in that moment and had not noticed may have been wrong: where the engine's word is not enough, a
    /// message that was lost on the way and expires before the next check is missed unseen.
    verified_ms: u64,
    /// There was a message at `head`.
    head_is_message: bool,
    /// A request is under way.
    is_asking: bool,
    behind: Option<Box<Behind>>,
}

/// What a mirror has that is not at the head.
#[derive(Debug)]
struct Behind {
    buffer: Buffer,
    /// None until the mirror has joined.
    fill: Option<Fill>,
    retry_at_ms: u64,
}

impl Mirror {
    /// Of a channel that this node has subscribed to: its messages arrive, and it asks for its head.
    pub(crate) fn new() -> Self {
        let behind = Behind { buffer: Buffer::default(), fill: None, retry_at_ms: 0 };
        Self {
            head: 0,
            known: 0,
            verified_ms: 0,
            head_is_message: false,
            is_asking: false,
            behind: Some(Box::new(behind)),
        }
    }

    /// When it wants something. None while it wants nothing or waits for an answer.
    pub(crate) fn due_ms(&self) -> Option<u64> {
        let behind = self.behind.as_ref().filter(|_| !self.is_asking)?;
        Some(behind.fill.as_ref().map_or(behind.retry_at_ms, Fill::due_ms))
    }

    /// What it asks for. It must be told of the answer or that there is none before it asks again.
    pub(crate) fn ask(&mut self, rules: &MirrorRules) -> Option<Want> {
        let behind = self.behind.as_ref().filter(|_| !self.is_asking)?;
        self.is_asking = true;
        Some(
            behind
                .fill
                .as_ref()
                .map_or(Want::Head, |fill| Want::Fetch(fill.fetch(rules.fetch_batch))),
        )
    }

    /// What it asked for has not been answered.
    pub(crate) fn on_failed(&mut self, now_ms: u64) {
        self.is_asking = false;
        let Some(behind) = &mut self.behind else { return };
        match &mut behind.fill {
            Some(fill) => fill.on_failed(now_ms),
            None => behind.retry_at_ms = now_ms + HEAD_RETRY_MS,
        }
    }

    /// The channel's newest message, as the leader knew it after this node had subscribed. `asked_ms`: when it
    /// was asked.
    pub(crate) fn on_head(
        &mut self,
        given: &Circumstances<'_>,
        asked_ms: u64,
        (standing, head): (Standing, Option<u64>),
        out: &mut Vec<Event>,
    ) {
        self.is_asking = false;
        if !self.is_joining() {
            return;
        }
        self.head = head.unwrap_or(standing.last);
        self.head_is_message = head.is_some();
        self.verified_ms = asked_ms;
        let (epoch, at, is_message) = (given.epoch, self.head, self.head_is_message);
        out.push(Event::Joined { epoch, at, is_message });
        self.known = self.known.max(self.head);
        self.catch_up(given, out);
    }

    /// A message that the engine repeated: in any order, and any number of times.
    pub(crate) fn on_republished(
        &mut self,
        given: &Circumstances<'_>,
        message: Message,
        previous: u64,
        out: &mut Vec<Event>,
    ) {
        if message.sequence <= self.head && !self.is_joining() {
            return;
        }
        self.known = self.known.max(message.sequence);
        if self.behind.is_none() {
            if self.follows(given, previous) {
                return self.give_out(message, out);
            }
            self.fall_behind(given.epoch);
        }
        if let Some(behind) = &mut self.behind {
            behind.buffer.insert(message, previous, &given.rules.buffer);
        }
        if !self.is_joining() {
            self.catch_up(given, out);
        }
    }

    /// What was fetched, of this mirror's epoch.
    pub(crate) fn on_fetched(
        &mut self,
        given: &Circumstances<'_>,
        fetched: Fetched,
        out: &mut Vec<Event>,
    ) {
        self.is_asking = false;
        if self.is_joining() {
            return;
        }
        // What came meanwhile may have filled the gap already, but this may know of the next one.
        self.known = self.known.max(fetched.head.unwrap_or_default());
        if self.behind.is_none() && self.known > self.head {
            self.fall_behind(given.epoch);
        }
        let (expiry, retention) = (self.expiry(given), &given.rules.retention);
        let Some(fill) = self.behind.as_mut().and_then(|behind| behind.fill.as_mut()) else {
            return;
        };
        let filled = fill.on_fetched(given.now_ms, fetched, (retention, expiry));
        let is_empty = filled.messages.is_empty();
        out.extend(filled.gap.clone().filter(|_| !is_empty).map(Event::Missed));
        for message in filled.messages {
            self.give_out(message, out);
        }
        if filled.is_refuted {
            // Nobody else has heard of it, so nothing is missed.
            self.known = self.head;
        } else if filled.is_done && self.head < self.known {
            self.miss_until_known(filled.gap.filter(|_| is_empty), expiry, out);
        }
        self.catch_up(given, out);
    }

    /// What the channel's newest message is, as some replica knows it. `mark`: it knows all that the leader knew
    /// then.
    pub(crate) fn on_checked(
        &mut self,
        given: &Circumstances<'_>,
        newest: Option<u64>,
        mark: Option<Mark>,
        out: &mut Vec<Event>,
    ) {
        if self.is_joining() {
            return;
        }
        if let Some(newest) = newest.filter(|newest| *newest > self.known) {
            self.known = newest;
            match self.behind.as_mut().and_then(|behind| behind.fill.as_mut()) {
                Some(fill) => fill.raise_goal(newest),
                None => self.fall_behind(given.epoch),
            }
        }
        let Some(mark) = mark.filter(|_| self.behind.is_none()) else { return };
        let is_at_head = newest == Some(self.head) || mark.last <= self.head;
        if !is_at_head && self.expiry(given) == Expiry::Possible {
            // What is not held any more may have had successors that are not held either.
            let missed = self.head + 1..=mark.last;
            out.push(Event::Missed(Gap { loss: Loss::Expired, missed }));
            (self.head, self.known, self.head_is_message) = (mark.last, mark.last, false);
        }
        self.verified_ms = self.verified_ms.max(mark.at_ms);
    }

    /// The stream is another one.
    pub(crate) fn restart(&mut self, out: &mut Vec<Event>) {
        if !self.is_joining() {
            out.push(Event::Restarted);
        }
        *self = Self::new();
    }

    fn is_joining(&self) -> bool {
        self.behind.as_ref().is_some_and(|behind| behind.fill.is_none())
    }

    fn fall_behind(&mut self, epoch: Epoch) {
        let fill = Fill::new(epoch, self.head, self.head_is_message, self.known);
        self.behind =
            Some(Box::new(Behind { buffer: Buffer::default(), fill: Some(fill), retry_at_ms: 0 }));
    }

    /// Gives out what is in the buffer and follows, and is at the head if nothing is missing then.
    fn catch_up(&mut self, given: &Circumstances<'_>, out: &mut Vec<Event>) {
        let Some(mut behind) = self.behind.take() else { return };
        behind.buffer.drop_until(self.head);
        while let Some(previous) = behind.buffer.first_previous()
            && self.follows(given, previous)
            && let Some(message) = behind.buffer.pop()
        {
            self.give_out(message, out);
        }
        if self.head >= self.known {
            return;
        }
        if let Some(fill) = &mut behind.fill {
            if fill.after() < self.head {
                fill.advance(self.head);
            }
            fill.raise_goal(self.known);
        } else {
            let (after, is_message) = (self.head, self.head_is_message);
            behind.fill = Some(Fill::new(given.epoch, after, is_message, self.known));
        }
        self.behind = Some(behind);
    }

    fn give_out(&mut self, message: Message, out: &mut Vec<Event>) {
        self.head = message.sequence;
        self.head_is_message = true;
        self.known = self.known.max(self.head);
        out.push(Event::Message(message));
    }

    /// Whether a message comes right after the head. One without a predecessor does where all that may have
    /// been between them would still be held, and would be its predecessor.
    fn follows(&self, given: &Circumstances<'_>, previous: u64) -> bool {
        if previous > 0 {
            return previous <= self.head;
        }
        match self.expiry(given) {
            Expiry::Never => !self.head_is_message,
            Expiry::NotSince => true,
            Expiry::Possible => false,
        }
    }

    /// What may have expired of what came after the head: it came after the channel was last seen to have nothing newer.
    fn expiry(&self, given: &Circumstances<'_>) -> Expiry {
        let age_ms = given.now_ms.saturating_sub(self.verified_ms);
        match given.rules.retention.lifetime_ms {
            None => Expiry::Never,
            Some(lifetime_ms) if age_ms < lifetime_ms => Expiry::NotSince,
            Some(_) => Expiry::Possible,
        }
    }

    /// The stream holds nothing of the channel between the head and what is known to have been stored.
    fn miss_until_known(&mut self, gap: Option<Gap>, expiry: Expiry, out: &mut Vec<Event>) {
        let loss = match expiry {
            Expiry::Never => Loss::Deleted,
            Expiry::NotSince | Expiry::Possible => Loss::Expired,
        };
        let loss = gap.map_or(loss, |gap| gap.loss);
        out.push(Event::Missed(Gap { loss, missed: self.head + 1..=self.known }));
        (self.head, self.head_is_message) = (self.known, true);
    }
}

/// The wait between two questions for a head, where there was no answer.
const HEAD_RETRY_MS: u64 = 200;

#[cfg(test)]
mod tests;
