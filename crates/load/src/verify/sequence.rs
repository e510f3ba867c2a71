//! The sequence that each subscriber sees, checked number by number.
//!
//! A subscriber is due every publication that was sent after its subscription was confirmed, each
//! once and in order. One that was on its way at that moment it may get or not; from the first
//! that it gets on there must be no hole.

use std::collections::HashMap;
use std::ops::Range;

use super::{Excused, Findings, Kind};

/// A subscriber's place in its channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// The sequence number that is due next.
    pub(crate) next: u64,
    /// Something has arrived.
    pub(crate) begun: bool,
}

impl Cursor {
    /// For a subscription confirmed when `sent` publications had been sent.
    pub(crate) fn after(sent: u64) -> Self {
        Self { next: sent + 1, begun: false }
    }
}

/// What an arrival means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// The one that was due.
    InOrder,
    /// It was sent before the subscription was confirmed: a gift.
    Early,
    /// Those in between have not arrived.
    Ahead(Range<u64>),
    /// One that was missing.
    Late,
    /// It had arrived before.
    Again,
}

/// Holes of one subscriber that are remembered, to tell late ones from second ones.
const HOLES_MAX: usize = 256;

/// The verification of one thread's subscribers.
#[derive(Debug, Default)]
pub(crate) struct Verifier {
    /// What has not arrived, by the subscriber's number; only for subscribers that miss something.
    holes: HashMap<u32, Vec<Range<u64>>>,
    pub(crate) findings: Findings,
}

impl Verifier {
    /// Publication `sequence` arrived at subscriber `number` of `channel`.
    pub(crate) fn arrived(
        &mut self,
        number: u32,
        channel: u32,
        cursor: &mut Cursor,
        sequence: u64,
    ) -> Arrival {
        let next = cursor.next;
        if sequence == next {
            *cursor = Cursor { next: next + 1, begun: true };
            return Arrival::InOrder;
        }
        if sequence > next {
            *cursor = Cursor { next: sequence + 1, begun: true };
            self.remember(number, channel, next..sequence);
            return Arrival::Ahead(next..sequence);
        }
        if !cursor.begun {
            *cursor = Cursor { next: sequence + 1, begun: true };
            return Arrival::Early;
        }
        if self.fill(number, sequence) {
            self.findings.add(Kind::Reordered, 1, || {
                format!(
                    "connection {number}, channel {channel}: publication {sequence} came after {}",
                    next - 1
                )
            });
            return Arrival::Late;
        }
        self.findings.add(Kind::Duplicated, 1, || {
            format!("connection {number}, channel {channel}: publication {sequence} came again")
        });
        Arrival::Again
    }

    /// The subscriber is gone, or the run is over: what is missing now is lost. `sent` is the last
    /// publication that was due, when the end was to be seen.
    pub(crate) fn ended(
        &mut self,
        number: u32,
        channel: u32,
        cursor: Cursor,
        sent: Option<u64>,
        excused: &Excused,
    ) {
        let mut holes = self.holes.remove(&number).unwrap_or_default();
        if let Some(sent) = sent
            && sent >= cursor.next
        {
            holes.push(cursor.next..sent + 1);
        }
        for hole in holes {
            self.lose(number, channel, &hole, excused);
        }
    }

    fn lose(&mut self, number: u32, channel: u32, hole: &Range<u64>, excused: &Excused) {
        let lost = hole.end - hole.start - excused.count(channel, hole.clone());
        self.findings.add(Kind::Lost, lost, || {
            let which = if hole.end - hole.start == 1 {
                format!("publication {}", hole.start)
            } else {
                format!("publications {} to {}", hole.start, hole.end - 1)
            };
            format!("connection {number}, channel {channel}: {which} never came")
        });
    }

    fn remember(&mut self, number: u32, channel: u32, hole: Range<u64>) {
        let holes = self.holes.entry(number).or_default();
        holes.push(hole);
        if holes.len() > HOLES_MAX {
            // Whether it was excused is not known any more when it matters; so many holes are a
            // failure in any case.
            let oldest = holes.remove(0);
            self.lose(number, channel, &oldest, &Excused::default());
        }
    }

    /// Takes a number out of the holes, if it is in one.
    fn fill(&mut self, number: u32, sequence: u64) -> bool {
        let Some(holes) = self.holes.get_mut(&number) else {
            return false;
        };
        let Some(at) = holes.iter().position(|hole| hole.contains(&sequence)) else {
            return false;
        };
        let hole = holes.remove(at);
        for rest in [hole.start..sequence, sequence + 1..hole.end] {
            if !rest.is_empty() {
                holes.push(rest);
            }
        }
        if holes.is_empty() {
            self.holes.remove(&number);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets a sequence arrive at one subscriber; returns lost, duplicated, reordered.
    fn verify(subscribed_after: u64, arrivals: &[u64], sent: Option<u64>) -> (u64, u64, u64) {
        let mut verifier = Verifier::default();
        let mut cursor = Cursor::after(subscribed_after);
        for sequence in arrivals {
            verifier.arrived(7, 3, &mut cursor, *sequence);
        }
        verifier.ended(7, 3, cursor, sent, &Excused::default());
        let found = &verifier.findings;
        (found.count(Kind::Lost), found.count(Kind::Duplicated), found.count(Kind::Reordered))
    }

    #[test]
    fn each_way_to_go_wrong_is_counted_as_what_it_is() {
        for (after, arrivals, sent, expected) in [
            (0, &[1, 2, 3][..], Some(3), (0, 0, 0)),
            (0, &[], Some(3), (3, 0, 0)),
            (0, &[], None, (0, 0, 0)),
            (0, &[1, 3], Some(3), (1, 0, 0)),
            (0, &[1, 2], Some(4), (2, 0, 0)),
            (0, &[1, 2], None, (0, 0, 0)),
            (0, &[1, 1, 2, 2, 2], Some(2), (0, 3, 0)),
            (0, &[2, 1, 3], Some(3), (0, 0, 1)),
            (0, &[2, 1, 1], Some(2), (0, 1, 1)),
            (0, &[5, 3, 1, 2, 4], Some(5), (0, 0, 4)),
            (0, &[5, 3], Some(6), (4, 0, 1)),
            // Subscribed in the middle: 4 was on its way and may come or not.
            (4, &[5, 6], Some(6), (0, 0, 0)),
            (4, &[4, 5, 6], Some(6), (0, 0, 0)),
            (4, &[2, 3, 4, 5, 6], Some(6), (0, 0, 0)),
            (4, &[3, 5, 6], Some(6), (1, 0, 0)),
            (4, &[6], Some(6), (1, 0, 0)),
            (4, &[], Some(6), (2, 0, 0)),
        ] {
            assert_eq!(verify(after, arrivals, sent), expected, "{after} {arrivals:?} {sent:?}");
        }
    }

    #[test]
    fn what_is_excused_is_not_lost() {
        let excused = Excused::default();
        for sequence in [2, 5, 6] {
            excused.add(3, sequence);
        }
        excused.add(4, 3);
        let mut verifier = Verifier::default();
        let mut cursor = Cursor::after(0);
        for sequence in [1, 4] {
            verifier.arrived(7, 3, &mut cursor, sequence);
        }
        verifier.ended(7, 3, cursor, Some(6), &excused);
        assert_eq!(verifier.findings.count(Kind::Lost), 1);
        assert_eq!(
            verifier.findings.sentences(),
            [
                "1 deliveries lost, for example: connection 7, channel 3: publications 2 to 3 never came"
            ]
        );
    }

    #[test]
    fn the_memory_of_holes_is_bounded() {
        let mut verifier = Verifier::default();
        let mut cursor = Cursor::after(0);
        for sequence in (2..=2_000).step_by(2) {
            assert!(matches!(verifier.arrived(1, 0, &mut cursor, sequence), Arrival::Ahead(_)));
        }
        assert_eq!(verifier.holes[&1].len(), HOLES_MAX);
        verifier.ended(1, 0, cursor, None, &Excused::default());
        assert_eq!(verifier.findings.count(Kind::Lost), 1_000);
        assert!(verifier.holes.is_empty());
    }
}
