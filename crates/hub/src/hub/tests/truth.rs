//! What all must agree on, kept apart from the hubs and by other means than theirs.

use std::collections::HashMap;

use super::*;
use crate::{Begin, Epoch, Gap, GapReason, OnGap, Start};

/// A publication as its home made it.
struct Made {
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
        let (made, head) = (stream.len() as u64, channel.log.head());
        assert!(head == made || head == made + 1, "a stream went back or forward by itself");
        if head > made {
            let kept = if channel.log.is_empty() { Vec::new() } else { channel.log.to_vec(head) };
            // What the budget took at once has an unknown cost.
            let cost_bytes = kept.first().map_or(0, |newest| newest.cost_bytes());
            stream.push(Made { time_ms: now_ms, cost_bytes });
        }
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
        let made = &self.streams[&(name.clone(), epoch)][position.offset as usize - 1];
        assert_eq!(publication.time_ms(), made.time_ms);
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
        let first = self.history_first(hub, now_ms, index);
        let name = hub.name(index).unwrap();
        let stand = hub.position(index).unwrap();
        let unknown = Vec::new();
        let stream = self.streams.get(&(name.clone(), stand.epoch)).unwrap_or(&unknown);
        assert_eq!(begin, expected(stream, first, stand, start, on_gap), "{start:?}");
        begin
    }

    /// The first offset that a new subscriber can have: by the rules, except for what a budget
    /// took.
    pub(super) fn history_first(&self, hub: &Hub, now_ms: u64, index: u32) -> u64 {
        let channel = &hub.table[index];
        let rules = &hub.rules[channel.namespace];
        let first = channel.log.history_first(now_ms, rules.history_ttl_ms);
        let stream = self.streams.get(&(channel.name.clone(), channel.epoch));
        let head = channel.log.head();
        let mut by_rules = head + 1;
        let (mut count, mut bytes) = (0, 0);
        for made in stream.iter().flat_map(|stream| &stream[..head as usize]).rev() {
            count += 1;
            bytes += made.cost_bytes;
            let over = count > rules.history.publications
                || (bytes > rules.history.bytes && count > 1)
                || made.time_ms + rules.history_ttl_ms <= now_ms;
            if over {
                break;
            }
            by_rules -= 1;
        }
        assert!(first >= by_rules, "more is given than the rules allow");
        assert!(first == by_rules || !self.whole, "less is given than the rules promise");
        first
    }
}

/// Where a subscriber begins in a stream whose history starts at `first`.
fn expected(stream: &[Made], first: u64, stand: Position, start: &Start, on_gap: OnGap) -> Begin {
    let (before, head) = (first - 1, stand.offset);
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
        Start::Latest => after(head - 1),
        Start::After(position) if position.epoch != stand.epoch => lost(GapReason::Epoch, None),
        Start::After(position) if position.offset > head => lost(GapReason::Future, None),
        Start::After(position) => after(position.offset),
        Start::AfterSecond(second) => {
            let older = stream[..head as usize].iter().take_while(|m| m.time_ms / 1000 <= second);
            let older = older.count() as u64;
            if older < before { lost(GapReason::Evicted, None) } else { after(older) }
        }
    }
}
