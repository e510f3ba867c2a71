//! What of the internal API's publications one turn handles.

/// What of the internal API's publications one turn handles, so that they never keep the others of the shard
/// waiting: 10,000 of them at once would take 50 ms.
///
/// Batches and streams that wait have their turn before requests that have just arrived. So they leave a quarter to
/// requests that publish once, which would otherwise wait until a batch is through, and share the rest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TurnBudget {
    left: Amount,
    /// What batches and streams leave.
    kept: Amount,
    /// What each of them may take.
    share: Amount,
    /// How many of them had more to publish than there was room for.
    cut: u32,
}

/// So many publications, of so many bytes together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Amount {
    publications: u32,
    bytes: usize,
}

impl Amount {
    fn is_some(self) -> bool {
        self.publications > 0 && self.bytes > 0
    }

    /// The last one may be larger than what is left.
    fn take(&mut self, bytes: usize) {
        self.publications = self.publications.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    /// A part of it, never nothing.
    fn divided_by(self, by: u32) -> Self {
        let publications = (self.publications / by).max(1);
        Self { publications, bytes: (self.bytes / by as usize).max(1) }
    }
}

impl Default for TurnBudget {
    fn default() -> Self {
        WHOLE
    }
}

/// What a turn handles.
const WHOLE: TurnBudget = TurnBudget::of(Amount { publications: 256, bytes: 64 << 10 });

/// The share of a turn that has deliveries left from the one before: they come first, so that what backends
/// publish does not slow down what clients are waiting for. It is still enough for a publication of the usual
/// size in every turn, and a turn with deliveries takes 2 ms at most.
const BESIDE_DELIVERIES: TurnBudget = TurnBudget::of(Amount { publications: 16, bytes: 8 << 10 });

impl TurnBudget {
    const fn of(left: Amount) -> Self {
        let kept = Amount { publications: left.publications / 4, bytes: left.bytes / 4 };
        let share = Amount {
            publications: left.publications - kept.publications,
            bytes: left.bytes - kept.bytes,
        };
        Self { left, kept, share, cut: 0 }
    }

    /// The next turn begins. Whether deliveries are left for it.
    #[inline]
    pub(crate) fn renew(&mut self, delivers: bool) {
        if delivers || !self.is_whole() {
            self.renew_used(delivers);
        }
    }

    /// Nobody has taken anything, so nobody was cut off either. Most turns publish nothing.
    fn is_whole(&self) -> bool {
        self.left.publications == WHOLE.left.publications
            && self.share.publications == WHOLE.share.publications
    }

    fn renew_used(&mut self, delivers: bool) {
        let waiting = self.cut;
        *self = if delivers { BESIDE_DELIVERIES } else { WHOLE };
        if waiting > 1 {
            self.share = self.share.divided_by(waiting);
        }
    }

    /// This turn may still publish.
    pub(crate) fn has_room(&self) -> bool {
        self.left.is_some()
    }

    /// Takes a publication of so many bytes, which stands alone in its request; false when this turn has had
    /// its share.
    pub(crate) fn take(&mut self, bytes: usize) -> bool {
        let has_room = self.has_room();
        if has_room {
            self.left.take(bytes);
        }
        has_room
    }

    /// What one batch or stream may take in this turn.
    pub(crate) fn share(&self) -> Amount {
        self.share
    }

    /// Takes a publication of a batch or stream, and from its share. False when that or the turn has no room:
    /// then it goes on in the next turn.
    pub(crate) fn take_of(&mut self, share: &mut Amount, bytes: usize) -> bool {
        let Self { left, kept, .. } = *self;
        let has_room = left.publications > kept.publications && left.bytes > kept.bytes;
        if !has_room || !share.is_some() {
            self.cut += 1;
            return false;
        }
        share.take(bytes);
        self.left.take(bytes);
        self.left.bytes = self.left.bytes.max(kept.bytes);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_has_a_share_of_publications_and_of_bytes() {
        let mut budget = TurnBudget::default();
        assert_eq!((0..1_000).filter(|_| budget.take(1)).count(), 256);
        let mut budget = TurnBudget::default();
        assert!(budget.take(64 << 20), "a large one goes alone");
        assert!(!budget.take(0));
        let mut budget = BESIDE_DELIVERIES;
        assert_eq!((0..1_000).filter(|_| budget.take(1)).count(), 16);
        let mut budget = BESIDE_DELIVERIES;
        assert_eq!((0..1_000).filter(|_| budget.take(2 << 10)).count(), 4);
    }

    #[test]
    fn batches_leave_a_quarter() {
        let mut budget = TurnBudget::default();
        let mut share = budget.share();
        assert_eq!((0..1_000).filter(|_| budget.take_of(&mut share, 1)).count(), 192);
        assert_eq!((0..1_000).filter(|_| budget.take(1)).count(), 64);
        let mut budget = TurnBudget::default();
        let mut share = budget.share();
        assert!(budget.take_of(&mut share, 64 << 20), "a large one goes alone");
        assert!(!budget.take_of(&mut share, 1) && !budget.take_of(&mut budget.share(), 1));
        assert!(budget.take(16 << 10) && !budget.take(1));
    }

    #[test]
    fn batches_share_what_they_may_have() {
        let mut budget = TurnBudget::default();
        let mut first = budget.share();
        assert_eq!((0..1_000).filter(|_| budget.take_of(&mut first, 1)).count(), 192);
        budget.cut = 0;
        for _ in 0..3 {
            let mut other = budget.share();
            assert!(!budget.take_of(&mut other, 1), "the first had all");
        }
        budget.renew(false);
        for _ in 0..3 {
            let mut share = budget.share();
            assert_eq!((0..1_000).filter(|_| budget.take_of(&mut share, 1)).count(), 64);
        }
        let mut many = TurnBudget { cut: 1 << 20, ..budget };
        many.renew(true);
        let mut share = many.share();
        assert!(many.take_of(&mut share, 9) && !many.take_of(&mut share, 9), "never nothing");
    }
}
