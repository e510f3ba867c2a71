//! What a node has of one channel, as its hub would: what its mirror gave out since it joined.

use switchboard_cluster::{Body, Event, Loss};
use switchboard_hub::{Epoch, Position};

#[derive(Clone, Copy, Debug)]
pub(crate) enum Entry {
    Publication(u64),
    Deleted,
    Foreign,
    /// All up to the offset of this entry.
    Missed(Loss),
}

#[derive(Debug, Default)]
pub(crate) struct Log {
    /// None until the mirror has joined.
    pub(crate) epoch: Option<Epoch>,
    /// What follows this is here.
    pub(crate) begin: u64,
    pub(crate) head: u64,
    entries: Vec<(u64, Entry)>,
}

impl Log {
    /// The mirror says something.
    pub(crate) fn take(&mut self, event: Event) {
        match event {
            Event::Joined { epoch, at, .. } => {
                assert_eq!(self.epoch, None);
                *self = Self { epoch: Some(epoch), begin: at, head: at, entries: Vec::new() };
            }
            Event::Restarted => *self = Self::default(),
            Event::Message(message) => {
                let entry = match &message.body {
                    Body::Publication(draft) => Entry::Publication(serial_of(draft.payload())),
                    Body::Deletion => Entry::Deleted,
                    Body::Foreign(_) => Entry::Foreign,
                };
                self.push(message.sequence, entry);
            }
            Event::Missed(gap) => {
                assert!(*gap.missed.start() > self.head, "{gap:?} is not after {}", self.head);
                self.push(*gap.missed.end(), Entry::Missed(gap.loss));
            }
        }
    }

    fn push(&mut self, offset: u64, entry: Entry) {
        assert!(self.epoch.is_some() && offset > self.head, "{offset} comes after {}", self.head);
        self.head = offset;
        self.entries.push((offset, entry));
    }

    /// What comes next after an offset.
    pub(crate) fn next(&self, after: u64) -> Option<(Position, Entry)> {
        let index = self.entries.partition_point(|(offset, _)| *offset <= after);
        let (offset, entry) = self.entries.get(index).copied()?;
        Some((Position { epoch: self.epoch?, offset }, entry))
    }

    pub(crate) fn position(&self) -> Option<Position> {
        Some(Position { epoch: self.epoch?, offset: self.head })
    }
}

/// Publications are numbered, and have their numbers as payloads.
pub(crate) fn serial_of(payload: &[u8]) -> u64 {
    str::from_utf8(payload).unwrap().parse().unwrap()
}
