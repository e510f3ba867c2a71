//! Sleeping, and being woken.

use std::thread;
use std::time::{Duration, Instant};

use switchboard_plane::Plane as _;

use crate::harness::{Bench, Make, write};

pub(crate) fn a_waker_ends_the_sleep<P: Make>() {
    let mut bench = Bench::<P>::new();
    bench.poll();
    let waker = bench.plane.waker();
    let begun = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(20));
            waker.wake();
            waker.clone().wake();
        });
        assert!(bench.sleep(Duration::from_secs(5)));
    });
    assert!(begun.elapsed() < Duration::from_secs(4));
    assert_eq!(bench.poll(), 0);
    assert!(!bench.sleep(Duration::ZERO), "poll clears the wake");
    drop(bench);
    waker.wake();
}

pub(crate) fn an_idle_plane_sleeps<P: Make>() {
    let mut bench = Bench::<P>::with(|config| config.slots_per_ring = Some(4));
    let pairs = bench.pairs(10);
    for (client, conn) in &pairs {
        write(client, b"ping");
        bench.receive(*conn, 4);
        assert_eq!(bench.send(*conn, b"pong"), None);
    }
    bench.poll();
    let mut woken = 0;
    for _ in 0..10 {
        assert!(!bench.plane.has_more());
        woken += usize::from(bench.sleep(Duration::from_millis(2)));
        assert_eq!(bench.poll(), 0);
    }
    assert!(woken <= 1, "an idle plane is woken {woken} times");
}

pub(crate) fn a_wake_is_never_lost<P: Make>() {
    // Small messages at random moments: a lost wake-up makes `receive` panic.
    let mut bench = Bench::<P>::with(|config| config.slots_per_ring = Some(2));
    let pairs = bench.pairs(5);
    let (clients, conns): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
    let waker = bench.plane.waker();
    let writer = thread::spawn(move || {
        for nth in 0..5_000u32 {
            write(&clients[nth as usize % clients.len()], b"12345678");
            if nth % 7 == 0 {
                waker.wake();
            }
            for _ in 0..nth.wrapping_mul(2_654_435_761) % 3_000 {
                std::hint::spin_loop();
            }
        }
        clients
    });
    for conn in conns {
        let bytes = bench.receive(conn, 8_000);
        assert_eq!(bytes.len(), 8_000);
    }
    drop(writer.join().unwrap());
}
