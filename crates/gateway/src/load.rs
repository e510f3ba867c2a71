//! Reading the history of a channel before the hub follows it.

use std::collections::VecDeque;

use switchboard_cluster::{Body, Event, Expiry, Fetch, Fetched, Fill, Message, Retention};
use switchboard_hub::{Bounds, Epoch};

/// Messages that are fetched at once.
const BATCH: u32 = 100;
/// When a request is taken for lost.
const TIMEOUT_MS: u64 = 2_000;
/// What may come while it is read. Beyond that it is read anew.
const BEHIND_MAX: usize = 1_024;
const BEHIND_BYTES_MAX: usize = 1 << 20;

/// The history of one channel, as far as it is read.
#[derive(Debug)]
pub(crate) struct Load {
    epoch: Epoch,
    fill: Fill,
    /// The number of the request under way, and when it was made.
    asked: Option<(u64, u64)>,
    history: History,
    /// What came meanwhile, in order.
    behind: Vec<Event>,
    behind_bytes: usize,
}

/// The newest messages of a channel.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// The offset behind which they begin. None until there was a message.
    pub(crate) before: Option<u64>,
    /// When the message there was stored; 0 where that is not known.
    pub(crate) dropped_ms: u64,
    pub(crate) messages: VecDeque<Message>,
    bytes: usize,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// There is more to be read.
    More,
    /// All is read.
    Done,
    /// It is another stream.
    Elsewhere,
}

impl Load {
    /// Reads all up to the newest message, which is at `goal`.
    pub(crate) fn new(epoch: Epoch, goal: u64) -> Self {
        Self {
            epoch,
            fill: Fill::new(epoch, 0, false, goal),
            asked: None,
            history: History::default(),
            behind: Vec::new(),
            behind_bytes: 0,
        }
    }

    /// When [`ask`](Self::ask) has something to do.
    pub(crate) fn due_ms(&self) -> u64 {
        self.asked.map_or_else(|| self.fill.due_ms(), |(_, at_ms)| at_ms + TIMEOUT_MS)
    }

    /// What to ask for under this number, if it is time.
    pub(crate) fn ask(&mut self, now_ms: u64, number: u64) -> Option<Fetch> {
        if self.asked.is_some() && self.due_ms() <= now_ms {
            self.failed(now_ms);
        }
        if self.asked.is_some() || self.due_ms() > now_ms {
            return None;
        }
        self.asked = Some((number, now_ms));
        Some(self.fill.fetch(BATCH))
    }

    /// Takes the answer to the request of this number; none where it failed.
    pub(crate) fn on_answer(
        &mut self,
        now_ms: u64,
        number: u64,
        fetched: Option<Fetched>,
        (retention, bounds): (&Retention, &Bounds),
    ) -> Progress {
        if self.asked.is_none_or(|(own, _)| own != number) {
            return Progress::More;
        }
        self.asked = None;
        let Some(fetched) = fetched else {
            self.failed(now_ms);
            return Progress::More;
        };
        if fetched.standing.epoch != Some(self.epoch) {
            self.failed(now_ms);
            return Progress::Elsewhere;
        }
        // What is missing at the front is what the history does not reach back to.
        let filled = self.fill.on_fetched(now_ms, fetched, (retention, Expiry::Possible));
        for message in filled.messages {
            self.history.push(message, bounds);
        }
        if filled.is_done || filled.is_refuted { Progress::Done } else { Progress::More }
    }

    fn failed(&mut self, now_ms: u64) {
        self.asked = None;
        self.fill.on_failed(now_ms);
    }

    /// Something comes behind what is read. False where that is too much.
    pub(crate) fn push(&mut self, event: Event) -> bool {
        if let Event::Message(message) = &event {
            self.behind_bytes += message.payload_bytes();
        }
        self.behind.push(event);
        self.behind.len() <= BEHIND_MAX && self.behind_bytes <= BEHIND_BYTES_MAX
    }

    /// All up to here is read.
    pub(crate) fn after(&self) -> u64 {
        self.fill.after()
    }

    /// What was read, and what came behind it.
    pub(crate) fn finish(self) -> (Epoch, History, Vec<Event>) {
        (self.epoch, self.history, self.behind)
    }
}

impl History {
    fn push(&mut self, message: Message, bounds: &Bounds) {
        if message.is_deletion() {
            let before = Some(message.sequence);
            *self = Self { before, ..Self::default() };
            return;
        }
        self.before.get_or_insert(message.sequence - 1);
        if matches!(message.body, Body::Foreign(_)) {
            return;
        }
        self.bytes += message.payload_bytes();
        self.messages.push_back(message);
        while self.messages.len() > bounds.publications
            || (self.bytes > bounds.bytes && self.messages.len() > 1)
        {
            let Some(oldest) = self.messages.pop_front() else { break };
            self.bytes -= oldest.payload_bytes();
            (self.before, self.dropped_ms) = (Some(oldest.sequence), oldest.time_ms);
        }
    }
}

#[cfg(test)]
mod tests {
    use switchboard_cluster::Standing;
    use switchboard_hub::{Draft, Kind};

    use super::*;

    const BOUNDS: Bounds = Bounds { publications: 2, bytes: 1_000 };

    fn message(sequence: u64) -> Message {
        let body = Body::Publication(Draft::new(Kind::Text, b"x"));
        Message { sequence, time_ms: 10 * sequence, body }
    }

    fn fetched(epoch: u64, messages: Vec<Message>) -> Fetched {
        let head = messages.last().map(|message| message.sequence);
        let standing = Standing { epoch: Some(Epoch::from_random(epoch)), last: 90 };
        Fetched { standing, head, messages, pending: 0 }
    }

    fn load() -> Load {
        let mut load = Load::new(Epoch::from_random(1), 40);
        assert_eq!(load.ask(1_000, 7), Some(Fetch { from: 0, batch: BATCH }));
        load
    }

    fn answer(load: &mut Load, number: u64, fetched: Option<Fetched>) -> Progress {
        load.on_answer(1_100, number, fetched, (&Retention::default(), &BOUNDS))
    }

    fn finish(load: Load) -> (Option<u64>, u64, Vec<u64>) {
        let (_, history, _) = load.finish();
        let sequences = history.messages.iter().map(|message| message.sequence).collect();
        (history.before, history.dropped_ms, sequences)
    }

    #[test]
    fn the_newest_are_kept_and_it_is_known_where_they_begin() {
        let mut load = load();
        let all = [10, 20, 40].map(message).into();
        assert_eq!(answer(&mut load, 7, Some(fetched(1, all))), Progress::Done);
        assert_eq!(finish(load), (Some(10), 100, vec![20, 40]));
    }

    #[test]
    fn all_that_is_held_is_complete_from_before_the_first() {
        let mut load = load();
        assert_eq!(answer(&mut load, 7, Some(fetched(1, vec![message(40)]))), Progress::Done);
        assert_eq!(finish(load), (Some(39), 0, vec![40]));
    }

    #[test]
    fn a_deletion_ends_what_was_before_it() {
        let mut load = load();
        let deletion = Message { body: Body::Deletion, ..message(30) };
        let all = vec![message(20), deletion, message(40)];
        assert_eq!(answer(&mut load, 7, Some(fetched(1, all))), Progress::Done);
        assert_eq!(finish(load), (Some(30), 0, vec![40]));
    }

    #[test]
    fn only_the_answer_that_is_awaited_counts_and_a_lost_one_is_asked_for_again() {
        let mut load = load();
        let one = || Some(fetched(1, vec![message(40)]));
        assert_eq!(answer(&mut load, 6, one()), Progress::More);
        assert_eq!(load.ask(1_200, 8), None);
        assert_eq!(load.due_ms(), 3_000);
        assert_eq!(load.ask(3_000, 8), None, "it waits for a moment");
        assert_eq!(load.ask(4_000, 8).map(|fetch| fetch.from), Some(0));
        assert_eq!(answer(&mut load, 8, Some(fetched(2, vec![]))), Progress::Elsewhere);
        assert_eq!(load.ask(9_000, 9).map(|fetch| fetch.from), Some(0));
        assert_eq!(answer(&mut load, 9, None), Progress::More);
        assert_eq!(load.ask(19_000, 10).map(|fetch| fetch.from), Some(0));
        assert_eq!(answer(&mut load, 10, one()), Progress::Done);
    }

    #[test]
    fn what_comes_meanwhile_is_bounded() {
        let mut load = load();
        assert!((0..BEHIND_MAX as u64).all(|at| load.push(Event::Message(message(50 + at)))));
        assert!(!load.push(Event::Restarted));
        let mut load = self::load();
        let body = Body::Publication(Draft::new(Kind::Text, &vec![b'x'; BEHIND_BYTES_MAX + 1]));
        assert!(!load.push(Event::Message(Message { body, ..message(50) })));
    }
}
