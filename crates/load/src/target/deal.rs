//! Which of several targets a connection goes to.

/// Deals connections to targets in turn, by their numbers. Connections are spread over channels in
/// turn too: where both numbers have a common divisor, some channels would have all their
/// subscribers at some of the targets. So each round over both begins one target further.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deal {
    targets: u32,
    /// Connections after which targets and channels are as at the beginning.
    round: u32,
    /// So many rounds begin differently.
    rounds: u32,
}

impl Deal {
    /// Both are at least 1, and their product fits into 32 bits.
    pub(super) fn new(targets: u32, channels: u32) -> Self {
        let rounds = common_divisor(targets, channels);
        Self { targets, round: targets / rounds * channels, rounds }
    }

    /// The number of the target of connection `number`.
    pub(super) fn target_of(self, number: u32) -> u32 {
        (number % self.targets + number / self.round % self.rounds) % self.targets
    }

    /// How many connections with smaller numbers have the same target.
    pub(super) fn rank_of(self, number: u32) -> u32 {
        // A round has whole turns only.
        number / self.targets
    }
}

/// The greatest one.
fn common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn with_one_channel_targets_take_turns() {
        let deal = Deal::new(3, 1);
        let all: Vec<u32> = (0..7).map(|number| deal.target_of(number)).collect();
        assert_eq!(all, [0, 1, 2, 0, 1, 2, 0]);
        assert!((0..9).all(|number| Deal::new(1, 4).target_of(number) == 0));
    }

    #[test]
    fn with_as_many_channels_the_turns_shift() {
        let deal = Deal::new(2, 2);
        let all: Vec<u32> = (0..8).map(|number| deal.target_of(number)).collect();
        assert_eq!(all, [0, 1, 1, 0, 0, 1, 1, 0]);
    }

    #[test]
    fn targets_and_the_subscribers_of_a_channel_are_spread_evenly() {
        for targets in 1..=7 {
            for channels in [1, 2, 3, 4, 6, 8, 12, 20] {
                let deal = Deal::new(targets, channels);
                let mut of_target = vec![0; targets as usize];
                let mut of_channel = HashMap::new();
                for number in 0..channels * targets * 3 {
                    let target = deal.target_of(number);
                    assert_eq!(deal.rank_of(number), of_target[target as usize], "{number}");
                    of_target[target as usize] += 1;
                    *of_channel.entry((number % channels, target)).or_insert(0) += 1;
                    let (least, most) = (of_target.iter().min(), of_target.iter().max());
                    assert!(most.unwrap() - least.unwrap() <= 1, "{targets} {channels} {number}");
                }
                assert_eq!(of_channel.len() as u32, channels * targets);
                assert!(of_channel.values().all(|count| *count == 3), "{targets} {channels}");
            }
        }
    }
}
