//! How connections end.

use std::io::{ErrorKind, Read as _};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use switchboard_plane::{Close, ConnId, ListenOptions, Plane as _, SendResult, listen, local_addr};

use crate::harness::{Bench, Make, Seen, pattern, read, reset, write};

/// What is left to read until the end of the stream.
fn read_to_end(mut client: &TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    client.read_to_end(&mut all).unwrap();
    all
}

pub(crate) fn fin_comes_after_what_was_sent<P: Make>() {
    let mut bench = Bench::<P>::new();
    let (client, conn) = bench.pair();
    assert_eq!(bench.send(conn, b"goodbye"), None);
    bench.plane.close(conn, Close::Fin);
    bench.poll();
    assert_eq!(read_to_end(&client), b"goodbye");
}

pub(crate) fn reset_reaches_the_peer<P: Make>() {
    let mut bench = Bench::<P>::new();
    let (client, conn) = bench.pair();
    let bytes = pattern(65_536);
    while bench.send(conn, &bytes).is_none() {}
    bench.plane.want_write(conn);
    bench.plane.close(conn, Close::Reset);
    bench.poll();
    let error = loop {
        match read(&client, &mut [0; 4_096]) {
            Ok(count) => assert_ne!(count, 0, "FIN instead of RST"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    bench.until("slot free", |bench| bench.plane.stats().connections == 0);
    assert_eq!(bench.plane.stats().resets_refused, 0);
}

/// The kernel may hold a closed socket until requests on older ones have ended. The peer's view shows it:
/// the plane does not shut a socket down, so the end comes with its release.
pub(crate) fn a_close_behind_older_polls_ends_at_once<P: Make>() {
    let mut bench = Bench::<P>::with(|config| config.slots_per_ring = Some(300));
    let (idle, _) = bench.pair();
    let (full, full_conn) = bench.pair();
    while bench.send(full_conn, &pattern(65_536)).is_none() {}
    bench.plane.want_write(full_conn);
    bench.watch(Duration::from_millis(10));
    for round in 0..200 {
        let (client, conn) = bench.pair();
        let how = if round % 2 == 0 { Close::Fin } else { Close::Reset };
        bench.plane.close(conn, how);
        bench.poll();
        match (how, read(&client, &mut [0])) {
            (Close::Fin, Ok(0)) => {}
            (Close::Reset, Err(error)) if error.kind() == ErrorKind::ConnectionReset => {}
            (_, end) => panic!("{how:?} in round {round}: {end:?}"),
        }
    }
    bench.until("slots free", |bench| bench.plane.stats().connections == 2);
    assert_eq!(bench.plane.stats().resets_refused, 0);
    write(&idle, b"x");
    drop((idle, full));
}

pub(crate) fn a_peers_fin_leaves_the_other_direction_open<P: Make>() {
    let mut bench = Bench::<P>::new();
    let (client, conn) = bench.pair();
    write(&client, b"last words");
    client.shutdown(Shutdown::Write).unwrap();
    bench.expect(&Seen::Ended(conn, None));
    assert_eq!(bench.take_bytes(conn), b"last words");
    assert_eq!(bench.send(conn, b"still here"), None);
    bench.plane.close(conn, Close::Fin);
    bench.poll();
    assert_eq!(read_to_end(&client), b"still here");
    assert_eq!(bench.seen, [], "the end is reported once");
}

/// The end of the peer's side says nothing about room: taken for it, the owner would try in vain at once,
/// again and again, and keep a core busy for as long as the peer does not read.
pub(crate) fn a_peers_fin_is_no_room<P: Make>() {
    for ends_in_round in [0, 2] {
        let mut bench = Bench::<P>::new();
        let (client, conn) = bench.pair();
        client.set_nonblocking(true).unwrap();
        for round in 0..5 {
            fill(&mut bench, conn);
            bench.watch(Duration::from_millis(5));
            if round == ends_in_round {
                client.shutdown(Shutdown::Write).unwrap();
                bench.expect(&Seen::Ended(conn, None));
            }
            // The kernel may find some more room in its buffers, but not often.
            let mut told = 0;
            let deadline = Instant::now() + Duration::from_millis(30);
            while Instant::now() < deadline {
                bench.watch(Duration::from_millis(1));
                if bench.take(|seen| *seen == Seen::Writable(conn)).is_some() {
                    told += 1;
                    fill(&mut bench, conn);
                }
            }
            assert!(told < 5, "told of room {told} times where nobody reads, in round {round}");
            read_until_writable(&mut bench, &client, conn);
            bench.watch(Duration::from_millis(5));
            assert_eq!(bench.seen, [], "room is told once");
        }
        fill(&mut bench, conn);
        bench.plane.close(conn, Close::Reset);
        bench.until("slot free", |bench| bench.plane.stats().connections == 0);
    }
}

/// Sends until the socket takes nothing, and asks to be told of room.
fn fill<P: Make>(bench: &mut Bench<P>, conn: ConnId) {
    let bytes = pattern(65_536);
    while bench.send(conn, &bytes).is_none() {}
    bench.plane.want_write(conn);
}

fn read_until_writable<P: Make>(bench: &mut Bench<P>, mut client: &TcpStream, conn: ConnId) {
    let mut bytes = vec![0; 65_536];
    let deadline = Instant::now() + Duration::from_secs(10);
    while bench.take(|seen| *seen == Seen::Writable(conn)).is_none() {
        assert!(Instant::now() < deadline, "room was never told");
        while client.read(&mut bytes).is_ok_and(|count| count > 0) {}
        bench.watch(Duration::from_millis(1));
    }
}

pub(crate) fn a_shutdown_never_hits_the_next_connection<P: Make>() {
    let mut bench = Bench::<P>::new();
    for round in 0..200_u32 {
        let (old, conn) = bench.pair();
        bench.plane.shutdown_write(conn);
        bench.plane.close(conn, Close::Fin);
        bench.poll();
        // It gets the slot as soon as that is free, while a late shutdown may be under way.
        let (client, conn) = bench.pair();
        assert_eq!(read_to_end(&old), b"");
        assert_eq!(bench.send(conn, &round.to_le_bytes()), None, "round {round}");
        let mut bytes = [0; 4];
        read(&client, &mut bytes).unwrap();
        assert_eq!(bytes, round.to_le_bytes());
        bench.plane.close(conn, Close::Fin);
    }
}

pub(crate) fn shutting_down_leaves_reading_open<P: Make>() {
    let mut bench = Bench::<P>::new();
    let (client, conn) = bench.pair();
    assert_eq!(bench.send(conn, b"close frame"), None);
    bench.plane.shutdown_write(conn);
    bench.poll();
    assert_eq!(read_to_end(&client), b"close frame");
    write(&client, b"answer");
    assert_eq!(bench.receive(conn, 6), b"answer");
    let exception = bench.send(conn, b"too late").unwrap();
    assert_eq!(exception.result, SendResult::Failed(libc::EPIPE));
    drop(client);
    bench.expect(&Seen::Ended(conn, None));
    bench.plane.close(conn, Close::Fin);
    bench.until("slot free", |bench| bench.plane.stats().connections == 0);
}

pub(crate) fn a_peers_reset_is_an_error<P: Make>() {
    let mut bench = Bench::<P>::new();
    let (client, conn) = bench.pair();
    reset(client);
    bench.expect(&Seen::Ended(conn, Some(libc::ECONNRESET)));
    assert!(matches!(bench.send(conn, b"x").unwrap().result, SendResult::Failed(_)));
    bench.plane.close(conn, Close::Fin);
    bench.until("slot free", |bench| bench.plane.stats().connections == 0);
    assert_eq!(bench.seen, []);
}

pub(crate) fn stale_names_are_ignored<P: Make>() {
    let mut bench = Bench::<P>::new();
    let (old_client, old) = bench.pair();
    bench.plane.close(old, Close::Fin);
    bench.until("slot free", |bench| bench.plane.stats().connections == 0);
    drop(old_client);
    let (client, new) = bench.pair();
    assert_eq!(old.index(), new.index(), "the slot is used again");
    assert_ne!(old, new);
    for stale in [old, ConnId::new(3_999, 1), ConnId::new(u32::MAX, 0), ConnId::new(1, u32::MAX)] {
        bench.plane.pause_read(stale);
        bench.plane.resume_read(stale);
        bench.plane.want_write(stale);
        bench.plane.shutdown_write(stale);
        bench.plane.close(stale, Close::Reset);
        let exception = bench.send(stale, b"for nobody").unwrap();
        assert_eq!(exception.conn, stale);
        assert_eq!(exception.result, SendResult::Failed(libc::EBADF));
    }
    write(&client, b"alive");
    assert_eq!(bench.receive(new, 5), b"alive");
    assert_eq!(bench.send(new, b"yes"), None);
    bench.plane.close(new, Close::Fin);
    bench.poll();
    assert_eq!(read_to_end(&client), b"yes");
    assert_eq!(bench.seen, []);
}

pub(crate) fn unread_bytes_of_a_finished_peer_come_first<P: Make>() {
    let mut bench = Bench::<P>::new();
    for _ in 0..200 {
        let (client, conn) = bench.pair();
        write(&client, b"a");
        bench.poll();
        write(&client, b"b");
        drop(client);
        bench.expect(&Seen::Ended(conn, None));
        assert_eq!(bench.take_bytes(conn), b"ab");
        bench.plane.close(conn, Close::Fin);
    }
}

pub(crate) fn a_dropped_plane_closes_everything<P: Make>() {
    let mut bench = Bench::<P>::with(|config| config.slots_per_ring = Some(8));
    let pairs = bench.pairs(20);
    let waiting = bench.client();
    let addr = bench.addr;
    bench.plane.close(pairs[0].1, Close::Reset);
    drop(bench);
    for (nth, (client, _)) in pairs.iter().enumerate() {
        let read = read(client, &mut [0]);
        match nth {
            0 => assert_eq!(read.unwrap_err().kind(), ErrorKind::ConnectionReset),
            _ => assert_eq!(read.unwrap(), 0),
        }
    }
    // Accepted or not, it ends.
    assert!(!matches!(read(&waiting, &mut [0]), Ok(1..)));
    assert!(TcpStream::connect(addr).is_err());
}

pub(crate) fn a_closed_connection_has_no_more_events<P: Make>() {
    let mut bench = Bench::<P>::with(|config| config.receives_max = 1);
    for _ in 0..50 {
        let pairs = bench.pairs(3);
        for (client, conn) in &pairs {
            write(client, &pattern(50_000));
            bench.plane.want_write(*conn);
        }
        bench.poll();
        for (_, conn) in &pairs {
            bench.plane.close(*conn, Close::Reset);
        }
        bench.seen.clear();
        bench.until("slots free", |bench| bench.plane.stats().connections == 0);
        assert_eq!(bench.seen, []);
    }
}

pub(crate) fn stopping_refuses_clients_and_keeps_connections<P: Make>() {
    let mut bench = Bench::<P>::with(|config| config.connections_max = 1);
    let (client, conn) = bench.pair();
    let queued = bench.client();
    bench.watch(Duration::from_millis(10));
    bench.plane.stop_accepting();
    let begun = Instant::now();
    assert_eq!(read(&queued, &mut [0]).unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert!(begun.elapsed() < Duration::from_secs(1));
    assert_eq!(TcpStream::connect(bench.addr).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    write(&client, b"on");
    assert_eq!(bench.receive(conn, 2), b"on");
    bench.plane.stop_accepting();
    bench.plane.close(conn, Close::Fin);
    bench.until("slot free", |bench| bench.plane.stats().connections == 0);
    bench.watch(Duration::from_millis(10));
    assert_eq!(bench.seen, []);
    assert!(!bench.plane.has_more());
}

/// Two listeners, of which one is to close: nobody who has connected to it is lost.
pub(crate) fn a_queue_is_accepted_while_newcomers_are_held_off<P: Make>() {
    let second = listen("127.0.0.1:0".parse().unwrap(), &ListenOptions::default()).unwrap();
    let other = local_addr(second.as_fd()).unwrap();
    let mut bench = Bench::<P>::with(|config| config.listeners.push(second));
    let queued: Vec<_> = (0..40).map(|_| bench.client()).collect();
    assert_eq!((bench.plane.waiting(1), bench.plane.waiting(2)), (40, 40));
    bench.plane.hold_off(1);
    let soon = Duration::from_millis(100);
    let late = TcpStream::connect_timeout(&bench.addr, soon).unwrap_err();
    assert_eq!(late.kind(), ErrorKind::TimedOut);
    bench.until("the queue is empty", |bench| bench.plane.waiting(1) == 0);
    bench.plane.close_listeners(1);
    for client in &queued {
        let conn = bench.accepted_from(client.local_addr().unwrap());
        write(client, b"ping");
        assert_eq!(bench.receive(conn, 4), b"ping");
        assert_eq!(bench.send(conn, b"pong"), None);
        let mut answer = [0; 4];
        assert_eq!((read(client, &mut answer).unwrap(), &answer), (4, b"pong"));
    }
    let refused = TcpStream::connect(bench.addr).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    assert_eq!(bench.plane.waiting(1), 0, "of a listener that is closed");
    let client = TcpStream::connect(other).unwrap();
    bench.accepted_from(client.local_addr().unwrap());
}
