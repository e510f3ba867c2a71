//! What all must agree on, kept apart from the hubs and by other means than theirs.

use std::collections::HashMap;

use super::*;
use crate::{Begin, Epoch, Gap, GapReason, OnGap, Start};

/// A publication as its home made it.
struct Made {
    offset: u64,
    time_ms: u64,
    /// At most what it costs.
    cost_bytes: usize,
}

#[derive(Default)]
pub(super) struct Truth {
    /// Which payload is at which place of which stream.
    payloads: HashMap<(ChannelName, Position), Vec<u8>>,
    streams: HashMap<(ChannelName, Epoch), Vec<Made>>,
    /// Positions where listeners left.
    remembered: HashMap<ChannelName, Vec<Position>>,
    /// No budget has taken anything from a history.
    pub(super) whole: bool,
    /// No bound can be reached, so nobody may lag.
    pub(super) roomy: bool,
}

impl Truth {
    pub(super) fn new(roomy: bool) -> Self {
        Self { whole: true, roomy, ..Self::default() }
    }

    /// Looks at what the home of a channel has made since the last time, at most one publication.
    pub(super) fn watch(&mut self, home: &Hub, now_ms: u64, name: &ChannelName) {
        let Some(index) = home.find(name) else { return };
        let channel = &home.table[index];
        let stream = self.streams.entry((name.clone(), channel.epoch)).or_default();
        let (last, head) = (stream.last().map_or(0, |made| made.offset), channel.log().head());
        let skip_max = u64::from(home.limits.offset_skip_max);
        assert!(last <= head && head <= last + 1 + skip_max, "a stream moved by itself");
        if head > last {
            let kept = channel.log().to_vec(channel.log().before_newest());
            // What the budget took at once has an unknown cost.
            let cost_bytes = kept.first().map_or(0, |newest| newest.cost_bytes());
            stream.push(Made { offset: head, time_ms: now_ms, cost_bytes });
        }
    }

    /// The offset of the publication that follows a position.
    pub(super) fn next_after(&self, name: &ChannelName, at: Position) -> Option<u64> {
        let stream = self.streams.get(&(name.clone(), at.epoch))?;
        stream.iter().map(|made| made.offset).find(|offset| *offset > at.offset)
    }

    pub(super) fn publications(&self) -> u64 {
        self.streams.values().map(|stream| stream.len() as u64).sum()
    }

    pub(super) fn check(&mut self, name: &ChannelName, epoch: Epoch, publication: &Publication) {
        let payload = publication.payload().to_vec();
        let channel = payload.split(|&byte| byte == b'/').next().unwrap();
        assert_eq!(channel, name.as_str().as_bytes(), "a publication of a foreign channel");
        let position = Position { epoch, offset: publication.offset() };
        assert_eq!(publication.position(), position);
        let stream = &self.streams[&(name.clone(), epoch)];
        let made = stream.iter().find(|made| made.offset == position.offset);
        assert_eq!(Some(publication.time_ms()), made.map(|made| made.time_ms));
        let known = self.payloads.entry((name.clone(), position));
        let known = known.or_insert_with(|| payload.clone());
        assert_eq!(*known, payload, "two payloads at {position}");
    }

    pub(super) fn remember(&mut self, name: &ChannelName, at: Option<Position>) {
        self.remembered.entry(name.clone()).or_default().extend(at);
    }

    pub(super) fn remembered(&self, name: &ChannelName, nth: usize) -> Option<Position> {
        let positions = self.remembered.get(name).filter(|positions| !positions.is_empty())?;
        Some(positions[nth % positions.len()])
    }

    /// Asks a hub where a subscriber begins, and checks the answer.
    pub(super) fn begin(
        &self,
        hub: &Hub,
        now_ms: u64,
        index: u32,
        (start, on_gap): (&Start, OnGap),
    ) -> Begin {
        let begin = hub.begin(now_ms, index, start, on_gap).expect("the home has answered");
        let before = self.history_before(hub, now_ms, index);
        let name = hub.name(index).unwrap();
        let stand = hub.position(index).unwrap();
        let unknown = Vec::new();
        let stream = self.streams.get(&(name.clone(), stand.epoch)).unwrap_or(&unknown);
        assert_eq!(begin, expected(stream, before, stand, start, on_gap), "{start:?}");
        begin
    }

    /// Where a new subscriber can begin at the earliest: by the rules, except for what a budget took.
    pub(super) fn history_before(&self, hub: &Hub, now_ms: u64, index: u32) -> u64 {
        let channel = &hub.table[index];
        let rules = &hub.rules[channel.namespace];
        let before = channel.log().history_before(now_ms, rules.history_ttl_ms);
        let stream = self.streams.get(&(channel.name.clone(), channel.epoch));
        let head = channel.log().head();
        let mut by_rules = head;
        let (mut count, mut bytes) = (0, 0);
        let known = stream.into_iter().flatten().filter(|made| made.offset <= head);
        for made in known.collect::<Vec<_>>().into_iter().rev() {
            by_rules = made.offset;
            count += 1;
            bytes += made.cost_bytes;
            let over = count > rules.history.publications
                || (bytes > rules.history.bytes && count > 1)
                || made.time_ms + rules.history_ttl_ms <= now_ms;
            if over {
                break;
            }
            by_rules = 0;
        }
        assert!(before >= by_rules, "more is given than the rules allow");
        assert!(before == by_rules || !self.whole, "less is given than the rules promise");
        before
    }
}

/// Where a subscriber begins in a stream whose history starts behind `before`.
fn expected(stream: &[Made], before: u64, stand: Position, start: &Start, on_gap: OnGap) -> Begin {
    let head = stand.offset;
    let known = || stream.iter().take_while(|made| made.offset <= head);
    let lost = |reason, missed_first: Option<u64>| {
        let cursor = if on_gap == OnGap::Now { head } else { before };
        let missed = missed_first.map(|missed_first| missed_first..=cursor);
        Begin { cursor, gap: Some(Gap { reason, missed }) }
    };
    let after = |cursor: u64| match cursor {
        _ if cursor >= before => Begin { cursor, gap: None },
        _ => lost(GapReason::Evicted, Some(cursor + 1)),
    };
    match *start {
        Start::Now => after(head),
        Start::Earliest => after(before),
        Start::Latest if before == head => after(head),
        Start::Latest => after(second_last(known().map(|made| made.offset)).max(before)),
        Start::After(position) if position.epoch != stand.epoch => lost(GapReason::Epoch, None),
        Start::After(position) if position.offset > head => lost(GapReason::Future, None),
        Start::After(position) => after(position.offset),
        Start::AfterOffset(offset) if offset > head => lost(GapReason::Future, None),
        Start::AfterOffset(offset) => after(offset),
        Start::WithoutHistory(position) => Begin {
            cursor: head,
            gap: (position != stand).then_some(Gap { reason: GapReason::Right, missed: None }),
        },
        Start::AfterSecond(second) => {
            let older = known().take_while(|made| made.time_ms / 1000 <= second).last();
            let older = older.map_or(0, |made| made.offset);
            if older < before { lost(GapReason::Evicted, None) } else { after(older) }
        }
    }
}

fn second_last(offsets: impl Iterator<Item = u64>) -> u64 {
    offsets.fold((0, 0), |(_, last), offset| (last, offset)).0
}
