//! How many connections, and what happens when there are too many.

use std::collections::HashSet;
use std::io::Read as _;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd as _;
use std::time::Duration;

use switchboard_plane::{Close, ListenOptions, Plane as _, Reserved, listen, local_addr};

use crate::harness::{Bench, Make, Seen, write};

fn accepted<P: Make>(bench: &Bench<P>) -> usize {
    bench.seen.iter().filter(|seen| matches!(seen, Seen::Accepted(..))).count()
}

pub(crate) fn a_full_plane_accepts_again_after_a_close<P: Make>() {
    let mut bench = Bench::<P>::with(|config| {
        config.connections_max = 4;
        config.slots_per_ring = Some(3);
    });
    let clients: Vec<_> = (0..10).map(|_| bench.client()).collect();
    for expected in 4..=10 {
        bench.until("accepted", |bench| accepted(bench) == expected);
        bench.watch(Duration::from_millis(10));
        assert_eq!(accepted(&bench), expected);
        assert_eq!(bench.plane.stats().connections, 4);
        let Seen::Accepted(oldest, ..) = bench.seen[expected - 4] else { panic!() };
        bench.plane.close(oldest, Close::Fin);
    }
    let closed = clients.iter().filter(|client| {
        client.set_nonblocking(true).unwrap();
        matches!((&**client).read(&mut [0]), Ok(0))
    });
    assert!(closed.count() >= 6);
}

pub(crate) fn a_full_plane_sleeps<P: Make>() {
    let mut bench = Bench::<P>::with(|config| config.connections_max = 2);
    let clients: Vec<_> = (0..8).map(|_| bench.client()).collect();
    bench.until("two", |bench| accepted(bench) == 2);
    let mut busy = 0;
    for _ in 0..20 {
        busy += bench.poll();
        busy += usize::from(bench.plane.has_more());
        busy += usize::from(bench.sleep(Duration::from_millis(2)));
    }
    assert!(busy <= 2, "a full plane spins: {busy}");
    drop(clients);
}

pub(crate) fn forty_connections_on_tables_of_eight<P: Make>() {
    let mut bench = Bench::<P>::with(|config| config.slots_per_ring = Some(8));
    let mut pairs = bench.pairs(40);
    let rings = bench.plane.stats().rings;
    assert!(rings == 0 || (5..=9).contains(&rings), "{rings} rings");
    let indices: HashSet<_> = pairs.iter().map(|(_, conn)| conn.index()).collect();
    assert_eq!(indices.len(), 40);
    assert!(indices.into_iter().max() < Some(40), "indices are dense");
    for (nth, (client, conn)) in pairs.iter().enumerate() {
        write(client, &[nth as u8; 100]);
        assert_eq!(bench.receive(*conn, 100), [nth as u8; 100]);
    }
    let mut exceptions = Vec::new();
    let bytes: Vec<_> = (0..40).map(|nth| [nth; 50]).collect();
    let sends = pairs.iter().zip(&bytes).map(|((_, conn), bytes)| (*conn, &bytes[..]));
    bench.plane.send_batch(sends, &mut exceptions);
    assert_eq!(exceptions, []);
    for (nth, (client, _)) in pairs.iter_mut().enumerate() {
        let mut back = [0; 50];
        client.read_exact(&mut back).unwrap();
        assert_eq!(back, [nth as u8; 50]);
    }
    for (_, conn) in pairs.drain(..) {
        bench.plane.close(conn, Close::Fin);
    }
    bench.until("slots free", |bench| bench.plane.stats().connections == 0);
    bench.pairs(40);
    assert_eq!(bench.plane.stats().rings, rings, "slots are used again");
}

pub(crate) fn a_batch_of_thousands_reaches_everyone<P: Make>() {
    const COUNT: usize = 2_500;
    let mut bench = Bench::<P>::with(|config| config.slots_per_ring = Some(2_000));
    let mut clients = Vec::new();
    for _ in 0..COUNT / 100 {
        clients.extend((0..100).map(|_| bench.client()));
        bench.until("accepted", |bench| accepted(bench) == clients.len());
    }
    let accepted = std::mem::take(&mut bench.seen);
    let conns = accepted.iter().map(|seen| match seen {
        Seen::Accepted(conn, ..) => *conn,
        other => panic!("{other:?}"),
    });
    let mut exceptions = Vec::new();
    bench.plane.send_batch(conns.map(|conn| (conn, &b"to all"[..])), &mut exceptions);
    assert_eq!(exceptions, []);
    for client in &mut clients {
        let mut bytes = [0; 6];
        client.read_exact(&mut bytes).unwrap();
        assert_eq!(&bytes, b"to all");
    }
    drop(clients);
    bench.until("all ended", |bench| bench.seen.len() == COUNT);
}

pub(crate) fn thousands_of_connections_leave_no_slots_behind<P: Make>() {
    let mut bench = Bench::<P>::with(|config| {
        config.connections_max = 64;
        config.slots_per_ring = Some(16);
    });
    for round in 0..100 {
        let clients: Vec<_> = (0..30).map(|_| bench.client()).collect();
        bench.until("accepted", |bench| accepted(bench) == clients.len());
        let how = if round % 2 == 0 { Close::Fin } else { Close::Reset };
        let half = clients.len() / if round % 3 == 0 { 1 } else { 2 };
        drop(clients.into_iter().skip(half).collect::<Vec<_>>());
        for seen in std::mem::take(&mut bench.seen) {
            if let Seen::Accepted(conn, ..) = seen {
                bench.plane.close(conn, how);
            }
        }
    }
    bench.until("slots free", |bench| bench.plane.stats().connections == 0);
    assert_eq!(bench.plane.stats().accepts, 3_000);
    assert_eq!(bench.plane.stats().accepts_failed, 0);
    bench.pair();
}

pub(crate) fn two_listeners_share_the_last_slots<P: Make>() {
    let other = listen("127.0.0.1:0".parse().unwrap(), &ListenOptions::default()).unwrap();
    let addr: SocketAddr = local_addr(other.as_fd()).unwrap();
    let mut bench = Bench::<P>::with(|config| {
        config.listeners.push(other);
        config.connections_max = 6;
    });
    let mut clients = Vec::new();
    for _ in 0..2 {
        clients.push(bench.client());
        clients.push(TcpStream::connect(addr).unwrap());
    }
    bench.until("four", |bench| accepted(bench) == 4);
    assert_eq!(bench.plane.stats().connections, 4);
    for (nth, client) in clients.iter().enumerate() {
        let peer = client.local_addr().unwrap();
        let listener = bench.seen.iter().find_map(|seen| match *seen {
            Seen::Accepted(_, from, listener) if from == peer => Some(listener),
            _ => None,
        });
        assert_eq!(listener, Some(nth as u16 % 2), "the event names the listener");
    }
}

pub(crate) fn reserved_slots_are_for_the_last_listeners<P: Make>() {
    let other = listen("127.0.0.1:0".parse().unwrap(), &ListenOptions::default()).unwrap();
    let reserved: SocketAddr = local_addr(other.as_fd()).unwrap();
    let mut bench = Bench::<P>::with(|config| {
        config.listeners.push(other);
        config.connections_max = 3;
        config.reserved = Reserved { first_listener: 1, slots: 2 };
    });
    let of = |seen: &Seen, listener| matches!(seen, Seen::Accepted(_, _, it) if *it == listener);
    let count =
        |bench: &Bench<P>, listener| bench.seen.iter().filter(|seen| of(seen, listener)).count();
    // More come to each than there is room for.
    let crowd: Vec<_> = (0..6).map(|_| bench.client()).collect();
    bench.until("three of the crowd", |bench| count(bench, 0) == 3);
    let few: Vec<_> = (0..4).map(|_| TcpStream::connect(reserved).unwrap()).collect();
    bench.until("two at the other listener", |bench| count(bench, 1) == 2);
    bench.watch(Duration::from_millis(10));
    assert_eq!((count(&bench, 0), count(&bench, 1)), (3, 2));
    // A slot goes to whom it belongs.
    let close_one = |bench: &mut Bench<P>, listener| {
        let at = bench.seen.iter().position(|seen| of(seen, listener)).unwrap();
        if let Seen::Accepted(conn, ..) = bench.seen.remove(at) {
            bench.plane.close(conn, Close::Fin);
        }
    };
    close_one(&mut bench, 1);
    bench.until("the next at the other listener", |bench| count(bench, 1) == 2);
    close_one(&mut bench, 0);
    bench.until("the next of the crowd", |bench| count(bench, 0) == 3);
    bench.watch(Duration::from_millis(10));
    assert_eq!((count(&bench, 0), count(&bench, 1)), (3, 2));
    assert_eq!(bench.plane.stats().connections, 5);
    drop((crowd, few));
}
