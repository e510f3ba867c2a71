//! Where a listener stands in its channels, and the rules for how it may go on.

use switchboard_hub::{OnGap, Position, SlowPolicy};

use crate::plan::{Plan, gap_word, is_lossy, policy};
use crate::record::Record;

/// Where a client asks to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    Now,
    Earliest,
    Latest,
    /// Behind the last publication of this second.
    Second(u64),
    /// Behind what it has seen.
    Seen,
}

/// A gap as a client is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) channel: usize,
    pub(crate) reason: String,
    pub(crate) missed: Option<(u64, u64)>,
}

/// What everybody knows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts<'a> {
    pub(crate) record: &'a Record,
    pub(crate) plan: &'a Plan,
    /// The server is not stopping, so it owes everybody an answer.
    pub(crate) is_watched: bool,
}

/// One client's way through its channels. Every step that is against the rules panics.
#[derive(Clone, Debug)]
pub(crate) struct Course {
    pub(crate) channels: Vec<String>,
    pub(crate) on_gap: OnGap,
    start: Start,
    /// What it has seen of each channel: the last position it was told, or the last publication.
    at: Vec<Option<Position>>,
    /// The same when it asked.
    asked: Vec<Option<Position>>,
    /// How far the channels were when it asked.
    heads: Vec<Option<Position>>,
    /// Plain clients: nothing has come since it asked.
    fresh: Vec<bool>,
}

impl Course {
    pub(crate) fn new(channels: Vec<String>, on_gap: OnGap) -> Self {
        let none = vec![None; channels.len()];
        Self {
            fresh: vec![true; channels.len()],
            at: none.clone(),
            asked: none.clone(),
            heads: none,
            start: Start::Now,
            on_gap,
            channels,
        }
    }

    /// It has seen something of each channel, so it can resume.
    pub(crate) fn can_resume(&self) -> bool {
        self.at.iter().all(Option::is_some)
    }

    /// What it has seen is lost: it must start over.
    pub(crate) fn forget(&mut self) {
        self.at.fill(None);
    }

    /// The position that it resumes from.
    pub(crate) fn position(&self) -> String {
        let texts: Vec<String> = self.at.iter().flatten().map(Position::to_string).collect();
        texts.join(",")
    }

    /// It asks to listen.
    pub(crate) fn ask(&mut self, start: Start, record: &Record) {
        assert!(start != Start::Seen || self.can_resume());
        if start != Start::Seen {
            self.at.fill(None);
        }
        self.start = start;
        self.asked.clone_from(&self.at);
        self.heads = self.channels.iter().map(|channel| record.head(channel)).collect();
        self.fresh.fill(true);
    }

    /// The query of its request, but for `poll`.
    pub(crate) fn query(&self) -> String {
        let gap = format!("gap={}", gap_word(self.on_gap));
        match self.start {
            Start::Now | Start::Second(_) => gap,
            Start::Earliest => format!("{gap}&since=earliest"),
            Start::Latest => format!("{gap}&since=latest"),
            Start::Seen => format!("{gap}&since={}", self.position()),
        }
    }

    pub(crate) fn start(&self) -> Start {
        self.start
    }

    /// It stands where it stood when it asked: an answer may move it.
    pub(crate) fn is_where(&self, other: &Self) -> bool {
        self.at == other.at
    }

    /// It goes where an answer led.
    pub(crate) fn follow(&mut self, other: &Self) {
        self.at.clone_from(&other.at);
    }

    /// It is told where it begins, behind these gaps.
    pub(crate) fn begin(&mut self, gaps: &[Told], ids: &[Position], facts: Facts<'_>) {
        assert_eq!(ids.len(), self.channels.len(), "one position for each channel");
        for (nth, &id) in ids.iter().enumerate() {
            let mut own = gaps.iter().filter(|gap| gap.channel == nth);
            let gap = own.next();
            assert!(own.next().is_none(), "one gap for each channel: {gaps:?}");
            self.check_begin(nth, gap, id, facts);
            self.at[nth] = Some(id);
        }
    }

    fn check_begin(&self, nth: usize, gap: Option<&Told>, id: Position, facts: Facts<'_>) {
        let channel = &self.channels[nth];
        let context = || format!("{channel} at {id} of {self:?}, told {gap:?}");
        assert!(facts.record.reaches(channel, id), "nothing was published there: {}", context());
        let (asked, head) = (self.asked[nth], self.heads[nth]);
        let same_life = head.is_some_and(|head| head.epoch == id.epoch);
        let from_head = || !same_life || head.is_some_and(|head| id.offset >= head.offset);
        match (self.start, gap) {
            (Start::Seen, gap) => {
                let asked = asked.unwrap();
                match gap {
                    None => assert_eq!(id, asked, "{}", context()),
                    Some(gap) => {
                        self.check_gap(gap, asked, id, facts);
                        let at_head = self.on_gap == OnGap::Earliest || from_head();
                        assert!(at_head, "{}", context());
                    }
                }
            }
            (Start::Now, None) => assert!(from_head(), "{}", context()),
            (Start::Latest, None) => {
                let newest = head.map_or(id, |head| facts.record.place_before(channel, head));
                assert!(!same_life || id.offset >= newest.offset, "{}", context());
            }
            (Start::Earliest | Start::Second(_), None) => {}
            (Start::Second(_), Some(Told { missed: None, reason, .. })) => {
                assert_eq!(reason, "evicted", "{}", context());
            }
            // A poll that was held, and lost its place before it was served.
            (_, Some(gap)) => {
                assert!(!facts.plan.is_roomy(), "a gap where none can be: {}", context());
                let (first, last) = gap.missed.unwrap();
                assert!(first <= last && last == id.offset, "{}", context());
            }
        }
    }

    /// A gap names exactly what lies between what was seen and where it goes on.
    fn check_gap(&self, gap: &Told, seen: Position, id: Position, facts: Facts<'_>) {
        let channel = &self.channels[gap.channel];
        let context = || format!("{channel}: {gap:?} between {seen} and {id}, {:?}", facts.plan);
        match gap.reason.as_str() {
            "epoch" => {
                assert_ne!(seen.epoch, id.epoch, "{}", context());
                assert!(!facts.plan.is_roomy(), "{}", context());
                assert_eq!(gap.missed, None, "{}", context());
            }
            "evicted" | "slow" => {
                assert_eq!(seen.epoch, id.epoch, "{}", context());
                assert_eq!(gap.missed, Some((seen.offset + 1, id.offset)), "{}", context());
                assert!(seen.offset < id.offset, "{}", context());
                let newer = facts.record.count_after(channel, seen);
                let is_lost = facts.plan.kept.is_none_or(|kept| newer > kept);
                assert!(is_lost || gap.reason == "slow", "it is kept: {}", context());
            }
            _ => panic!("nobody asks for the future: {}", context()),
        }
    }

    /// It gets a publication, and is told that it stands at `ids` with it.
    pub(crate) fn deliver(&mut self, ids: &[Position], nth: usize, serial: u64, record: &Record) {
        let position = record.position(serial);
        assert_eq!(position, Some(ids[nth]), "{serial} of {}", self.channels[nth]);
        let context = || format!("{serial} with {ids:?} after {self:?}");
        assert_eq!(ids.len(), self.at.len(), "{}", context());
        for (at, (id, seen)) in ids.iter().zip(&self.at).enumerate() {
            let own = at == nth;
            let before = if own { record.place_before(&self.channels[nth], *id) } else { *id };
            assert_eq!(*seen, Some(before), "{}", context());
        }
        self.at[nth] = position;
    }

    /// It is told on the way that it missed something.
    pub(crate) fn lag(&mut self, gap: &Told, ids: &[Position], facts: Facts<'_>) {
        let (nth, channel) = (gap.channel, &self.channels[gap.channel]);
        assert_eq!(gap.reason, "slow", "{channel}");
        assert_ne!(policy(channel), SlowPolicy::Disconnect, "{channel}");
        assert!(!facts.plan.is_roomy(), "{channel}: nobody is slow");
        self.check_gap(gap, self.at[nth].unwrap(), ids[nth], facts);
        for (at, id) in ids.iter().enumerate().filter(|(at, _)| *at != nth) {
            assert_eq!(self.at[at], Some(*id), "{}", self.channels[at]);
        }
        self.at[nth] = Some(ids[nth]);
    }

    /// A plain client gets a publication: all it knows is what it is.
    pub(crate) fn deliver_plain(&mut self, nth: usize, serial: u64, facts: Facts<'_>) {
        let position = facts.record.position(serial).unwrap();
        let channel = &self.channels[nth];
        let context = || format!("{channel}: {position} after {self:?}");
        let goes_on = |seen: Position| {
            let misses = facts.record.place_before(channel, position) != seen;
            !misses || (is_lossy(channel) && !facts.plan.is_roomy())
        };
        if !self.fresh[nth] {
            let seen = self.at[nth].unwrap();
            assert!(goes_on(seen), "{}", context());
            assert!(seen.epoch == position.epoch && seen.offset < position.offset, "{}", context());
        } else if self.start == Start::Seen {
            assert!(goes_on(self.asked[nth].unwrap()), "{}", context());
        } else if let (Start::Now, Some(head)) = (self.start, self.heads[nth]) {
            let is_new = head.epoch != position.epoch || head.offset < position.offset;
            assert!(is_new, "{}", context());
        }
        self.fresh[nth] = false;
        self.at[nth] = Some(position);
    }

    /// Whether a plain client may be told that what it asked for is lost.
    pub(crate) fn check_lost(&self, facts: Facts<'_>) {
        assert_eq!(self.start, Start::Seen);
        let lost = self.channels.iter().zip(&self.asked).any(|(channel, asked)| {
            let asked = asked.unwrap();
            let newest = facts.record.head(channel);
            let evicted = facts.plan.kept.is_none_or(|kept| {
                newest.is_none_or(|_| facts.record.count_after(channel, asked) > kept)
            });
            !is_lossy(channel) && (evicted || newest.is_none_or(|head| head.epoch != asked.epoch))
        });
        assert!(lost, "closed with 4010 for nothing: {self:?}");
    }

    /// The channels of which it has not seen the end.
    pub(crate) fn missing(&self, record: &Record) -> Vec<&str> {
        let ends = self.channels.iter().zip(&self.at);
        let missing = ends.filter(|(channel, at)| **at != record.head(channel));
        missing.map(|(channel, _)| channel.as_str()).collect()
    }
}
