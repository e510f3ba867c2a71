//! Connections that the plane begins.

use std::io::Read as _;
use std::net::TcpListener;
use std::time::Duration;

use switchboard_plane::{Close, Plane as _};

use crate::harness::{Bench, Make, Seen, write};

pub(crate) fn a_connection_to_a_listener_works_both_ways<P: Make>() {
    let mut bench = Bench::<P>::new();
    let peer = TcpListener::bind("127.0.0.1:0").unwrap();
    let conn = bench.plane.connect(peer.local_addr().unwrap(), None).unwrap();
    bench.expect(&Seen::Connected(conn));
    let (mut stream, _) = peer.accept().unwrap();
    assert_eq!(bench.send(conn, b"hello"), None);
    let mut hello = [0; 5];
    stream.read_exact(&mut hello).unwrap();
    assert_eq!(&hello, b"hello");
    write(&stream, b"welcome");
    assert_eq!(bench.receive(conn, 7), b"welcome");
    drop(stream);
    bench.expect(&Seen::Ended(conn, None));
    bench.plane.close(conn, Close::Fin);
    bench.until("slot free", |bench| bench.plane.stats().connections == 0);
    assert_eq!(bench.plane.stats().connects, 1);
}

pub(crate) fn a_refused_connection_ends<P: Make>() {
    let mut bench = Bench::<P>::new();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = nobody.local_addr().unwrap();
    drop(nobody);
    for _ in 0..20 {
        let conn = bench.plane.connect(addr, None).unwrap();
        bench.expect(&Seen::Ended(conn, Some(libc::ECONNREFUSED)));
        bench.plane.close(conn, Close::Fin);
    }
    bench.until("slots free", |bench| bench.plane.stats().connections == 0);
    assert_eq!(bench.seen, []);
}

pub(crate) fn the_source_address_is_chosen<P: Make>() {
    let mut bench = Bench::<P>::new();
    let peer = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = peer.local_addr().unwrap();
    let from = "127.0.0.9".parse().unwrap();
    let conn = bench.plane.connect(to, Some(from)).unwrap();
    bench.expect(&Seen::Connected(conn));
    assert_eq!(peer.accept().unwrap().1.ip(), from);
    let foreign = "192.0.2.1".parse().unwrap();
    assert!(bench.plane.connect(to, Some(foreign)).is_err(), "not an address of this host");
    bench.plane.close(conn, Close::Fin);
    bench.until("slot free", |bench| bench.plane.stats().connections == 0);
}

pub(crate) fn a_connect_in_progress_can_be_closed<P: Make>() {
    let mut bench = Bench::<P>::new();
    let peer = TcpListener::bind("127.0.0.1:0").unwrap();
    for how in [Close::Fin, Close::Reset] {
        let conn = bench.plane.connect(peer.local_addr().unwrap(), None).unwrap();
        bench.plane.close(conn, how);
        bench.until("slot free", |bench| bench.plane.stats().connections == 0);
    }
    bench.watch(Duration::from_millis(10));
    assert_eq!(bench.seen, []);
}

pub(crate) fn a_thousand_connections_on_small_tables<P: Make>() {
    const COUNT: usize = 1_000;
    let mut bench = Bench::<P>::with(|config| config.slots_per_ring = Some(300));
    let to = bench.addr;
    let mut conns = Vec::new();
    for nth in 0..COUNT {
        conns.push(bench.plane.connect(to, None).unwrap());
        if nth % 50 == 0 {
            bench.poll();
        }
    }
    bench.until("both ends", |bench| bench.seen.len() == 2 * COUNT);
    let accepts = bench.seen.iter().filter(|seen| matches!(seen, Seen::Accepted(..)));
    assert_eq!(accepts.count(), COUNT);
    bench.seen.clear();
    let mut exceptions = Vec::new();
    let bytes = conns.iter().map(|conn| conn.index().to_le_bytes()).collect::<Vec<_>>();
    let sends = conns.iter().zip(&bytes).map(|(conn, bytes)| (*conn, &bytes[..]));
    bench.plane.send_batch(sends, &mut exceptions);
    assert_eq!(exceptions, []);
    bench.until("all messages", |bench| bench.seen.len() == COUNT);
    for conn in conns {
        bench.plane.close(conn, Close::Fin);
    }
    bench.until("half is closed", |bench| bench.plane.stats().connections == COUNT as u64);
}
