//! What all shards know together of the users of connections.

use std::hash::{BuildHasher, RandomState};

use super::address::Subject;
use super::budgets::Budgets;
use super::counts::Counts;
use super::rules::AdmissionRules;

/// What all shards know together of the users of connections. A user without a name has no limits: it is
/// whoever has a token that names nobody.
#[derive(Debug)]
pub(crate) struct Users {
    keys: RandomState,
    connections: Option<Counts>,
    joins: Option<Budgets>,
    publishes: Option<Budgets>,
}

impl Users {
    /// Nobody has come yet.
    pub(super) fn new(rules: &AdmissionRules) -> Self {
        let unless_zero = |max: u32| (max > 0).then_some(max);
        Self {
            keys: RandomState::new(),
            connections: unless_zero(rules.connections_per_user_max).map(Counts::new),
            joins: unless_zero(rules.joins_per_second_per_user).map(Budgets::new),
            publishes: unless_zero(rules.publishes_per_second_per_user).map(Budgets::new),
        }
    }

    /// The number of a user by which all shards tell it from others.
    pub(crate) fn number(&self, user: &str) -> u64 {
        self.keys.hash_one(user)
    }

    /// One more connection of this user that listens, if that is not too many.
    pub(crate) fn try_add(&self, user: &str) -> bool {
        let connections = self.connections.as_ref().filter(|_| !user.is_empty());
        connections.is_none_or(|connections| connections.try_add(self.subject(user)))
    }

    /// One less.
    pub(crate) fn remove(&self, user: &str) {
        if let Some(connections) = self.connections.as_ref().filter(|_| !user.is_empty()) {
            connections.remove(self.subject(user));
        }
    }

    /// A client wants to listen to so many channels.
    pub(crate) fn may_join(&self, user: &str, channels: usize, now_ms: u64) -> bool {
        let count = u32::try_from(channels).unwrap_or(u32::MAX);
        self.may(self.joins.as_ref(), user, count, now_ms)
    }

    /// A client wants to publish.
    #[inline]
    pub(crate) fn may_publish(&self, user: Option<&str>, now_ms: u64) -> bool {
        user.is_none_or(|user| self.may(self.publishes.as_ref(), user, 1, now_ms))
    }

    fn may(&self, budgets: Option<&Budgets>, user: &str, count: u32, now_ms: u64) -> bool {
        budgets
            .filter(|_| !user.is_empty())
            .is_none_or(|budgets| budgets.try_take(self.subject(user), count, now_ms))
    }

    fn subject(&self, user: &str) -> Subject {
        Subject::user(self.number(user))
    }
}
