//! Listening sockets, and that no two processes share a port.
#![allow(unsafe_code, reason = "socket options are read by libc")]
#![allow(clippy::unwrap_used, reason = "a failure is a failed test")]

use std::io::{self, ErrorKind, Read as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd, RawFd};
use std::sync::Barrier;
use std::thread;

use switchboard_plane::{Keepalive, ListenOptions, listen, listen_alone, local_addr};

fn option(fd: RawFd, level: i32, name: i32) -> i32 {
    let (mut value, mut len) = (0i32, 4);
    let at = (&raw mut value).cast();
    // SAFETY: both pointers are valid for writing, and `len` says how much.
    let got = unsafe { libc::getsockopt(fd, level, name, at, &raw mut len) };
    assert_eq!(got, 0);
    value
}

fn alone(addr: SocketAddr) -> io::Result<OwnedFd> {
    listen_alone(addr, &ListenOptions::default())
}

fn listener(addr: &str) -> (OwnedFd, SocketAddr) {
    let fd = alone(addr.parse().unwrap()).unwrap();
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
    for addr in ["127.0.0.1:0", "[::1]:0", "0.0.0.0:0"] {
        let (first, addr) = listener(addr);
        let second = listen(addr, &ListenOptions::default()).unwrap();
        let listeners = [TcpListener::from(first), TcpListener::from(second)];
        let port = addr.port();
        let to = if addr.is_ipv4() { format!("127.0.0.1:{port}") } else { format!("[::1]:{port}") };
        let _clients: Vec<_> = (0..64).map(|_| TcpStream::connect(&to).unwrap()).collect();
        for listener in listeners {
            listener.set_nonblocking(true).unwrap();
            listener.accept().unwrap();
        }
    }
}

#[test]
fn both_families_listen_on_one_port() {
    let (_v4, addr) = listener("0.0.0.0:0");
    let v6 = SocketAddr::new("::".parse().unwrap(), addr.port());
    let _v6 = alone(v6).unwrap();
    listen(v6, &ListenOptions::default()).unwrap();
}

#[test]
fn nobody_else_listens_beside_a_listener_with_reuseport() {
    for addr in ["127.0.0.1:0", "[::1]:0", "0.0.0.0:0"] {
        let (first, addr) = listener(addr);
        let second = listen(addr, &ListenOptions::default()).unwrap();
        for held in [first, second] {
            assert_eq!(alone(addr).unwrap_err().kind(), ErrorKind::AddrInUse);
            drop(held);
        }
        alone(addr).unwrap();
    }
}

#[test]
fn of_many_that_start_together_one_listens_at_most() {
    for _ in 0..50 {
        let (free, addr) = listener("127.0.0.1:0");
        drop(free);
        let start = Barrier::new(8);
        let listening: Vec<OwnedFd> = thread::scope(|scope| {
            let rivals: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        start.wait();
                        alone(addr).ok()
                    })
                })
                .collect();
            rivals.into_iter().filter_map(|rival| rival.join().unwrap()).collect()
        });
        assert!(listening.len() <= 1, "{} listen on one port", listening.len());
    }
}

#[test]
fn a_restart_ignores_time_wait() {
    let (fd, addr) = listener("127.0.0.1:0");
    let listener = TcpListener::from(fd);
    let mut client = TcpStream::connect(addr).unwrap();
    let (accepted, _) = listener.accept().unwrap();
    // The side that closes first keeps the port in TIME_WAIT.
    drop(accepted);
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    drop(client);
    drop(listener);
    let _first = alone(addr).unwrap();
    listen(addr, &ListenOptions::default()).unwrap();
}
