//! One namespace: its streams, and which of their buckets this node listens to.

use std::collections::BTreeMap;

use switchboard_cluster::{
    Interest, Layout, MirrorRules, Partition, PartitionRules, Place, Prefix, Retention, Subjects,
};
use switchboard_hub::{Bounds, ChannelName, Rules};

/// How much longer a message lives than the history is to be read, so that a client that comes back to a
/// quiet channel can be told that it missed nothing.
const LIFETIME_FACTOR: u64 = 2;

/// How a namespace is shared. It must be the same on all nodes.
#[derive(Clone, Debug)]
pub struct Sharing {
    /// What names of the engine begin with.
    pub prefix: Prefix,
    /// How the channels are spread.
    pub layout: Layout,
}

impl Sharing {
    /// The subjects of a namespace; the one without a name has that of the default.
    pub fn subjects(&self, namespace: Option<&str>) -> Subjects {
        Subjects::new(self.prefix.clone(), namespace.unwrap_or(DEFAULT), self.layout)
    }

    /// What the streams of a namespace with these rules keep.
    pub fn retention(rules: &Rules) -> Retention {
        Retention {
            messages_max: rules.history.publications as u64 + 1,
            lifetime_ms: Some(rules.history_ttl_ms.saturating_mul(LIFETIME_FACTOR)),
        }
    }
}

/// The namespace without a name. No other can have this one.
const DEFAULT: &str = "default";

/// One namespace.
#[derive(Debug)]
pub(crate) struct Space {
    pub(crate) subjects: Subjects,
    pub(crate) layout: Layout,
    pub(crate) retention: Retention,
    /// What a new or resumed subscriber can begin with.
    pub(crate) history: Bounds,
    pub(crate) interest: Interest,
    pub(crate) partitions: Vec<Partition>,
    /// Channels whose bucket is not live yet.
    pub(crate) subscribing: BTreeMap<Place, Vec<ChannelName>>,
}

impl Space {
    pub(crate) fn new(sharing: &Sharing, name: Option<&str>, rules: &Rules) -> Self {
        let retention = Sharing::retention(rules);
        let mirror = MirrorRules { retention, ..MirrorRules::default() };
        let rules_of_partition = PartitionRules { mirror, ..PartitionRules::default() };
        let partitions = 0..sharing.layout.partitions();
        Self {
            subjects: sharing.subjects(name),
            layout: sharing.layout,
            retention,
            history: rules.history,
            interest: Interest::default(),
            partitions: partitions.map(|_| Partition::new(rules_of_partition)).collect(),
            subscribing: BTreeMap::new(),
        }
    }

    /// The stream of a place.
    pub(crate) fn partition(&mut self, place: Place) -> &mut Partition {
        &mut self.partitions[usize::from(place.partition)]
    }
}
