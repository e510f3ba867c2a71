//! Nothing is left behind. One test alone in its process, since it counts descriptors.
#![allow(unsafe_code, reason = "the limit of descriptors is lowered by libc")]
#![allow(clippy::unwrap_used, reason = "a failure is a failed test")]

use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::time::{Duration, Instant};

use switchboard_plane::epoll::EpollPlane;
use switchboard_plane::uring::UringPlane;
use switchboard_plane::{
    Close, ConnId, Descriptors, Event, ListenOptions, Plane, PlaneConfig, choice, listen,
    local_addr,
};

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn poll_until<P: Plane>(plane: &mut P, mut done: impl FnMut(&mut P, &[Event]) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(5);
    let mut events = Vec::new();
    loop {
        events.clear();
        plane.poll(&mut events).unwrap();
        if done(plane, &events) {
            return;
        }
        assert!(Instant::now() < deadline, "nothing happens: {:?}", plane.stats());
        std::thread::sleep(Duration::from_micros(200));
    }
}

fn accept<P: Plane>(plane: &mut P, count: usize) -> Vec<ConnId> {
    let mut conns = Vec::new();
    poll_until(plane, |_, events| {
        conns.extend(events.iter().filter_map(|event| match event {
            Event::Accepted { conn, .. } => Some(*conn),
            _ => None,
        }));
        conns.len() >= count
    });
    conns
}

fn config() -> (PlaneConfig, SocketAddr) {
    let options = ListenOptions::default();
    let listener = listen("127.0.0.1:0".parse().unwrap(), &options).unwrap();
    let addr = local_addr(listener.as_fd()).unwrap();
    let mut config = PlaneConfig::new(vec![listener], 1_000);
    config.slots_per_ring = Some(64);
    (config, addr)
}

fn cycles<P: Plane>(make: impl Fn(PlaneConfig) -> P) {
    let (config, addr) = config();
    let mut plane = make(config);
    let before = descriptors();
    for round in 0..40 {
        let clients: Vec<_> = (0..100).map(|_| TcpStream::connect(addr).unwrap()).collect();
        let conns = accept(&mut plane, clients.len());
        let clients = if round % 2 == 0 { clients } else { Vec::new() };
        for conn in conns {
            let how = if round % 4 < 2 { Close::Fin } else { Close::Reset };
            plane.close(conn, how);
        }
        poll_until(&mut plane, |plane, _| plane.stats().connections == 0);
        drop(clients);
    }
    let rings = plane.stats().rings as usize;
    assert!(descriptors() <= before + rings, "{before} -> {}", descriptors());
}

/// Lets clients connect while the process may have only `spare` more descriptors. Accepts that are under
/// way may fail together, each later attempt once.
fn exhaustion<P: Plane>(spare: u64, failures_max: u64, make: impl Fn(PlaneConfig) -> P) {
    let (mut config, addr) = config();
    config.connections_max = 5_000;
    let mut plane = make(config);
    let clients: Vec<_> = (0..90).map(|_| TcpStream::connect(addr).unwrap()).collect();
    let lowest_free = std::fs::File::open("/dev/null").unwrap().as_raw_fd();
    let lowest_free = u64::try_from(lowest_free).unwrap();
    let limit = set_limit(lowest_free + spare);
    let begun = Instant::now();
    let mut busy_polls = 0;
    let mut conns = Vec::new();
    let mut events = Vec::new();
    while begun.elapsed() < Duration::from_millis(350) {
        events.clear();
        plane.poll(&mut events).unwrap();
        busy_polls += usize::from(!events.is_empty() || plane.has_more());
        conns.extend(events.iter().map(Event::conn));
        std::thread::sleep(Duration::from_micros(100));
    }
    set_limit(limit);
    let stats = plane.stats();
    assert!(busy_polls < 50, "{}: spins, {busy_polls} polls", plane.name());
    assert!((1..5).contains(&stats.accepts_paused), "{stats:?}");
    assert!(stats.accepts_failed < failures_max, "{stats:?}");
    assert!(conns.len() < clients.len(), "{}", conns.len());
    // The pause ends by itself, and nobody was lost.
    poll_until(&mut plane, |_, events| {
        conns.extend(events.iter().map(Event::conn));
        conns.len() == clients.len()
    });
}

fn set_limit(soft: u64) -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is valid for writing the structure.
    let got = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    let old = std::mem::replace(&mut limit.rlim_cur, soft);
    // SAFETY: the pointer is valid for reading the structure.
    let set = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    assert_eq!((got, set), (0, 0));
    old
}

#[test]
fn nothing_is_left_behind() {
    let before = descriptors();
    cycles(|config| EpollPlane::new(config).unwrap());
    assert_eq!(descriptors(), before);
    exhaustion(20, 10, |config| EpollPlane::new(config).unwrap());
    let direct = match choice::probe_io_uring() {
        Ok(direct) => direct,
        Err(refusal) => {
            eprintln!("skipped, no io_uring here: {refusal}");
            return;
        }
    };
    let process = |config| {
        UringPlane::new(PlaneConfig { descriptors: Descriptors::Process, ..config }).unwrap()
    };
    cycles(process);
    assert_eq!(descriptors(), before);
    exhaustion(20, 32 + 10, process);
    assert_eq!(descriptors(), before);
    if !direct.are_usable() {
        eprintln!("no test of direct descriptors here: {direct}");
        return;
    }
    cycles(|config| UringPlane::new(config).unwrap());
    assert_eq!(descriptors(), before);
    // Direct descriptors need none of the process; only a second ring does.
    exhaustion(0, 10, |config| UringPlane::new(config).unwrap());
    assert_eq!(descriptors(), before);
}
