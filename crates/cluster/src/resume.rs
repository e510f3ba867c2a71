//! Whether a client that resumes gets everything.

use switchboard_hub::{Epoch, GapReason, Position};

/// What a stream holds of one channel, as far as it matters to a client that resumes after a position.
///
/// There is no clause about the stream's first sequence: the marker of its epoch never expires and is older
/// than nearly all else, so whatever takes messages from the front takes the marker, and the epoch with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holding {
    /// The stream's epoch.
    pub epoch: Epoch,
    /// The newest sequence of the stream, of whatever channel.
    pub last: u64,
    /// The newest sequence of the channel. None where nothing of it is held.
    pub head: Option<u64>,
    /// The newest deletion of the channel that is held.
    pub deletion: Option<u64>,
    /// The message at the position is still held.
    pub holds_position: bool,
    /// There was a message of the channel at the position. Clients only claim that there was.
    pub was_message: bool,
    /// How many messages of the channel are held that do not come before the position.
    pub count: u64,
    /// How many messages of a channel the stream holds at most.
    pub count_max: u64,
    /// What may have expired.
    pub expiry: Expiry,
}

/// Whether messages after a position may have expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// Messages of this channel have no end.
    Never,
    /// Messages end, but whatever came after the position is too young for it.
    NotSince,
    /// It cannot be told.
    Possible,
}

/// Whether a resume is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All after the position can be had.
    Complete(Proof),
    /// Something after it is lost, or may be.
    Gap(Loss),
}

/// Why nothing is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Nothing was published since.
    AtHead,
    /// The message at the position is held. The oldest go first, so all after it are held too.
    Held,
    /// Nothing that came after the position can have been dropped.
    NothingDropped,
}

/// Why something is missing, or may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// The position names another life of the stream.
    Epoch,
    /// The stream has not come that far.
    Future,
    /// The channel was deleted since.
    Deleted,
    /// Newer messages have pushed it out.
    Evicted,
    /// It was too old.
    Expired,
}

impl From<Loss> for GapReason {
    fn from(loss: Loss) -> Self {
        match loss {
            Loss::Epoch => Self::Epoch,
            Loss::Future => Self::Future,
            Loss::Deleted | Loss::Evicted | Loss::Expired => Self::Evicted,
        }
    }
}

/// Whether a client that resumes after a position gets all that was published since.
pub fn judge(position: Position, holding: &Holding) -> Verdict {
    let Position { epoch, offset } = position;
    if epoch != holding.epoch {
        return Verdict::Gap(Loss::Epoch);
    }
    if offset > holding.last {
        return Verdict::Gap(Loss::Future);
    }
    if holding.head.is_some_and(|head| head <= offset) {
        return Verdict::Complete(Proof::AtHead);
    }
    if holding.deletion.is_some_and(|deletion| deletion > offset) {
        return Verdict::Gap(Loss::Deleted);
    }
    if holding.holds_position {
        return Verdict::Complete(Proof::Held);
    }
    if holding.expiry == Expiry::Possible {
        return Verdict::Gap(Loss::Expired);
    }
    if holding.count >= holding.count_max {
        return Verdict::Gap(Loss::Evicted);
    }
    if holding.was_message && holding.expiry == Expiry::Never {
        // It neither expired nor was pushed out, so somebody removed it, and maybe more.
        return Verdict::Gap(Loss::Deleted);
    }
    Verdict::Complete(Proof::NothingDropped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn epoch() -> Epoch {
        Epoch::from_random(1)
    }

    fn at(offset: u64) -> Position {
        Position { epoch: epoch(), offset }
    }

    /// 20, 30 and 40 of at most four.
    fn holding() -> Holding {
        Holding {
            epoch: epoch(),
            last: 50,
            head: Some(40),
            deletion: None,
            holds_position: false,
            was_message: false,
            count: 3,
            count_max: 4,
            expiry: Expiry::Never,
        }
    }

    #[test]
    fn every_reason_is_given_where_it_holds() {
        use Verdict::{Complete, Gap};
        let other = Position { epoch: Epoch::from_random(2), offset: 40 };
        assert_eq!(judge(other, &holding()), Gap(Loss::Epoch));
        assert_eq!(judge(at(51), &holding()), Gap(Loss::Future));
        assert_eq!(judge(at(50), &holding()), Complete(Proof::AtHead));
        assert_eq!(judge(at(40), &holding()), Complete(Proof::AtHead));
        let deleted = Holding { deletion: Some(30), ..holding() };
        assert_eq!(judge(at(29), &deleted), Gap(Loss::Deleted));
        assert_eq!(judge(at(30), &deleted), Complete(Proof::NothingDropped));
        let held = Holding { holds_position: true, was_message: true, count: 4, ..holding() };
        assert_eq!(
            judge(at(20), &Holding { expiry: Expiry::Possible, ..held }),
            Complete(Proof::Held)
        );
        assert_eq!(judge(at(20), &Holding { deletion: Some(30), ..held }), Gap(Loss::Deleted));
        assert_eq!(judge(at(15), &holding()), Complete(Proof::NothingDropped));
        assert_eq!(judge(at(15), &Holding { count: 4, ..holding() }), Gap(Loss::Evicted));
        let maybe = Holding { expiry: Expiry::Possible, ..holding() };
        assert_eq!(judge(at(15), &maybe), Gap(Loss::Expired));
        let purged = Holding { was_message: true, ..holding() };
        assert_eq!(judge(at(15), &purged), Gap(Loss::Deleted));
        let expired = Holding { expiry: Expiry::NotSince, ..purged };
        assert_eq!(judge(at(15), &expired), Complete(Proof::NothingDropped));
        let empty = Holding { head: None, count: 0, ..holding() };
        assert_eq!(judge(at(0), &empty), Complete(Proof::NothingDropped));
        assert_eq!(
            judge(at(0), &Holding { expiry: Expiry::Possible, ..empty }),
            Gap(Loss::Expired)
        );
    }

    #[test]
    fn reasons_have_the_words_that_clients_know() {
        let reasons = [Loss::Epoch, Loss::Future, Loss::Deleted, Loss::Evicted, Loss::Expired];
        let words = reasons.map(|loss| GapReason::from(loss).as_str());
        assert_eq!(words, ["epoch", "future", "evicted", "evicted", "evicted"]);
    }

    proptest! {
        /// A channel of which the newest are kept, some of which expired or were deleted: where the verdict
        /// says complete, all after the position is held.
        #[test]
        fn complete_is_only_said_where_nothing_is_lost(
            steps in proptest::collection::vec(1_u64..4, 0..12),
            count_max in 1_u64..5,
            expired in 0_usize..6,
            deletion in proptest::option::of(0_usize..12),
            offset in 0_u64..40,
        ) {
            let published: Vec<u64> = steps.iter().scan(0, |last, step| { *last += step; Some(*last) }).collect();
            let last = published.last().copied().unwrap_or_default();
            let deletion = deletion.and_then(|index| published.get(index).copied());
            let held: Vec<u64> = {
                let kept = published.iter().filter(|sequence| deletion.is_none_or(|it| it <= **sequence));
                let kept: Vec<u64> = kept.copied().collect();
                let evicted = kept.len().saturating_sub(count_max as usize);
                kept[evicted.max(expired.min(kept.len()))..].to_vec()
            };
            let has_expired = published.iter().any(|it| *it > offset && !held.contains(it));
            let holding = Holding {
                epoch: epoch(),
                last,
                head: held.last().copied(),
                deletion: deletion.filter(|it| held.contains(it)),
                holds_position: held.contains(&offset),
                was_message: published.contains(&offset),
                count: held.iter().filter(|it| **it >= offset).count() as u64,
                count_max,
                expiry: match (expired, has_expired) {
                    (0, _) if deletion.is_none() => Expiry::Never,
                    (0, false) => Expiry::NotSince,
                    _ => Expiry::Possible,
                },
            };
            if let Verdict::Complete(_) = judge(at(offset), &holding) {
                prop_assert!(!has_expired, "{published:?} of which {held:?} are held, after {offset}");
            }
        }
    }
}
