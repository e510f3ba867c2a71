//! A bounded number of publications in flight, however many channels there are.

use std::collections::VecDeque;

/// So many publications in flight in all channels together. Each lane takes its channels in turn,
/// and goes on to the next when its publication was answered and has reached everyone.
///
/// Channel `c` belongs to lane `c` modulo their number, so a channel has at most one publication in
/// flight, and its number is enough to find the lane.
#[derive(Debug)]
pub(crate) struct Lanes {
    all: Box<[Lane]>,
    channels: u32,
    /// Lanes with nothing in flight, in the order in which they became so.
    ready: VecDeque<u32>,
}

#[derive(Debug, Clone, Copy)]
struct Lane {
    /// The channel of the publication in flight, or of the next one.
    channel: u32,
    is_answered: bool,
    is_delivered: bool,
}

impl Lanes {
    /// `in_flight` of at least 1, and at most `channels`.
    pub(super) fn new(channels: u32, in_flight: u32) -> Self {
        let lane = |channel| Lane { channel, is_answered: false, is_delivered: false };
        Self { all: (0..in_flight).map(lane).collect(), channels, ready: (0..in_flight).collect() }
    }

    /// The channel of the next publication, if one may go out.
    pub(super) fn next(&mut self) -> Option<u32> {
        let lane = self.ready.pop_front()?;
        Some(self.all[lane as usize].channel)
    }

    /// The server has answered the publication in flight in a channel, or never will.
    pub(super) fn answered(&mut self, channel: u32) {
        self.advance(channel, |lane| lane.is_answered = true);
    }

    /// The publication in flight in a channel has reached everyone, or is given up.
    pub(super) fn delivered(&mut self, channel: u32) {
        self.advance(channel, |lane| lane.is_delivered = true);
    }

    fn advance(&mut self, channel: u32, note: impl FnOnce(&mut Lane)) {
        let count = self.all.len() as u32;
        let number = channel % count;
        let lane = &mut self.all[number as usize];
        note(lane);
        if lane.is_answered && lane.is_delivered {
            let next = lane.channel + count;
            let channel = if next < self.channels { next } else { number };
            *lane = Lane { channel, is_answered: false, is_delivered: false };
            self.ready.push_back(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(lanes: &mut Lanes) -> Vec<u32> {
        std::iter::from_fn(|| lanes.next()).collect()
    }

    #[test]
    fn a_lane_goes_on_when_its_publication_is_answered_and_delivered() {
        let mut lanes = Lanes::new(5, 2);
        assert_eq!(all(&mut lanes), [0, 1]);
        lanes.delivered(1);
        assert_eq!(lanes.next(), None);
        lanes.answered(0);
        lanes.answered(1);
        assert_eq!(all(&mut lanes), [3]);
        lanes.delivered(0);
        assert_eq!(all(&mut lanes), [2]);
    }

    #[test]
    fn lanes_take_all_channels_in_turn() {
        let mut lanes = Lanes::new(5, 2);
        let mut seen = Vec::new();
        for _ in 0..10 {
            let channel = lanes.next().unwrap();
            seen.push(channel);
            lanes.answered(channel);
            lanes.delivered(channel);
        }
        assert_eq!(seen, [0, 1, 2, 3, 4, 1, 0, 3, 2, 1]);
    }
}
