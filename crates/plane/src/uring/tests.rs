//! What only this plane has. What all planes promise is tested in `tests/conformance`.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use super::*;
use crate::choice::{Decision, PlaneChoice, Refusal, decide, probe_io_uring};
use crate::{Close, DescriptorChoice, ListenOptions, SendResult, listen, local_addr};

fn plane(size: RingSize) -> Option<(UringPlane, SocketAddr)> {
    let descriptors = match decide(PlaneChoice::IoUring, DescriptorChoice::Auto) {
        Ok(Decision::IoUring { descriptors, .. }) => descriptors,
        decision => {
            eprintln!("skipped, no io_uring here: {decision:?}");
            return None;
        }
    };
    let listener = listen("127.0.0.1:0".parse().unwrap(), &ListenOptions::default()).unwrap();
    let addr = local_addr(listener.as_fd()).unwrap();
    let config = PlaneConfig { descriptors, ..PlaneConfig::new(vec![listener], 1_000) };
    Some((UringPlane::with_ring_size(config, size).unwrap(), addr))
}

fn poll_until(plane: &mut UringPlane, mut done: impl FnMut(&mut UringPlane, &[Event]) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(5);
    let mut events = Vec::new();
    loop {
        events.clear();
        plane.poll(&mut events).unwrap();
        if done(plane, &events) {
            return;
        }
        assert!(Instant::now() < deadline, "{:?}", plane.stats());
    }
}

fn accept(plane: &mut UringPlane, addr: SocketAddr, count: usize) -> Vec<(TcpStream, ConnId)> {
    let clients: Vec<_> = (0..count).map(|_| TcpStream::connect(addr).unwrap()).collect();
    let mut conns = std::collections::HashMap::new();
    poll_until(plane, |_, events| {
        for event in events {
            if let Event::Accepted { conn, peer, .. } = *event {
                conns.insert(peer, conn);
            }
        }
        conns.len() == count
    });
    let named = |client: TcpStream| {
        let conn = conns[&client.local_addr().unwrap()];
        (client, conn)
    };
    clients.into_iter().map(named).collect()
}

/// Queues that hold almost nothing: everything overflows, nothing is lost.
#[test]
fn overflown_queues_lose_nothing() {
    let size = RingSize { submissions: 4, completions: 8, slots: 128 };
    let Some((mut plane, addr)) = plane(size) else {
        return;
    };
    let mut pairs = accept(&mut plane, addr, 100);
    for round in 0..20u8 {
        for (client, _) in &mut pairs {
            client.write_all(&[round; 10]).unwrap();
        }
        let mut received = 0;
        poll_until(&mut plane, |plane, events| {
            for event in events {
                let Event::Received { bytes, .. } = *event else { panic!("{event:?}") };
                assert!(plane.received(bytes).iter().all(|byte| *byte == round));
                received += bytes.len();
            }
            received == 1_000
        });
        let mut exceptions = Vec::new();
        let news = [round; 20];
        plane.send_batch(pairs.iter().map(|(_, conn)| (*conn, &news[..])), &mut exceptions);
        assert_eq!(exceptions, []);
        for (client, _) in &mut pairs {
            let mut back = [0; 20];
            client.read_exact(&mut back).unwrap();
            assert_eq!(back, [round; 20]);
        }
    }
    assert!(plane.stats().completion_overflows > 0, "{:?}", plane.stats());
    for (_, conn) in &pairs {
        plane.close(*conn, Close::Fin);
    }
    poll_until(&mut plane, |plane, _| plane.stats().connections == 0);
}

/// A completion queue that overflows ends multishot polls; they have to be armed again.
#[test]
fn an_ended_poll_is_armed_again() {
    let size = RingSize { submissions: 4, completions: 8, slots: 128 };
    let Some((mut plane, addr)) = plane(size) else {
        return;
    };
    let mut pairs = accept(&mut plane, addr, 100);
    let mut rounds = 0;
    while plane.stats().polls_rearmed == 0 {
        rounds += 1;
        assert!(rounds < 200, "the kernel never ended a poll: {:?}", plane.stats());
        for (client, _) in &mut pairs {
            client.write_all(b"x").unwrap();
        }
        let mut received = 0;
        poll_until(&mut plane, |_, events| {
            received += events.len();
            received == pairs.len()
        });
    }
}

/// A batch reports all failures and shortfalls although the queue is too small for them.
#[test]
fn exceptions_survive_an_overflow() {
    let size = RingSize { submissions: 4, completions: 8, slots: 64 };
    let Some((mut plane, addr)) = plane(size) else {
        return;
    };
    let pairs = accept(&mut plane, addr, 60);
    let long = vec![1u8; 16 * 1024 * 1024];
    let mut exceptions = Vec::new();
    let sends = pairs.iter().map(|(_, conn)| (*conn, &long[..]));
    plane.send_batch(sends, &mut exceptions);
    assert_eq!(exceptions.len(), 60);
    let mut conns: Vec<_> = exceptions.iter().map(|exception| exception.conn.index()).collect();
    conns.sort_unstable();
    assert_eq!(conns, (0..60).collect::<Vec<_>>());
    for (exception, (_, conn)) in exceptions.iter().zip(&pairs) {
        assert!(matches!(exception.result, SendResult::Short(_)), "{exception:?}");
        plane.close(*conn, Close::Reset);
    }
    poll_until(&mut plane, |plane, _| plane.stats().connections == 0);
}

#[test]
fn a_ring_is_made_when_the_others_are_full() {
    let Some((mut plane, addr)) = plane(RingSize { slots: 50, ..RingSize::for_slots(50) }) else {
        return;
    };
    let pairs = accept(&mut plane, addr, 10);
    assert_eq!(plane.stats().rings, 1);
    let more = accept(&mut plane, addr, 60);
    assert_eq!(plane.stats().rings, 3, "the accepts in flight have slots of their own");
    assert!(pairs.iter().chain(&more).all(|(_, conn)| conn.index() < 100));
}

#[test]
fn the_state_of_a_connection_is_small() {
    assert_eq!(RingSize::for_slots(16_384).completions, 16_384);
    assert_eq!(RingSize::for_slots(8).completions, 2_048);
}

/// Filters of one thread only: `io_uring_setup` fails with an errno, as in a container.
#[test]
fn a_seccomp_filter_is_recognised() {
    for errno in [libc::EPERM, libc::ENOSYS] {
        let refusal = std::thread::spawn(move || {
            forbid_io_uring(errno);
            probe_io_uring().unwrap_err()
        });
        let refusal = refusal.join().unwrap();
        // Without the sysctl, which came with 6.6, a kernel that has no io_uring answers the same.
        let sure = errno == libc::EPERM || Path::new("/proc/sys/kernel/io_uring_disabled").exists();
        let expected = if sure {
            matches!(refusal, Refusal::Seccomp(_))
        } else {
            matches!(refusal, Refusal::NoSuchCall(_))
        };
        assert!(expected, "{refusal}");
        assert!(refusal.to_string().contains("seccomp"), "{refusal}");
    }
}

fn forbid_io_uring(errno: i32) {
    let statement = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    let mut filter = [
        // The number of the system call is the first field of the data.
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0),
        libc::sock_filter {
            code: (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16,
            jt: 0,
            jf: 1,
            k: libc::SYS_io_uring_setup as u32,
        },
        statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ERRNO | errno.cast_unsigned()),
        statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: this prctl takes no pointers.
    let forbidden = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    assert_eq!(forbidden, 0);
    let mode = libc::SECCOMP_MODE_FILTER;
    // SAFETY: prctl reads the program, which is valid for the call.
    let filtered = unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program) };
    assert_eq!(filtered, 0);
}
