//! Who counts as one client: an address, or a user.

use std::net::IpAddr;
use std::num::NonZeroU64;

/// What limits count: an IPv4 address, or the /64 network of an IPv6 address, since whoever has one IPv6 address
/// has its whole network; or a user.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Subject(NonZeroU64);

impl Subject {
    /// A user, by a keyed hash of its name: nobody can choose names that meet. Addresses and users are never in
    /// the same table.
    pub(super) fn user(hash: u64) -> Self {
        Self::new(hash)
    }

    /// It as a number: no other of its kind has the same.
    pub(crate) fn number(self) -> u64 {
        self.0.get()
    }

    /// 0 is a network, too, that of `::1`. The last one is none of anybody's.
    fn new(number: u64) -> Self {
        Self(NonZeroU64::new(number).unwrap_or(NonZeroU64::MAX))
    }
}

impl From<IpAddr> for Subject {
    fn from(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            // As mapped to IPv6 in 64 bits: no network of IPv6 begins with 0000:ffff.
            IpAddr::V4(v4) => Self::new(0xffff << 32 | u64::from(v4.to_bits())),
            IpAddr::V6(v6) => Self::new((v6.to_bits() >> 64) as u64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subject(text: &str) -> Subject {
        text.parse::<IpAddr>().unwrap().into()
    }

    #[test]
    fn ipv6_counts_by_network_and_ipv4_by_address() {
        assert_eq!(subject("2001:db8::1"), subject("2001:db8:0:0:ffff::2"));
        assert_ne!(subject("2001:db8::1"), subject("2001:db8:0:1::1"));
        assert_ne!(subject("192.0.2.1"), subject("192.0.2.2"));
        assert_eq!(subject("192.0.2.1"), subject("::ffff:192.0.2.1"));
        assert_ne!(subject("::1"), subject("0.0.0.1"));
    }
}
