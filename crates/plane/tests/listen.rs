//! Listening sockets and the port probe.
#![allow(unsafe_code, reason = "socket options are read by libc")]
#![allow(clippy::unwrap_used, reason = "a failure is a failed test")]

use std::io::{ErrorKind, Read as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd, RawFd};

use switchboard_plane::{Keepalive, ListenOptions, listen, local_addr, probe_port};

fn option(fd: RawFd, level: i32, name: i32) -> i32 {
    let (mut value, mut len) = (0i32, 4);
    let at = (&raw mut value).cast();
    // SAFETY: both pointers are valid for writing, and `len` says how much.
    let got = unsafe { libc::getsockopt(fd, level, name, at, &raw mut len) };
    assert_eq!(got, 0);
    value
}

fn listener(addr: &str) -> (OwnedFd, SocketAddr) {
    let fd = listen(addr.parse().unwrap(), &ListenOptions::default()).unwrap();
    let addr = local_addr(fd.as_fd()).unwrap();
    (fd, addr)
}

#[test]
fn accepted_sockets_inherit_the_options() {
    let options = ListenOptions {
        backlog: 10,
        notsent_lowat_bytes: Some(12_345),
        send_buffer_bytes: Some(50_000),
        user_timeout_ms: Some(7_000),
        keepalive: Some(Keepalive { idle_s: 61, interval_s: 11, probes: 4 }),
    };
    let fd = listen("127.0.0.1:0".parse().unwrap(), &options).unwrap();
    // SAFETY: F_GETFD takes no pointers.
    let descriptor_flags = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFD) };
    assert_eq!(descriptor_flags & libc::FD_CLOEXEC, libc::FD_CLOEXEC);
    let listener = TcpListener::from(fd);
    let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (accepted, _) = listener.accept().unwrap();
    let fd = accepted.as_raw_fd();
    let tcp = |name| option(fd, libc::IPPROTO_TCP, name);
    assert_eq!(tcp(libc::TCP_NODELAY), 1);
    assert_eq!(tcp(libc::TCP_NOTSENT_LOWAT), 12_345);
    assert_eq!(tcp(libc::TCP_USER_TIMEOUT), 7_000);
    assert_eq!(tcp(libc::TCP_KEEPIDLE), 61);
    assert_eq!(tcp(libc::TCP_KEEPINTVL), 11);
    assert_eq!(tcp(libc::TCP_KEEPCNT), 4);
    assert_eq!(option(fd, libc::SOL_SOCKET, libc::SO_KEEPALIVE), 1);
    assert_eq!(option(fd, libc::SOL_SOCKET, libc::SO_SNDBUF), 100_000, "the kernel doubles it");
}

#[test]
fn shards_listen_on_one_port() {
    let (_first, addr) = listener("127.0.0.1:0");
    listen(addr, &ListenOptions::default()).unwrap();
}

#[test]
fn both_families_listen_on_one_port() {
    let (_v4, addr) = listener("0.0.0.0:0");
    let v6 = SocketAddr::new("::".parse().unwrap(), addr.port());
    probe_port(v6).unwrap();
    listen(v6, &ListenOptions::default()).unwrap();
}

#[test]
fn the_probe_refuses_beside_a_listener_with_reuseport() {
    for addr in ["127.0.0.1:0", "[::1]:0", "0.0.0.0:0"] {
        let (fd, addr) = listener(addr);
        assert_eq!(probe_port(addr).unwrap_err().kind(), ErrorKind::AddrInUse);
        drop(fd);
        probe_port(addr).unwrap();
    }
    probe_port("127.0.0.1:0".parse().unwrap()).unwrap();
}

#[test]
fn the_probe_and_a_restart_ignore_time_wait() {
    let (fd, addr) = listener("127.0.0.1:0");
    let listener = TcpListener::from(fd);
    let mut client = TcpStream::connect(addr).unwrap();
    let (accepted, _) = listener.accept().unwrap();
    // The side that closes first keeps the port in TIME_WAIT.
    drop(accepted);
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    drop(client);
    drop(listener);
    probe_port(addr).unwrap();
    listen(addr, &ListenOptions::default()).unwrap();
}
