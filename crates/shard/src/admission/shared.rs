//! What all shards know together of who is let in. The kernel spreads the connections of one address
//! over all shards, so a limit that each shard counted for itself would be as many limits.

use std::net::IpAddr;

use super::address::Subject;
use super::budgets::Budgets;
use super::counts::Counts;
use super::memory::{Memory, Pressure};
use super::pace::Pace;
use super::proxies::ProxyRules;
use super::rules::AdmissionRules;
use super::users::Users;

/// What all shards know together of who is let in.
#[derive(Debug)]
pub struct Admission {
    proxies: ProxyRules,
    accepts: Option<Pace>,
    connections: Option<Counts>,
    joins: Option<Budgets>,
    publishes: Option<Budgets>,
    users: Users,
    memory: Option<Memory>,
}

impl Admission {
    /// Nobody has come yet.
    pub fn new(rules: &AdmissionRules) -> Self {
        let unless_zero = |max: u32| (max > 0).then_some(max);
        Self {
            proxies: rules.proxies.clone(),
            accepts: unless_zero(rules.accepts_per_second).map(Pace::new),
            connections: unless_zero(rules.connections_per_address_max).map(Counts::new),
            joins: unless_zero(rules.joins_per_second_per_address).map(Budgets::new),
            publishes: unless_zero(rules.publishes_per_second_per_address).map(Budgets::new),
            users: Users::new(rules),
            memory: (rules.memory_max > 0).then(|| Memory::new(rules.memory_max)),
        }
    }

    /// What is known of the memory in use, if it has a bound.
    pub(crate) fn memory(&self) -> Option<&Memory> {
        self.memory.as_ref()
    }

    /// What is to be done about the memory in use.
    #[inline]
    pub(crate) fn pressure(&self) -> Pressure {
        self.memory.as_ref().map_or(Pressure::Serve, Memory::pressure)
    }

    /// The limits of users.
    pub(crate) fn users(&self) -> &Users {
        &self.users
    }

    pub(crate) fn proxies(&self) -> &ProxyRules {
        &self.proxies
    }

    #[inline]
    pub(super) fn may_accept(&self, now_ms: u64) -> bool {
        self.accepts.as_ref().is_none_or(|accepts| accepts.try_take(now_ms))
    }

    /// What a connection from this address counts for, if its address is limited.
    #[inline]
    pub(super) fn subject(&self, ip: IpAddr) -> Option<Subject> {
        (self.connections.is_some() && !self.proxies.trusts(ip)).then(|| ip.into())
    }

    #[inline]
    pub(super) fn try_add(&self, subject: Option<Subject>) -> bool {
        match (&self.connections, subject) {
            (Some(counts), Some(subject)) => counts.try_add(subject),
            _ => true,
        }
    }

    /// A client wants to listen to so many channels. Its address is looked at only where there is a limit.
    #[inline]
    pub(crate) fn may_join(
        &self,
        client: impl FnOnce() -> IpAddr,
        channels: usize,
        now_ms: u64,
    ) -> bool {
        let count = u32::try_from(channels).unwrap_or(u32::MAX);
        self.joins.as_ref().is_none_or(|joins| self.may(joins, client(), count, now_ms))
    }

    /// A client wants to publish.
    #[inline]
    pub(crate) fn may_publish(&self, client: impl FnOnce() -> IpAddr, now_ms: u64) -> bool {
        self.publishes.as_ref().is_none_or(|publishes| self.may(publishes, client(), 1, now_ms))
    }

    fn may(&self, budgets: &Budgets, client: IpAddr, count: u32, now_ms: u64) -> bool {
        self.proxies.trusts(client) || budgets.try_take(client.into(), count, now_ms)
    }

    pub(super) fn has_room(&self, subject: Option<Subject>) -> bool {
        match (&self.connections, subject) {
            (Some(counts), Some(subject)) => counts.has_room(subject),
            _ => true,
        }
    }

    #[inline]
    pub(super) fn remove(&self, subject: Option<Subject>) {
        if let (Some(counts), Some(subject)) = (&self.connections, subject) {
            counts.remove(subject);
        }
    }
}
