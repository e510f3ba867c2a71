//! What was stored and acknowledged, and whether what clients saw agrees with it.

use std::collections::HashMap;

use switchboard_cluster::Loss;
use switchboard_hub::{ChannelName, Epoch, Position};

/// What a stored message of a channel is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fact {
    /// A publication, by the number in its payload.
    Publication(u64),
    Deletion,
    /// Somebody else's.
    Foreign,
}

/// The truth: every message that was ever stored. A life of a stream is a partition and a number.
#[derive(Debug, Default)]
pub(crate) struct Record {
    /// By life and channel, in order.
    channels: HashMap<(u16, u64, String), Vec<(u64, Fact)>>,
    /// How often each publication was stored in each life.
    stored: HashMap<(u16, u64, u64), u32>,
    /// Which life an epoch is.
    lives: HashMap<Epoch, (u16, u64)>,
    acknowledged: Vec<(u64, u64)>,
}

impl Record {
    pub(crate) fn note(&mut self, life: (u16, u64), channel: &str, sequence: u64, fact: Fact) {
        let key = (life.0, life.1, channel.to_owned());
        self.channels.entry(key).or_default().push((sequence, fact));
        if let Fact::Publication(serial) = fact {
            let count = self.stored.entry((life.0, life.1, serial)).or_default();
            *count += 1;
            assert_eq!(*count, 1, "publication {serial} is stored twice");
        }
    }

    pub(crate) fn note_epoch(&mut self, epoch: Epoch, life: (u16, u64)) {
        let old = self.lives.insert(epoch, life);
        assert!(old.is_none(), "an epoch came back");
    }

    pub(crate) fn note_acknowledged(&mut self, serial: u64, sequence: u64) {
        self.acknowledged.push((serial, sequence));
    }

    pub(crate) fn life(&self, epoch: Epoch) -> (u16, u64) {
        self.lives[&epoch]
    }

    /// What was stored of a channel in one life.
    pub(crate) fn facts(&self, epoch: Epoch, channel: &str) -> &[(u64, Fact)] {
        let (partition, number) = self.life(epoch);
        let facts = self.channels.get(&(partition, number, channel.to_owned()));
        facts.map_or(&[], Vec::as_slice)
    }

    /// Whether a publication is in another stream than its position says.
    fn is_in_later_life(&self, position: Position, channel: &str, serial: u64) -> bool {
        let fact = (position.offset, Fact::Publication(serial));
        if self.facts(position.epoch, channel).contains(&fact) {
            return false;
        }
        let (partition, life) = self.life(position.epoch);
        let later = self.channels.iter().filter(|(key, _)| key.0 == partition && key.1 > life);
        later.into_iter().any(|(key, facts)| key.2 == channel && facts.contains(&fact))
    }

    fn has_later_life(&self, epoch: Epoch) -> bool {
        let (partition, life) = self.life(epoch);
        self.channels.keys().any(|key| key.0 == partition && key.1 > life)
    }

    /// The publications of a channel after one sequence and up to another.
    pub(crate) fn publications(
        &self,
        channel: &str,
        after: Position,
        until: u64,
    ) -> impl Iterator<Item = (u64, u64)> {
        self.facts(after.epoch, channel).iter().filter_map(move |(sequence, fact)| match fact {
            Fact::Publication(serial) if (after.offset + 1..=until).contains(sequence) => {
                Some((*sequence, *serial))
            }
            _ => None,
        })
    }

    /// Nothing that was acknowledged is missing. (That nothing is there twice is checked when it is stored.)
    pub(crate) fn check_acknowledged(&self) {
        for (serial, sequence) in &self.acknowledged {
            let is_there = self
                .channels
                .values()
                .flatten()
                .any(|it| *it == (*sequence, Fact::Publication(*serial)));
            assert!(
                is_there,
                "publication {serial} was acknowledged at {sequence} and is not there"
            );
        }
    }

    pub(crate) fn acknowledged(&self) -> usize {
        self.acknowledged.len()
    }
}

/// A client of one channel, and how far it has come.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) channel: &'static str,
    pub(crate) name: ChannelName,
    /// The node that it listens on.
    pub(crate) node: Option<usize>,
    pub(crate) position: Option<Position>,
    /// The connections that it has had, so that what is meant for an old one is not taken by a new one.
    pub(crate) attempt: u64,
    pub(crate) received: u64,
    pub(crate) gaps: u64,
    /// Its stream has ended, and it is given what is in the next one, as the node and a publisher that do not
    /// know yet both take it for the old one. It must be told.
    is_doomed: bool,
}

impl Client {
    pub(crate) fn new(channel: &'static str) -> Self {
        Self {
            channel,
            name: crate::plan::channel(channel),
            node: None,
            position: None,
            attempt: 0,
            received: 0,
            gaps: 0,
            is_doomed: false,
        }
    }

    pub(crate) fn begin(&mut self, position: Position) {
        assert_eq!(self.position, None);
        self.position = Some(position);
    }

    /// A publication must be the next one of the stream.
    pub(crate) fn receive(&mut self, record: &Record, position: Position, serial: u64) {
        let own = self.position.unwrap();
        assert_eq!(own.epoch, position.epoch, "{self:?}");
        assert!(own.offset < position.offset, "{self:?} gets {position} again or too late");
        self.is_doomed |= record.is_in_later_life(position, self.channel, serial);
        if self.is_doomed {
            self.position = Some(position);
            return;
        }
        let facts = record.facts(own.epoch, self.channel);
        assert!(
            facts.contains(&(position.offset, Fact::Publication(serial))),
            "{self:?} gets {serial} at {position}"
        );
        let missed: Vec<_> = record.publications(self.channel, own, position.offset - 1).collect();
        assert!(missed.is_empty(), "{self:?} gets {position} and misses {missed:?}");
        self.position = Some(position);
        self.received += 1;
    }

    /// All before a deletion is gone.
    pub(crate) fn deleted(&mut self, record: &Record, position: Position) {
        let facts = record.facts(position.epoch, self.channel);
        let is_true = facts.contains(&(position.offset, Fact::Deletion));
        self.is_doomed |= !is_true && record.has_later_life(position.epoch);
        assert!(is_true || self.is_doomed, "{self:?}: {position}");
        assert!(self.position.unwrap().offset < position.offset, "{self:?}");
        self.position = Some(position);
    }

    /// Something is missed up to a sequence. The caller has looked whether it is really lost.
    pub(crate) fn miss(&mut self, loss: Loss, until: u64) {
        assert_ne!(loss, Loss::Future, "{self:?} was never told of a position that is not there");
        let own = self.position.as_mut().unwrap();
        own.offset = own.offset.max(until);
        self.gaps += 1;
    }

    /// The stream is another one.
    pub(crate) fn restart(&mut self) {
        self.position = None;
        self.is_doomed = false;
        self.gaps += 1;
    }
}
