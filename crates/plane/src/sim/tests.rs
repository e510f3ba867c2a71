use std::net::SocketAddr;

use super::*;
use crate::SendResult;

struct Bench {
    plane: SimPlane,
    net: SimNet,
    events: Vec<Event>,
}

impl Bench {
    fn new(seed: u64, config: SimConfig) -> Self {
        let (plane, net) = SimNet::new(seed, config);
        Self { plane, net, events: Vec::new() }
    }

    fn calm() -> Self {
        Self::new(1, SimConfig::default())
    }

    fn faulty(seed: u64) -> Self {
        Self::new(seed, SimConfig { faults: true, ..SimConfig::default() })
    }

    fn poll(&mut self) -> &[Event] {
        self.events.clear();
        self.plane.poll(&mut self.events).unwrap();
        &self.events
    }

    /// Polls until nothing more happens; returns the bytes of the connection and what else came.
    fn settle(&mut self, of: Option<ConnId>) -> (Vec<u8>, Vec<Event>) {
        let (mut bytes, mut others) = (Vec::new(), Vec::new());
        for _ in 0..10_000 {
            self.poll();
            for event in std::mem::take(&mut self.events) {
                match event {
                    Event::Received { conn, bytes: at } if Some(conn) == of => {
                        bytes.extend_from_slice(self.plane.received(at));
                    }
                    other => others.push(other),
                }
            }
            if !self.plane.has_more() {
                return (bytes, others);
            }
        }
        panic!("it never settles");
    }

    fn pair(&mut self) -> (ClientId, ConnId) {
        let client = self.net.connect(peer());
        self.settle(None);
        (client, self.net.conn(client).unwrap())
    }

    fn send(&mut self, conn: ConnId, bytes: &[u8]) -> Option<SendResult> {
        let mut exceptions = Vec::new();
        self.plane.send_batch([(conn, bytes)], &mut exceptions);
        exceptions.pop().map(|exception| exception.result)
    }
}

fn peer() -> SocketAddr {
    "192.0.2.7:5000".parse().unwrap()
}

#[test]
fn a_client_is_accepted_and_heard() {
    let mut bench = Bench::calm();
    let client = bench.net.connect(peer());
    assert_eq!(bench.net.state(client), ClientState::Waiting);
    bench.net.write(client, b"hello");
    let (_, events) = bench.settle(None);
    let conn = bench.net.conn(client).unwrap();
    assert_eq!(events[0], Event::Accepted { conn, peer: peer(), listener: 0 });
    assert!(matches!(events[1], Event::Received { .. }));
    assert_eq!(bench.send(conn, b"welcome"), None);
    assert_eq!(bench.net.read(client), b"welcome");
    assert_eq!(bench.net.live(), 1);
}

#[test]
fn faults_keep_bytes_and_their_order() {
    for seed in 0..50 {
        let mut bench = Bench::faulty(seed);
        let (client, conn) = bench.pair();
        let bytes: Vec<u8> = (0..20_000u32).map(|nth| nth as u8).collect();
        bench.net.write(client, &bytes);
        bench.net.half_close(client);
        let (received, others) = bench.settle(Some(conn));
        assert_eq!(received, bytes);
        assert_eq!(others, [Event::Ended { conn, error: None }]);

        let mut rest = &bytes[..];
        while let Some(result) = bench.send(conn, rest) {
            match result {
                SendResult::Short(sent) => rest = &rest[sent..],
                SendResult::WouldBlock => {}
                SendResult::Failed(errno) => panic!("{errno}"),
            }
            bench.plane.want_write(conn);
            assert_eq!(bench.settle(None).1, [Event::Writable { conn }]);
        }
        assert_eq!(bench.net.read(client), bytes);
    }
}

#[test]
fn a_seed_repeats_and_another_differs() {
    let run = |seed| {
        let mut bench = Bench::faulty(seed);
        let clients: Vec<_> = (0..20).map(|_| bench.net.connect(peer())).collect();
        let mut log = Vec::new();
        for nth in 0..60 {
            bench.net.write(clients[nth % 20], &[nth as u8; 300]);
            log.extend_from_slice(bench.poll());
        }
        log
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}

#[test]
fn a_stalled_client_has_no_room() {
    let mut bench = Bench::new(1, SimConfig { room_bytes: 100, ..SimConfig::default() });
    let (client, conn) = bench.pair();
    bench.net.stall(client, true);
    assert_eq!(bench.send(conn, &[1; 60]), None);
    assert_eq!(bench.send(conn, &[2; 60]), Some(SendResult::Short(40)));
    assert_eq!(bench.send(conn, &[2; 20]), Some(SendResult::WouldBlock));
    bench.plane.want_write(conn);
    assert_eq!(bench.settle(None).1, []);
    assert_eq!(bench.net.read(client), []);
    bench.net.stall(client, false);
    assert_eq!(bench.settle(None).1, [Event::Writable { conn }]);
    assert_eq!(bench.send(conn, &[2; 20]), None);
    assert_eq!(bench.net.read(client), [vec![1; 60], vec![2; 60]].concat());
    let stats = bench.plane.stats();
    assert_eq!((stats.sends_short, stats.sends_refused), (1, 1));
}

#[test]
fn pausing_hides_bytes_and_the_end() {
    let mut bench = Bench::calm();
    let (client, conn) = bench.pair();
    bench.plane.pause_read(conn);
    bench.net.write(client, b"abc");
    bench.net.half_close(client);
    assert_eq!(bench.settle(Some(conn)), (vec![], vec![]));
    bench.plane.resume_read(conn);
    let ended = Event::Ended { conn, error: None };
    assert_eq!(bench.settle(Some(conn)), (b"abc".to_vec(), vec![ended]));
}

#[test]
fn a_reset_fails_sends_and_ends_reading() {
    let mut bench = Bench::calm();
    let (client, conn) = bench.pair();
    bench.net.write(client, b"before");
    bench.net.reset(client);
    assert_eq!(bench.send(conn, b"x"), Some(SendResult::Failed(libc::ECONNRESET)));
    let (bytes, events) = bench.settle(Some(conn));
    assert_eq!(bytes, b"before");
    assert_eq!(events, [Event::Ended { conn, error: Some(libc::ECONNRESET) }]);
    assert_eq!(bench.net.live(), 1);
    bench.plane.close(conn, Close::Fin);
    assert_eq!(bench.net.live(), 0);
}

#[test]
fn closes_look_to_the_client_as_in_a_real_kernel() {
    let mut bench = Bench::calm();
    let (polite, conn) = bench.pair();
    bench.net.stall(polite, true);
    assert_eq!(bench.send(conn, b"bye"), None);
    bench.plane.close(conn, Close::Fin);
    assert_eq!(bench.net.state(polite), ClientState::Open, "the bytes come first");
    bench.net.stall(polite, false);
    assert_eq!(bench.net.state(polite), ClientState::Finished);
    assert_eq!(bench.net.read(polite), b"bye");
    bench.net.write(polite, b"anyone?");
    assert_eq!(bench.net.state(polite), ClientState::Reset);

    let (cut, conn) = bench.pair();
    bench.plane.close(conn, Close::Reset);
    assert_eq!(bench.net.state(cut), ClientState::Reset);

    let (unread, conn) = bench.pair();
    bench.net.write(unread, b"never read");
    bench.plane.close(conn, Close::Fin);
    assert_eq!(bench.net.state(unread), ClientState::Reset);

    let (half, conn) = bench.pair();
    bench.plane.shutdown_write(conn);
    assert_eq!(bench.net.state(half), ClientState::Finished);
    assert_eq!(bench.send(conn, b"x"), Some(SendResult::Failed(libc::EPIPE)));
    bench.net.write(half, b"still heard");
    assert_eq!(bench.settle(Some(conn)).0, b"still heard");
}

#[test]
fn stale_names_are_ignored() {
    let mut bench = Bench::calm();
    let (_, old) = bench.pair();
    bench.plane.close(old, Close::Fin);
    let (client, new) = bench.pair();
    assert_eq!(old.index(), new.index());
    bench.plane.close(old, Close::Reset);
    bench.plane.pause_read(old);
    assert_eq!(bench.send(old, b"x"), Some(SendResult::Failed(libc::EBADF)));
    bench.net.write(client, b"alive");
    assert_eq!(bench.settle(Some(new)).0, b"alive");
    assert_eq!(bench.net.state(client), ClientState::Open);
}

#[test]
fn a_full_plane_accepts_after_a_close() {
    let mut bench = Bench::new(1, SimConfig { connections_max: 2, ..SimConfig::default() });
    let clients: Vec<_> = (0..3).map(|_| bench.net.connect(peer())).collect();
    bench.settle(None);
    assert_eq!(bench.net.live(), 2);
    assert_eq!(bench.net.state(clients[2]), ClientState::Waiting);
    bench.plane.close(bench.net.conn(clients[0]).unwrap(), Close::Fin);
    bench.settle(None);
    assert_eq!(bench.net.state(clients[2]), ClientState::Open);
}

#[test]
fn stopping_resets_the_queue() {
    let mut bench = Bench::calm();
    let (open, _) = bench.pair();
    let queued = bench.net.connect(peer());
    bench.plane.stop_accepting();
    let late = bench.net.connect(peer());
    bench.settle(None);
    let states = [open, queued, late].map(|client| bench.net.state(client));
    assert_eq!(states, [ClientState::Open, ClientState::Reset, ClientState::Reset]);
}

#[test]
fn a_queue_is_accepted_while_newcomers_are_held_off_until_the_close() {
    let mut bench = Bench::calm();
    let queued = bench.net.connect(peer());
    let other = bench.net.connect_to(1, peer());
    bench.plane.hold_off(1);
    let late = bench.net.connect(peer());
    let other_late = bench.net.connect_to(1, peer());
    assert_eq!((bench.plane.waiting(1), bench.plane.waiting(2)), (1, 3));
    bench.settle(None);
    let all = [queued, other, other_late, late];
    let states = all.map(|client| bench.net.state(client));
    let open = ClientState::Open;
    assert_eq!(states, [open, open, open, ClientState::Waiting]);
    assert_eq!(bench.plane.waiting(2), 0);
    bench.plane.close_listeners(1);
    let never = bench.net.connect(peer());
    let still = bench.net.connect_to(1, peer());
    bench.settle(None);
    let states = [late, never, still, queued].map(|client| bench.net.state(client));
    assert_eq!(states, [ClientState::Reset, ClientState::Reset, open, open]);
}

#[test]
fn the_server_dials() {
    let mut bench = Bench::calm();
    let to = peer();
    let good = bench.plane.connect(to, None).unwrap();
    let bad = bench.plane.connect(to, None).unwrap();
    assert_eq!(bench.settle(None).1, []);
    let (first, second) = (bench.net.dialled().unwrap(), bench.net.dialled().unwrap());
    assert_eq!((first.1, bench.net.dialled()), (to, None));
    bench.net.answer(first.0, None);
    bench.net.answer(second.0, Some(libc::ECONNREFUSED));
    let (_, events) = bench.settle(None);
    let ended = Event::Ended { conn: bad, error: Some(libc::ECONNREFUSED) };
    assert_eq!(events, [Event::Connected { conn: good }, ended]);
    assert_eq!(bench.send(good, b"GET"), None);
    assert_eq!(bench.net.read(first.0), b"GET");
    bench.plane.close(bad, Close::Fin);
    assert_eq!(bench.net.live(), 1);
}

#[test]
#[should_panic(expected = "twice in a batch")]
fn one_send_for_each_connection_of_a_batch() {
    let mut bench = Bench::calm();
    let (_, conn) = bench.pair();
    bench.plane.send_batch([(conn, &b"a"[..]), (conn, b"b")], &mut Vec::new());
}

#[test]
fn a_client_can_act_in_the_middle_of_a_batch() {
    let mut bench = Bench::calm();
    let clients = [1, 2].map(|port| bench.net.connect(([127, 0, 0, 1], port).into()));
    bench.poll();
    let conns = clients.map(|client| bench.net.conn(client).unwrap());
    let seen = Rc::new(RefCell::new(Vec::new()));
    let (net, log) = (bench.net.clone(), Rc::clone(&seen));
    bench.net.on_send(move |client| {
        log.borrow_mut().push(clients.map(|other| net.read(other)));
        net.write(client, b"at once");
    });
    let sends = conns.iter().map(|conn| (*conn, &b"news"[..]));
    bench.plane.send_batch(sends, &mut Vec::new());
    let expected = [[b"news".to_vec(), Vec::new()], [Vec::new(), b"news".to_vec()]];
    assert_eq!(*seen.borrow(), expected);
    let (bytes, _) = bench.settle(Some(conns[1]));
    assert_eq!(bytes, b"at once");
}
