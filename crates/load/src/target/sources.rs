//! The local addresses that connections come from.
//!
//! A source address has as many ports towards one destination as `ip_local_port_range` is wide,
//! 28,232 by default, and the kernel's search for a free one becomes slow long before all are
//! taken. So connections are spread over many addresses of 127.0.0.0/8.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Connections from one address at most; beyond about 14,000 the kernel's port search is slow.
const CONNECTIONS_PER_SOURCE: u32 = 10_000;

/// What is left free of the port range, for the search to be quick: ports used are at most this
/// share of the range.
const PORTS_USED_PERCENT: u32 = 70;

/// Addresses that connections are spread over, in turn.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sources(Vec<IpAddr>);

/// Why connections cannot be spread.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SourcesError {
    #[error("{0} is no address and no range of IPv4 addresses such as 127.0.0.2-127.0.0.9")]
    Malformed(String),
    #[error("the source {0} and the target {1} are of different families")]
    Family(IpAddr, IpAddr),
    #[error(
        "{connections} connections need {needed} source addresses, but --sources gives {given} and \
         ip_local_port_range has {ports} ports for each"
    )]
    TooFew { connections: u32, given: usize, needed: u32, ports: u32 },
    #[error(
        "{connections} connections to {target} are not possible from one address, which has {ports} \
         ports (ip_local_port_range): give further addresses of this machine with --sources, or \
         use an IPv4 target in 127.0.0.0/8, where the addresses are there already"
    )]
    OneSource { connections: u32, target: IpAddr, ports: u32 },
}

impl Sources {
    /// Reads `--sources`, or chooses: 127.0.0.2 and the following for a target in 127.0.0.0/8, and
    /// the kernel's own choice for any other. `ports` is the width of the local port range.
    pub(crate) fn choose(
        given: Option<&str>,
        target: SocketAddr,
        connections: u32,
        ports: u32,
    ) -> Result<Self, SourcesError> {
        let per_source = (ports / 100 * PORTS_USED_PERCENT).clamp(1, CONNECTIONS_PER_SOURCE);
        if let Some(list) = given {
            return Self::listed(list, target, connections, ports);
        }
        match target.ip() {
            IpAddr::V4(ip) if ip.is_loopback() => {
                let count = connections.div_ceil(per_source).max(1);
                let first = u32::from(Ipv4Addr::new(127, 0, 0, 2));
                let all = (0..count).map(|nth| IpAddr::V4(Ipv4Addr::from(first + nth)));
                Ok(Self(all.collect()))
            }
            target if connections > ports => {
                Err(SourcesError::OneSource { connections, target, ports })
            }
            _ => Ok(Self(Vec::new())),
        }
    }

    fn listed(
        list: &str,
        target: SocketAddr,
        connections: u32,
        ports: u32,
    ) -> Result<Self, SourcesError> {
        let mut all = Vec::new();
        for item in list.split(',').map(str::trim) {
            extend(&mut all, item).ok_or_else(|| SourcesError::Malformed(item.to_owned()))?;
        }
        if let Some(other) = all.iter().find(|ip| ip.is_ipv4() != target.is_ipv4()) {
            return Err(SourcesError::Family(*other, target.ip()));
        }
        let needed = connections.div_ceil(ports.max(1));
        if (all.len() as u64) < u64::from(needed) {
            return Err(SourcesError::TooFew { connections, given: all.len(), needed, ports });
        }
        Ok(Self(all))
    }

    /// The address of connection `number`; none leaves it to the kernel.
    pub(crate) fn of(&self, number: u32) -> Option<IpAddr> {
        let count = self.0.len().max(1);
        self.0.get(number as usize % count).copied()
    }
}

impl std::fmt::Display for Sources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.as_slice() {
            [] => f.write_str("chosen by the kernel"),
            [only] => write!(f, "{only}"),
            [first, .., last] => write!(f, "{first} to {last} ({})", self.0.len()),
        }
    }
}

/// Most addresses that one range may stand for.
const RANGE_MAX: u32 = 65_536;

fn extend(all: &mut Vec<IpAddr>, item: &str) -> Option<()> {
    let Some((first, last)) = item.split_once('-') else {
        all.push(item.parse().ok()?);
        return Some(());
    };
    let first = u32::from(first.trim().parse::<Ipv4Addr>().ok()?);
    let last = u32::from(last.trim().parse::<Ipv4Addr>().ok()?);
    if last < first || last - first >= RANGE_MAX {
        return None;
    }
    all.extend((first..=last).map(|ip| IpAddr::V4(Ipv4Addr::from(ip))));
    Some(())
}

/// How many local ports a source address has towards one destination.
pub(crate) fn local_ports() -> u32 {
    const DEFAULT: u32 = 28_232;
    let range = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let mut ends = range.split_whitespace().map(str::parse::<u32>);
    match (ends.next(), ends.next()) {
        (Some(Ok(first)), Some(Ok(last))) if first <= last => last - first + 1,
        _ => DEFAULT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PORTS: u32 = 28_232;

    fn choose(given: Option<&str>, target: &str, count: u32) -> Result<Sources, SourcesError> {
        Sources::choose(given, target.parse().unwrap(), count, PORTS)
    }

    #[test]
    fn loopback_gets_one_address_for_every_ten_thousand() {
        for (count, last) in [
            (1, "127.0.0.2"),
            (10_000, "127.0.0.2"),
            (10_001, "127.0.0.3"),
            (1_000_000, "127.0.0.101"),
        ] {
            let sources = choose(None, "127.0.0.1:80", count).unwrap();
            assert_eq!(sources.0.last().unwrap().to_string(), last, "{count}");
            let mut used = vec![0; sources.0.len()];
            for number in 0..count {
                let source = sources.of(number).unwrap();
                used[sources.0.iter().position(|ip| *ip == source).unwrap()] += 1;
            }
            assert!(used.iter().all(|used| *used <= CONNECTIONS_PER_SOURCE));
        }
    }

    #[test]
    fn a_narrow_port_range_needs_more_addresses() {
        let target = "127.0.0.1:80".parse().unwrap();
        let sources = Sources::choose(None, target, 7_000, 1_000).unwrap();
        assert_eq!(sources.0.len(), 10);
    }

    #[test]
    fn lists_and_ranges_are_read() {
        let sources = choose(Some("127.0.0.9, 127.0.1.254-127.0.2.1"), "127.0.0.1:80", 5).unwrap();
        let all: Vec<_> = sources.0.iter().map(ToString::to_string).collect();
        assert_eq!(all, ["127.0.0.9", "127.0.1.254", "127.0.1.255", "127.0.2.0", "127.0.2.1"]);
        for wrong in ["", "localhost", "127.0.0.9-127.0.0.2", "0.0.0.0-255.255.255.255", "::1-::2"]
        {
            let error = choose(Some(wrong), "127.0.0.1:80", 1).unwrap_err();
            assert_eq!(error, SourcesError::Malformed(wrong.to_owned()));
        }
    }

    #[test]
    fn what_is_not_possible_is_said() {
        let error = choose(None, "[::1]:80", PORTS + 1).unwrap_err().to_string();
        assert!(error.contains("28232 ports") && error.contains("127.0.0.0/8"), "{error}");
        assert_eq!(choose(None, "[::1]:80", PORTS).unwrap().of(3), None);
        let error = choose(Some("127.0.0.2"), "127.0.0.1:80", 60_000).unwrap_err().to_string();
        assert!(error.contains("need 3 source addresses"), "{error}");
        assert!(matches!(choose(Some("127.0.0.2"), "[::1]:80", 1), Err(SourcesError::Family(..))));
    }
}
