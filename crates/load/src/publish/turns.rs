//! Several targets of publications take turns in each channel. There is one order all the same: the
//! next publication of a channel goes out when the one before was answered.

use std::collections::{HashMap, VecDeque};

use super::queue::Pending;

/// Which publication of a channel goes out when, and to which target.
#[derive(Debug)]
pub(super) struct Turns {
    targets: u32,
    /// Publishers at each target.
    publishers: u32,
    /// Channels with a publication that is due or not answered, and what waits for it, in order.
    under_way: HashMap<u32, VecDeque<Pending>>,
    waiting: usize,
    /// May go out, since nothing is before them any more.
    ready: VecDeque<Pending>,
}

impl Turns {
    pub(super) fn new(targets: u32, publishers: u32) -> Self {
        Self { targets, publishers, under_way: HashMap::new(), waiting: 0, ready: VecDeque::new() }
    }

    /// The number of the publisher that a publication is for; those of a target are all that have
    /// the same remainder.
    pub(super) fn publisher_of(&self, pending: &Pending) -> usize {
        let Pending { channel, sequence, .. } = *pending;
        let target = (u64::from(channel) + sequence - 1) % u64::from(self.targets);
        (channel % self.publishers * self.targets) as usize + target as usize
    }

    /// A publication is due.
    pub(super) fn due(&mut self, pending: Pending) {
        if let Some(waiting) = self.under_way.get_mut(&pending.channel) {
            waiting.push_back(pending);
            self.waiting += 1;
        } else {
            self.under_way.insert(pending.channel, VecDeque::new());
            self.ready.push_back(pending);
        }
    }

    /// The publication of a channel that is under way was answered, or never will be.
    pub(super) fn over(&mut self, channel: u32) {
        let Some(waiting) = self.under_way.get_mut(&channel) else { return };
        if let Some(next) = waiting.pop_front() {
            self.waiting -= 1;
            self.ready.push_back(next);
        } else {
            self.under_way.remove(&channel);
        }
    }

    /// The next publication that may go out.
    pub(super) fn next(&mut self) -> Option<Pending> {
        self.ready.pop_front()
    }

    /// Nothing is here.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting == 0 && self.ready.is_empty()
    }

    /// Takes everything that is here.
    pub(super) fn give_up(&mut self) -> Vec<Pending> {
        self.waiting = 0;
        let waiting = self.under_way.values_mut().flat_map(|waiting| waiting.drain(..));
        self.ready.drain(..).chain(waiting).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending(channel: u32, sequence: u64) -> Pending {
        Pending { channel, sequence, due_ns: 0, sent_ns: 0 }
    }

    #[test]
    fn targets_take_turns_in_each_channel() {
        let turns = Turns::new(3, 2);
        let publishers = |channel| {
            let of = |sequence| turns.publisher_of(&pending(channel, sequence));
            (1..=4).map(of).collect::<Vec<_>>()
        };
        // Those of the first target are 0 and 3.
        assert_eq!(publishers(0), [0, 1, 2, 0]);
        assert_eq!(publishers(1), [4, 5, 3, 4]);
        assert_eq!(publishers(2), [2, 0, 1, 2]);
    }

    #[test]
    fn a_publication_waits_for_the_one_before_in_its_channel() {
        let mut turns = Turns::new(2, 1);
        let ready = |turns: &mut Turns| {
            let all = std::iter::from_fn(|| turns.next());
            all.map(|one| (one.channel, one.sequence)).collect::<Vec<_>>()
        };
        for (channel, sequence) in [(7, 1), (7, 2), (7, 3), (8, 1)] {
            turns.due(pending(channel, sequence));
        }
        assert_eq!(ready(&mut turns), [(7, 1), (8, 1)]);
        turns.over(7);
        assert_eq!(ready(&mut turns), [(7, 2)]);
        assert!(!turns.is_idle(), "one waits");
        turns.over(7);
        assert!(!turns.is_idle(), "one may go out");
        assert_eq!((ready(&mut turns), turns.is_idle()), (vec![(7, 3)], true));
        // Nothing is under way after that, however often it is said.
        turns.over(7);
        turns.over(7);
        turns.due(pending(7, 4));
        assert_eq!(ready(&mut turns), [(7, 4)]);
    }

    #[test]
    fn what_waits_can_be_given_up() {
        let mut turns = Turns::new(2, 1);
        for sequence in 1..=3 {
            turns.due(pending(7, sequence));
        }
        assert_eq!(turns.give_up(), [1, 2, 3].map(|sequence| pending(7, sequence)));
        turns.over(7);
        assert!(turns.is_idle() && turns.next().is_none());
    }
}
