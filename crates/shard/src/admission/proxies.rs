//! Proxies in front: which are trusted to say whose request they pass on.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use switchboard_ws::forwarded::{self, ForwardedHeader};
use switchboard_ws::head::Request;

/// Which proxies are trusted, and where they say whose a request is.
#[derive(Clone, Debug, Default)]
pub struct ProxyRules {
    /// Their networks. What stands in a header is ignored on connections from elsewhere.
    pub trusted: Vec<IpNet>,
    /// The one header that is read.
    pub header: ForwardedHeader,
}

impl ProxyRules {
    /// Whether the address is a trusted proxy's.
    #[inline]
    pub(crate) fn trusts(&self, ip: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(&ip))
    }

    /// Whose the request is that this proxy passed on.
    pub(crate) fn client(&self, request: &Request<'_>, proxy: IpAddr) -> SocketAddr {
        forwarded::client(request, self.header, SocketAddr::new(proxy, 0), |ip| self.trusts(ip))
    }
}

/// The addresses of trusted proxies that a shard has seen. A connection has the address of its client,
/// and of its proxy only the number here: a byte instead of 16.
#[derive(Debug, Default)]
pub(crate) struct SeenProxies(Vec<IpAddr>);

impl SeenProxies {
    /// Beyond it, the last one stands for all further ones: where a request does not say whose it is,
    /// the address of another trusted proxy is shown.
    const MAX: usize = 127;

    /// The number of a proxy, from 1.
    pub(crate) fn number(&mut self, ip: IpAddr) -> u8 {
        let known = self.0.iter().position(|known| *known == ip);
        let at = known.unwrap_or_else(|| {
            self.0.truncate(Self::MAX - 1);
            self.0.push(ip);
            self.0.len() - 1
        });
        u8::try_from(at + 1).unwrap_or(u8::MAX)
    }

    /// The address of a proxy; none for 0, which is no proxy.
    pub(crate) fn address(&self, number: u8) -> Option<IpAddr> {
        self.0.get(usize::from(number).checked_sub(1)?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_found_by_its_number() {
        let mut seen = SeenProxies::default();
        let ips: Vec<IpAddr> = (0..200).map(|last| IpAddr::from([10, 0, 0, last])).collect();
        let numbers: Vec<u8> = ips[..127].iter().map(|ip| seen.number(*ip)).collect();
        assert_eq!(numbers, (1..=127).collect::<Vec<u8>>());
        assert_eq!(seen.address(5), Some(ips[4]));
        assert_eq!(seen.number(ips[4]), 5);
        assert_eq!((seen.address(0), seen.address(128)), (None, None));
        for ip in &ips[127..] {
            assert_eq!(seen.number(*ip), 127, "too many: they share the last number");
        }
        assert_eq!(seen.address(127), Some(ips[199]));
    }

    #[test]
    fn only_the_networks_that_are_listed_are_trusted() {
        let trusted = ["10.0.0.0/8", "fd00::/8", "192.0.2.7/32"].map(|text| text.parse().unwrap());
        let rules = ProxyRules { trusted: trusted.into(), header: ForwardedHeader::default() };
        for ip in ["10.255.0.1", "fd00::1", "192.0.2.7"] {
            assert!(rules.trusts(ip.parse().unwrap()), "{ip}");
        }
        for ip in ["11.0.0.1", "192.0.2.8", "::1", "2001:db8::1"] {
            assert!(!rules.trusts(ip.parse().unwrap()), "{ip}");
        }
    }
}
