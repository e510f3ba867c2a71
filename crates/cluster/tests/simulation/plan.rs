//! What a run is made of.

use switchboard_cluster::{
    BufferBounds, Layout, MirrorRules, PartitionRules, Prefix, PublishingRules, Retention, Subjects,
};
use switchboard_hub::ChannelName;

/// Spread over two streams and their buckets.
pub(crate) const CHANNELS: [&str; 5] = ["a", "b.c", "*", "ä ö", "_epoch"];

/// A bug that the simulation must find: in the engine, or in how a node hands things on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Planted {
    Nothing,
    /// The engine stores what it has stored already.
    DedupeOff,
    /// The engine forgets ids before a node stops sending them.
    DuplicateWindowShort,
    /// A node gives what it sends again a new id.
    RetriesWithOtherIds,
    /// A node takes any message for the next one.
    GapsUnseen,
    /// A node never looks for what it has not heard of.
    ChecksOff,
    /// A node takes what any replica says for all there is.
    ReplicasTrusted,
    /// A node does not see that a stream is another one.
    EpochUnseen,
    /// A node says that a resume is complete whatever the stream holds.
    ResumesUnjudged,
}

/// What may happen in a run.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) planted: Planted,
    pub(crate) steps: usize,
    pub(crate) clients: usize,
    /// Of messages that the engine repeats, in percent.
    pub(crate) loss: usize,
    pub(crate) duplicates: usize,
    pub(crate) delay_ms: usize,
    /// A leader that was deposed may answer as if it were not.
    pub(crate) deposed: bool,
    /// Streams are lost with all that is in them.
    pub(crate) streams_end: bool,
    pub(crate) deletions: bool,
    pub(crate) retention: Retention,
    pub(crate) buffered_max: usize,
}

impl Plan {
    /// Everything is kept, and all that can fail does.
    pub(crate) fn roomy() -> Self {
        Self {
            planted: Planted::Nothing,
            steps: 250,
            clients: 6,
            loss: 10,
            duplicates: 10,
            delay_ms: 60,
            deposed: true,
            streams_end: false,
            deletions: false,
            retention: Retention { messages_max: 10_000, lifetime_ms: None },
            buffered_max: 50,
        }
    }

    /// Hardly anything is kept, in the streams and while a gap is filled.
    pub(crate) fn scarce() -> Self {
        Self {
            deletions: true,
            retention: Retention { messages_max: 3, lifetime_ms: None },
            buffered_max: 2,
            ..Self::roomy()
        }
    }

    /// Messages expire.
    pub(crate) fn fleeting() -> Self {
        let retention = Retention { messages_max: 8, lifetime_ms: Some(5_000) };
        // A deposed leader is trusted in what has expired: `Mirror::verified_ms` says why.
        Self { deposed: false, deletions: true, retention, ..Self::roomy() }
    }

    /// Streams are lost.
    pub(crate) fn ruinous() -> Self {
        Self { streams_end: true, deletions: true, ..Self::roomy() }
    }

    pub(crate) fn with(self, planted: Planted) -> Self {
        Self { planted, ..self }
    }

    pub(crate) fn partition_rules(&self) -> PartitionRules {
        let buffer = BufferBounds { messages: self.buffered_max, bytes: 1 << 20 };
        let mirror = MirrorRules { retention: self.retention, buffer, fetch_batch: 3 };
        PartitionRules { mirror, requests_max: 4, request_timeout_ms: 500 }
    }

    /// How long the engine knows an id.
    pub(crate) fn duplicate_window_ms(&self) -> u64 {
        match self.planted {
            Planted::DedupeOff => 0,
            Planted::DuplicateWindowShort => 200,
            _ => publishing_rules().duplicate_window_ms,
        }
    }
}

pub(crate) fn publishing_rules() -> PublishingRules {
    PublishingRules {
        retry_ms: 300,
        give_up_ms: 4_000,
        duplicate_window_ms: 8_000,
        messages_max: 20,
        ..PublishingRules::default()
    }
}

pub(crate) fn layout() -> Layout {
    Layout::new(2, 2).unwrap()
}

pub(crate) fn subjects() -> Subjects {
    Subjects::new(Prefix::default(), "default", layout())
}

pub(crate) fn channel(name: &str) -> ChannelName {
    ChannelName::new(name).unwrap()
}
