//! Socket addresses in the kernel's layout.

use std::mem::{MaybeUninit, size_of};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::ptr::NonNull;

/// An address buffer that the kernel reads or fills in.
#[derive(Copy, Clone)]
pub(crate) struct RawAddress {
    storage: libc::sockaddr_storage,
    len: libc::socklen_t,
}

impl RawAddress {
    /// An empty buffer with room for any address.
    pub(crate) fn empty() -> Self {
        // SAFETY: sockaddr_storage is plain integers, for which zeros are a valid value.
        let storage = unsafe { MaybeUninit::zeroed().assume_init() };
        Self { storage, len: size_of::<libc::sockaddr_storage>() as libc::socklen_t }
    }

    pub(crate) fn as_ptr(&self) -> *const libc::sockaddr {
        (&raw const self.storage).cast()
    }

    /// Where the kernel may write the address and its length.
    pub(crate) fn as_mut_ptrs(&mut self) -> (*mut libc::sockaddr, *mut libc::socklen_t) {
        ((&raw mut self.storage).cast(), &raw mut self.len)
    }

    /// The same for a buffer that is not borrowed while the kernel has it.
    pub(crate) fn pointers(buffer: NonNull<Self>) -> (*mut libc::sockaddr, *mut libc::socklen_t) {
        let buffer = buffer.as_ptr();
        // SAFETY: the pointer comes from a reference to a whole value; nothing is read.
        let storage = unsafe { &raw mut (*buffer).storage };
        // SAFETY: as above.
        (storage.cast(), unsafe { &raw mut (*buffer).len })
    }

    pub(crate) fn len(&self) -> libc::socklen_t {
        self.len
    }

    /// What the kernel filled in; `0.0.0.0:0` when that was no IP address.
    pub(crate) fn to_socket_addr(self) -> SocketAddr {
        match libc::c_int::from(self.storage.ss_family) {
            libc::AF_INET => {
                // SAFETY: sockaddr_storage is larger than and aligned for sockaddr_in, and any
                // bytes are a valid sockaddr_in.
                let v4 = unsafe { (&raw const self.storage).cast::<libc::sockaddr_in>().read() };
                let ip = Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr));
                SocketAddr::new(ip.into(), u16::from_be(v4.sin_port))
            }
            libc::AF_INET6 => {
                // SAFETY: as above, for sockaddr_in6.
                let v6 = unsafe { (&raw const self.storage).cast::<libc::sockaddr_in6>().read() };
                let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
                let port = u16::from_be(v6.sin6_port);
                SocketAddrV6::new(ip, port, u32::from_be(v6.sin6_flowinfo), v6.sin6_scope_id).into()
            }
            _ => SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0),
        }
    }

    fn put<T>(&mut self, addr: T) {
        const { assert!(size_of::<T>() <= size_of::<libc::sockaddr_storage>()) };
        const { assert!(align_of::<T>() <= align_of::<libc::sockaddr_storage>()) };
        self.len = size_of::<T>() as libc::socklen_t;
        // SAFETY: the storage is large enough and aligned for T, as asserted above.
        unsafe { (&raw mut self.storage).cast::<T>().write(addr) };
    }
}

impl From<SocketAddr> for RawAddress {
    fn from(addr: SocketAddr) -> Self {
        let mut raw = Self::empty();
        match addr {
            SocketAddr::V4(v4) => raw.put(v4_in(v4)),
            SocketAddr::V6(v6) => raw.put(v6_in(v6)),
        }
        raw
    }
}

fn v4_in(v4: SocketAddrV4) -> libc::sockaddr_in {
    libc::sockaddr_in {
        sin_family: libc::AF_INET as libc::sa_family_t,
        sin_port: v4.port().to_be(),
        sin_addr: libc::in_addr { s_addr: u32::from(*v4.ip()).to_be() },
        sin_zero: [0; 8],
    }
}

fn v6_in(v6: SocketAddrV6) -> libc::sockaddr_in6 {
    libc::sockaddr_in6 {
        sin6_family: libc::AF_INET6 as libc::sa_family_t,
        sin6_port: v6.port().to_be(),
        sin6_flowinfo: v6.flowinfo().to_be(),
        sin6_addr: libc::in6_addr { s6_addr: v6.ip().octets() },
        sin6_scope_id: v6.scope_id(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_survives_the_round_trip() {
        for text in ["127.0.0.2:8080", "255.255.255.255:65535", "[::1]:1", "[fe80::1%7]:9"] {
            let addr: SocketAddr = text.parse().unwrap();
            assert_eq!(RawAddress::from(addr).to_socket_addr(), addr);
        }
    }

    #[test]
    fn another_family_gives_the_unspecified_address() {
        assert_eq!(RawAddress::empty().to_socket_addr(), "0.0.0.0:0".parse().unwrap());
    }
}
