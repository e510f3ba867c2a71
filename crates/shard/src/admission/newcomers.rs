//! Connections whose first request is not whole yet, in the order in which they came.

use std::collections::VecDeque;

use switchboard_plane::ConnId;

/// How many of the oldest are searched for one of a certain address.
const SEARCHED_MAX: usize = 32;

/// So many entries of others are not worth a look at all of them.
const STALE_MIN: usize = 64;

/// Those that are no newcomers any more stay in the queue until they are met or are the larger part of
/// it, so that a storm of requests costs a constant amount for each.
#[derive(Debug, Default)]
pub(crate) struct Newcomers {
    queue: VecDeque<ConnId>,
    /// How many of them are.
    count: usize,
}

impl Newcomers {
    pub(crate) fn add(&mut self, id: ConnId) {
        self.queue.push_back(id);
        self.count += 1;
    }

    /// One of them is none any more.
    pub(crate) fn graduate(&mut self) {
        self.count -= 1;
    }

    /// Drops the entries of those that are none any more, if they are the larger part.
    #[inline]
    pub(crate) fn tidy(&mut self, is_newcomer: impl Fn(ConnId) -> bool) {
        if self.queue.len() > 2 * self.count + STALE_MIN {
            self.queue.retain(|id| is_newcomer(*id));
        }
    }

    /// Who is to go: one that is preferred among the first few, else the oldest; none while that one has
    /// not had its time. `look` finds nothing for those that are no newcomers any more.
    pub(crate) fn oldest(&mut self, look: impl Fn(ConnId) -> Option<Look>) -> Option<ConnId> {
        while let Some(first) = self.queue.front()
            && look(*first).is_none()
        {
            self.queue.pop_front();
        }
        let look_at = |id: &ConnId| Some((*id, look(*id)?));
        let mut first_few = self.queue.iter().take(SEARCHED_MAX).filter_map(look_at);
        let preferred = first_few.find(|(_, look)| look.is_preferred);
        let (id, look) = preferred.or_else(|| look_at(self.queue.front()?))?;
        look.is_due.then_some(id)
    }
}

/// A newcomer, as one looks for who is to make room.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    /// It has had the time in which most requests are whole.
    pub(crate) is_due: bool,
    pub(crate) is_preferred: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(count: u32) -> Vec<ConnId> {
        (0..count).map(|index| ConnId::new(index, 0)).collect()
    }

    #[test]
    fn the_oldest_goes_first_unless_another_of_the_first_few_is_preferred() {
        let mut newcomers = Newcomers::default();
        let ids = ids(100);
        for id in &ids {
            newcomers.add(*id);
        }
        let look = |is_preferred| Some(Look { is_due: true, is_preferred });
        assert_eq!(newcomers.oldest(|_| look(false)), Some(ids[0]));
        assert_eq!(newcomers.oldest(|id| look(id == ids[31])), Some(ids[31]));
        assert_eq!(newcomers.oldest(|id| look(id == ids[32])), Some(ids[0]), "not searched for");
        // Those that have just come are left alone.
        let due = |id: ConnId, until| {
            Some(Look { is_due: id.index() < until, is_preferred: id == ids[5] })
        };
        assert_eq!(newcomers.oldest(|id| due(id, 6)), Some(ids[5]));
        assert_eq!(newcomers.oldest(|id| due(id, 5)), None, "its own would go first");
        assert_eq!(newcomers.oldest(|id| due(id, 0)), None);
        // The first few are none any more.
        let gone = |id: ConnId| look(false).filter(|_| id.index() >= 40);
        assert_eq!(newcomers.oldest(gone), Some(ids[40]));
        assert_eq!(newcomers.oldest(|_| None), None);
    }

    #[test]
    fn those_that_are_none_any_more_do_not_pile_up() {
        let mut newcomers = Newcomers::default();
        let all = ids(10_000);
        newcomers.add(all[0]);
        for id in &all[1..] {
            newcomers.add(*id);
            newcomers.graduate();
            newcomers.tidy(|id| id == all[0]);
            assert!(newcomers.queue.len() <= 2 + STALE_MIN + 1, "{}", newcomers.queue.len());
        }
        let look = Look { is_due: true, is_preferred: false };
        assert_eq!(newcomers.oldest(|id| (id == all[0]).then_some(look)), Some(all[0]));
    }
}
