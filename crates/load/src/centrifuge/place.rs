//! Where clients stand: an offset in the life of a stream. Lives have numbers, so that a client
//! keeps four bytes of it.

use std::collections::HashMap;

/// The number of an epoch; 0 where a client cannot go on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Epoch(u32);

/// Where a client stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// Of the last publication that it has, or where it began; 0 where the channel has none.
    pub(crate) offset: u64,
    pub(crate) epoch: Epoch,
}

/// The epochs that one thread's clients have heard of.
#[derive(Debug, Default)]
pub(crate) struct Epochs {
    names: Vec<Box<str>>,
    numbers: HashMap<Box<str>, Epoch>,
}

impl Epochs {
    /// The number of an epoch.
    pub(crate) fn number(&mut self, name: &str) -> Epoch {
        if let Some(epoch) = self.numbers.get(name) {
            return *epoch;
        }
        self.names.push(name.into());
        let epoch = Epoch(self.names.len() as u32);
        self.numbers.insert(name.into(), epoch);
        epoch
    }

    /// The name of a number; none where a client cannot go on.
    fn name(&self, epoch: Epoch) -> Option<&str> {
        let at = epoch.0.checked_sub(1)?;
        self.names.get(at as usize).map(AsRef::as_ref)
    }

    /// What a client says that was at a place; none where it cannot go on.
    pub(crate) fn behind(&self, place: Place) -> Option<(u64, &str)> {
        Some((place.offset, self.name(place.epoch)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_epoch_has_one_number() {
        let mut epochs = Epochs::default();
        let (a, none, b) = (epochs.number("a"), epochs.number(""), epochs.number("b"));
        assert_eq!([epochs.number("b"), epochs.number("")], [b, none]);
        assert_eq!([a, none, b].map(|epoch| epochs.name(epoch)), [Some("a"), Some(""), Some("b")]);
        assert_eq!(epochs.behind(Place { offset: 7, epoch: a }), Some((7, "a")));
        assert_eq!(epochs.behind(Place { offset: 7, epoch: Epoch::default() }), None);
    }
}
