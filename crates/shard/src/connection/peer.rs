//! A peer's address, small.

use std::net::{IpAddr, SocketAddr};

/// A peer's address in 18 bytes instead of `SocketAddr`'s 32. IPv4 is kept as mapped to IPv6; the
/// listeners for IPv6 take nothing else, so that form is free.
#[derive(Clone, Copy)]
pub(crate) struct Peer {
    address: [u8; 16],
    port: [u8; 2],
}

impl Peer {
    /// The address without its port.
    #[inline]
    pub(crate) fn ip(self) -> IpAddr {
        IpAddr::from(self.address).to_canonical()
    }
}

impl From<SocketAddr> for Peer {
    fn from(addr: SocketAddr) -> Self {
        let address = match addr.ip() {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
            IpAddr::V6(v6) => v6.octets(),
        };
        Self { address, port: addr.port().to_be_bytes() }
    }
}

impl From<Peer> for SocketAddr {
    fn from(peer: Peer) -> Self {
        Self::new(peer.ip(), u16::from_be_bytes(peer.port))
    }
}

impl std::fmt::Debug for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        SocketAddr::from(*self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_shows_the_address_it_was_made_from() {
        for text in ["127.0.0.1:80", "[::1]:8000", "[2001:db8::a]:5"] {
            let addr: SocketAddr = text.parse().unwrap();
            assert_eq!(format!("{:?}", Peer::from(addr)), text);
        }
    }
}
