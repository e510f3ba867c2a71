//! What the configuration says of who is let in.

use super::proxies::ProxyRules;

/// Who is let in.
#[derive(Clone, Debug, Default)]
pub struct AdmissionRules {
    /// Which proxies are trusted to say whose a request is.
    pub proxies: ProxyRules,
    /// Connections that one address may have, on all shards together; IPv6 counts by /64 network. 0 = no
    /// bound. Trusted proxies' own addresses have none.
    pub connections_per_address_max: u32,
    /// Connections that are accepted in a second, with a burst of as many; 0 = no bound.
    pub accepts_per_second: u32,
    /// Channels that one address may begin to listen to in a second, with a burst of as many; 0 = no bound.
    pub joins_per_second_per_address: u32,
    /// Publications that the clients of one address may make in a second, with a burst of as many; 0 = no
    /// bound.
    pub publishes_per_second_per_address: u32,
    /// Connections that listen which one user may have, on all shards together; 0 = no bound.
    pub connections_per_user_max: u32,
    /// Channels that one user may begin to listen to in a second, with a burst of as many; 0 = no bound.
    pub joins_per_second_per_user: u32,
    /// Publications that the clients of one user may make in a second, with a burst of as many; 0 = no bound.
    pub publishes_per_second_per_user: u32,
    /// Bytes of memory that may be in use, beyond which the server gives up what it can; 0 = no bound.
    pub memory_max: u64,
}
