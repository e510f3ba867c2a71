//! Listening sockets. Accepted sockets inherit every option that is set here.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::socket;

/// TCP keepalive: finds peers that are gone although nothing is sent to them.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub struct Keepalive {
    /// Seconds of silence before the first probe.
    pub idle_s: u32,
    /// Seconds between probes.
    pub interval_s: u32,
    /// Probes without an answer after which the connection is dead.
    pub probes: u32,
}

/// Options of a listening socket and, by inheritance, of the connections it accepts.
#[derive(Clone, Eq, PartialEq, Debug)]
pub struct ListenOptions {
    /// Connections that may wait to be accepted; the kernel caps it at `net.core.somaxconn`.
    pub backlog: u32,
    /// `TCP_NOTSENT_LOWAT`: a send is refused while more bytes than this wait unsent, so that a
    /// slow reader is seen early. None = the kernel's default (no limit but the send buffer).
    pub notsent_lowat_bytes: Option<u32>,
    /// `SO_SNDBUF`, which also switches the kernel's own sizing off. None = the kernel's sizing.
    pub send_buffer_bytes: Option<u32>,
    /// `TCP_USER_TIMEOUT`: sent bytes that nobody acknowledged for so long end the connection.
    pub user_timeout_ms: Option<u32>,
    /// None = no keepalive probes. With a user timeout the kernel ignores the number of probes: a
    /// user timeout shorter than `idle_s` ends a healthy connection as soon as one probe is lost.
    pub keepalive: Option<Keepalive>,
}

impl Default for ListenOptions {
    fn default() -> Self {
        Self {
            backlog: 65_535,
            notsent_lowat_bytes: Some(16 * 1024),
            send_buffer_bytes: None,
            user_timeout_ms: Some(30_000),
            keepalive: None,
        }
    }
}

/// Another listening TCP socket on an address that [`listen_alone`] took, so that each shard can
/// have its own on one port: with `SO_REUSEPORT`, and `TCP_NODELAY`. An IPv6 address takes IPv6
/// only, so that `0.0.0.0` and `[::]` go together.
pub fn listen(addr: SocketAddr, options: &ListenOptions) -> io::Result<OwnedFd> {
    let listener = bound(addr, options, true)?;
    socket::listen(listener.as_fd(), options.backlog)?;
    Ok(listener)
}

/// The first listening socket of this process on an address; [`listen`] makes the others. Port 0
/// lets the kernel choose; see [`local_addr`].
///
/// Refuses with `AddrInUse` when another process listens there, even with `SO_REUSEPORT`, which
/// would give each of both a part of the clients. Of processes that try at the same time one gets
/// the address at most; it may be none, so try again. Connections of an earlier run in `TIME_WAIT`
/// do not matter.
pub fn listen_alone(addr: SocketAddr, options: &ListenOptions) -> io::Result<OwnedFd> {
    // Without SO_REUSEPORT the kernel is the arbiter: `listen` checks again, under the port's lock,
    // that nobody else listens. Only then may the sockets of this process join.
    let listener = bound(addr, options, false)?;
    socket::listen(listener.as_fd(), options.backlog)?;
    share_port(listener.as_fd())?;
    Ok(listener)
}

/// The address a listener is bound to, with the port that the kernel chose for port 0.
pub fn local_addr(listener: BorrowedFd<'_>) -> io::Result<SocketAddr> {
    socket::local_addr(listener)
}

fn bound(addr: SocketAddr, options: &ListenOptions, share: bool) -> io::Result<OwnedFd> {
    let listener = socket::tcp(&addr, 0)?;
    let fd = listener.as_fd();
    allow_rebind(fd, &addr)?;
    if share {
        share_port(fd)?;
    }
    set_inherited(fd, options)?;
    socket::bind(fd, &addr)?;
    Ok(listener)
}

fn share_port(fd: BorrowedFd<'_>) -> io::Result<()> {
    socket::set_int(fd, libc::SOL_SOCKET, libc::SO_REUSEPORT, 1)
}

fn allow_rebind(fd: BorrowedFd<'_>, addr: &SocketAddr) -> io::Result<()> {
    // Without SO_REUSEADDR a restart would be refused while old connections are in TIME_WAIT.
    socket::set_int(fd, libc::SOL_SOCKET, libc::SO_REUSEADDR, 1)?;
    if addr.is_ipv6() {
        socket::set_int(fd, libc::IPPROTO_IPV6, libc::IPV6_V6ONLY, 1)?;
    }
    Ok(())
}

fn set_inherited(fd: BorrowedFd<'_>, options: &ListenOptions) -> io::Result<()> {
    let tcp = libc::IPPROTO_TCP;
    socket::set_int(fd, tcp, libc::TCP_NODELAY, 1)?;
    if let Some(bytes) = options.send_buffer_bytes {
        socket::set_int(fd, libc::SOL_SOCKET, libc::SO_SNDBUF, bytes)?;
    }
    if let Some(bytes) = options.notsent_lowat_bytes {
        socket::set_int(fd, tcp, libc::TCP_NOTSENT_LOWAT, bytes)?;
    }
    if let Some(ms) = options.user_timeout_ms {
        socket::set_int(fd, tcp, libc::TCP_USER_TIMEOUT, ms)?;
    }
    if let Some(keepalive) = options.keepalive {
        socket::set_int(fd, tcp, libc::TCP_KEEPIDLE, keepalive.idle_s)?;
        socket::set_int(fd, tcp, libc::TCP_KEEPINTVL, keepalive.interval_s)?;
        socket::set_int(fd, tcp, libc::TCP_KEEPCNT, keepalive.probes)?;
        socket::set_int(fd, libc::SOL_SOCKET, libc::SO_KEEPALIVE, 1)?;
    }
    Ok(())
}
