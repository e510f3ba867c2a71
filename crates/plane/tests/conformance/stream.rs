//! Bytes in both directions.

use std::io::Read as _;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd as _;
use std::thread;
use std::time::Duration;

use switchboard_plane::{ListenOptions, Plane as _, SendResult, listen, local_addr};

use crate::harness::{Bench, Make, Seen, pattern, reset, write};

pub(crate) fn accepting_tells_the_peers_address<P: Make>() {
    let mut bench = Bench::<P>::new();
    let clients: Vec<_> = (0..5).map(|_| bench.client()).collect();
    for client in clients {
        bench.accepted_from(client.local_addr().unwrap());
    }
    assert_eq!(bench.plane.stats().accepts, 5);
    assert_eq!(bench.plane.stats().connections, 5);
}

pub(crate) fn accepting_tells_an_ipv6_address<P: Make>() {
    let v6 = listen("[::1]:0".parse().unwrap(), &ListenOptions::default()).unwrap();
    let addr: SocketAddr = local_addr(v6.as_fd()).unwrap();
    let mut bench = Bench::<P>::with(|config| config.listeners.push(v6));
    let client = TcpStream::connect(addr).unwrap();
    bench.accepted_from(client.local_addr().unwrap());
    bench.pair();
}

pub(crate) fn bytes_come_back<P: Make>() {
    let mut bench = Bench::<P>::new();
    let (mut client, conn) = bench.pair();
    for len in [1, 100, 5_000, 100_000] {
        let bytes = pattern(len);
        let mut back = vec![0; len];
        thread::scope(|scope| {
            scope.spawn(|| {
                write(&client, &bytes);
                (&client).read_exact(&mut back).unwrap();
            });
            let received = bench.receive(conn, len);
            assert_eq!(received, bytes);
            let mut rest = &received[..];
            while let Some(exception) = bench.send(conn, rest) {
                if let SendResult::Short(sent) = exception.result {
                    rest = &rest[sent..];
                }
                bench.plane.want_write(conn);
                bench.expect(&Seen::Writable(conn));
            }
        });
        assert_eq!(back, bytes);
    }
    client.set_nonblocking(true).unwrap();
    assert!(client.read(&mut [0]).is_err(), "nothing more");
}

pub(crate) fn a_stalled_reader_loses_nothing<P: Make>() {
    const TOTAL: usize = 12 * 1024 * 1024;
    let mut bench = Bench::<P>::new();
    let (mut client, conn) = bench.pair();
    let bytes = pattern(TOTAL);
    let mut sent = 0;
    let mut stalls = 0;
    let mut reader = None;
    while sent < TOTAL {
        let end = TOTAL.min(sent + 50_000);
        match bench.send(conn, &bytes[sent..end]).map(|exception| exception.result) {
            None => {
                sent = end;
                continue;
            }
            Some(SendResult::Short(count)) => {
                assert!(count > 0 && count < end - sent);
                sent += count;
            }
            Some(SendResult::WouldBlock) => {}
            Some(failed) => panic!("{failed:?}"),
        }
        stalls += 1;
        bench.plane.want_write(conn);
        if reader.is_none() {
            bench.watch(Duration::from_millis(20));
            let early = bench.take(|seen| matches!(seen, Seen::Writable(_)));
            assert_eq!(early, None, "nobody reads");
            let mut client = client.try_clone().unwrap();
            reader = Some(thread::spawn(move || {
                let mut all = vec![0; TOTAL];
                client.read_exact(&mut all).unwrap();
                all
            }));
        }
        bench.expect(&Seen::Writable(conn));
    }
    assert!(reader.unwrap().join().unwrap() == bytes, "bytes are lost or out of order");
    assert!(stalls > 0);
    let stats = bench.plane.stats();
    assert_eq!(stats.sends_short + stats.sends_refused, stalls);
    client.set_nonblocking(true).unwrap();
    assert!(client.read(&mut [0]).is_err(), "nothing is sent twice");
}

pub(crate) fn ten_thousand_messages_keep_their_order<P: Make>() {
    const COUNT: usize = 10_000;
    let mut bench = Bench::<P>::new();
    let (client, conn) = bench.pair();
    let message = |nth: usize| format!("message {nth:06};");
    let all: String = (0..COUNT).map(message).collect();
    let writer = {
        let client = client.try_clone().unwrap();
        thread::spawn(move || {
            for nth in 0..COUNT {
                write(&client, message(nth).as_bytes());
                if nth % 997 == 0 {
                    thread::sleep(Duration::from_millis(1));
                }
            }
        })
    };
    assert_eq!(bench.receive(conn, all.len()), all.as_bytes());
    writer.join().unwrap();

    let reader = thread::spawn(move || {
        let mut back = vec![0; COUNT * message(0).len()];
        (&client).read_exact(&mut back).unwrap();
        back
    });
    for nth in 0..COUNT {
        let mut rest = message(nth).into_bytes();
        while let Some(exception) = bench.send(conn, &rest) {
            if let SendResult::Short(sent) = exception.result {
                rest.drain(..sent);
            }
            bench.plane.want_write(conn);
            bench.expect(&Seen::Writable(conn));
        }
    }
    assert!(reader.join().unwrap() == all.as_bytes());
}

pub(crate) fn a_receive_longer_than_the_arena_is_complete<P: Make>() {
    let mut bench = Bench::<P>::with(|config| {
        config.receives_max = 2;
        config.receive_bytes_max = 4096;
    });
    let pairs = bench.pairs(3);
    let bytes = pattern(60_000);
    for (client, _) in &pairs {
        write(client, &bytes);
        client.shutdown(std::net::Shutdown::Write).unwrap();
    }
    for (_, conn) in &pairs {
        bench.expect(&Seen::Ended(*conn, None));
    }
    for (_, conn) in &pairs {
        assert!(bench.take_bytes(*conn) == bytes);
    }
}

pub(crate) fn a_paused_connection_is_silent<P: Make>() {
    let mut bench = Bench::<P>::new();
    let (client, conn) = bench.pair();
    let (other, other_conn) = bench.pair();
    bench.plane.pause_read(conn);
    write(&client, b"first");
    write(&other, b"not paused");
    assert_eq!(bench.receive(other_conn, 10), b"not paused");
    write(&client, b" second");
    drop(client);
    bench.watch(Duration::from_millis(30));
    assert_eq!(bench.seen, []);
    bench.plane.resume_read(conn);
    bench.expect(&Seen::Ended(conn, None));
    assert_eq!(bench.take_bytes(conn), b"first second");
}

pub(crate) fn pausing_hides_what_was_ready<P: Make>() {
    let mut bench = Bench::<P>::with(|config| config.receives_max = 1);
    let pairs = bench.pairs(4);
    for (client, _) in &pairs {
        write(client, &pattern(40_000));
    }
    bench.until("something", |bench| !bench.seen.is_empty());
    for (_, conn) in &pairs {
        bench.plane.pause_read(*conn);
    }
    let before = bench.seen.len();
    bench.watch(Duration::from_millis(20));
    assert_eq!(bench.seen.len(), before);
    for (_, conn) in &pairs {
        bench.plane.resume_read(*conn);
        bench.plane.resume_read(*conn);
    }
    for (_, conn) in pairs {
        assert_eq!(bench.receive(conn, 40_000).len(), 40_000);
    }
}

pub(crate) fn only_incomplete_sends_are_told<P: Make>() {
    let mut bench = Bench::<P>::with(|config| config.slots_per_ring = Some(16));
    let mut pairs = bench.pairs(60);
    let (gone, gone_conn) = pairs.remove(20);
    reset(gone);
    bench.expect(&Seen::Ended(gone_conn, Some(libc::ECONNRESET)));
    let (closed, closed_conn) = pairs.remove(40);
    bench.plane.close(closed_conn, switchboard_plane::Close::Fin);
    drop(closed);

    let mut conns: Vec<_> = pairs.iter().map(|(_, conn)| *conn).collect();
    conns.insert(5, gone_conn);
    conns.insert(30, closed_conn);
    let mut exceptions = Vec::new();
    bench.plane.send_batch(conns.iter().map(|conn| (*conn, &b"news"[..])), &mut exceptions);
    exceptions.sort_by_key(|exception| exception.conn.index());
    assert_eq!(exceptions.len(), 2, "{exceptions:?}");
    assert_eq!(exceptions[0].conn, gone_conn);
    assert!(matches!(exceptions[0].result, SendResult::Failed(libc::EPIPE | libc::ECONNRESET)));
    assert_eq!(exceptions[1].conn, closed_conn);
    assert_eq!(exceptions[1].result, SendResult::Failed(libc::EBADF));
    for (client, _) in &mut pairs {
        let mut news = [0; 4];
        client.read_exact(&mut news).unwrap();
        assert_eq!(&news, b"news");
    }
    assert_eq!(bench.plane.stats().sends_failed, 2);
}

pub(crate) fn room_is_told_once<P: Make>() {
    let mut bench = Bench::<P>::new();
    let (client, conn) = bench.pair();
    bench.plane.want_write(conn);
    bench.plane.want_write(conn);
    bench.expect(&Seen::Writable(conn));
    write(&client, b"x");
    assert_eq!(bench.receive(conn, 1), b"x");
    bench.watch(Duration::from_millis(20));
    assert_eq!(bench.seen, []);
    bench.plane.want_write(conn);
    bench.expect(&Seen::Writable(conn));
}
