//! Conditions of publications.

/// What must hold for a publication to be made. Without any it always is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// Nothing was published in the channel under this key within the last five minutes. The publisher
    /// chooses it, and may repeat what it does not know to have happened.
    pub key: Option<Box<str>>,
    /// Nothing as new was published in the channel.
    pub version: Option<Version>,
}

impl Condition {
    /// There is something to check.
    pub fn is_some(&self) -> bool {
        self.key.is_some() || self.version.is_some()
    }
}

/// How new a publication is, as its publisher counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// It must be larger than that of the last publication that had one.
    pub number: u64,
    /// Which counting that is. Another one begins anew; an empty one goes on with the last.
    pub epoch: Box<str>,
}

impl Version {
    /// Whether a publication has something to say to those who know what was published as `last`.
    pub(crate) fn is_newer_than(&self, last: &Self) -> bool {
        let is_same = self.epoch.is_empty() || self.epoch == last.epoch;
        !is_same || self.number > last.number
    }
}
