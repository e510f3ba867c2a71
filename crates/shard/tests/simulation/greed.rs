//! What one client may make the shard hold or do, and when it is cut off.

use switchboard_auth::Access;
use switchboard_hub::{Bounds, Namespaces, Rules, SlowPolicy};
use switchboard_plane::sim::SimConfig;
use switchboard_shard::{ClientRules, HeadLimits, NamespaceRules};
use switchboard_ws::frame::{self, Opcode};

use crate::http::Head;
use crate::single::Single;
use crate::websocket::MASK;

/// As the shard has it.
const REPLY_BYTES_MAX: usize = 64 << 10;

const PING: usize = 125 + 6;
const PONG: usize = 125 + 2;

fn pings(count: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..count {
        frame::write(&mut bytes, Opcode::Ping, &[1; 125], MASK);
    }
    bytes
}

/// It is read for as long as what it is owed is below the bound, and not much further.
pub(crate) fn replies() {
    let room_bytes = 4_096;
    let mut single = Single::new(&SimConfig { room_bytes, ..SimConfig::default() }, |_| ());
    let clients = single.open("/sub/news", 2);
    let (modest, greedy) = (clients[0], clients[1]);
    single.stall(&clients, true);
    let received = single.counter("bytes_received");

    let below = (REPLY_BYTES_MAX - 10_000) / PONG;
    // In several sends, so that some find the replies before them parked.
    for _ in 0..10 {
        single.net.write(modest, &pings(below / 10));
        single.turn(3);
    }
    let read_of_modest = single.counter("bytes_received") - received;
    assert_eq!(read_of_modest, below / 10 * 10 * PING, "it is owed less than the bound");

    let many = 4 * REPLY_BYTES_MAX / PONG;
    for _ in 0..10 {
        single.net.write(greedy, &pings(many / 10));
        single.turn(3);
    }
    let read = single.counter("bytes_received") - received - read_of_modest;
    // Bytes that were received with the last that fit are held, and a receive has at most these.
    let receive = SimConfig::default().receive_bytes_max as usize;
    assert!(read >= REPLY_BYTES_MAX - receive, "{read} bytes read");
    assert!(read <= 2 * (REPLY_BYTES_MAX + room_bytes) + 2 * receive, "{read} bytes read");

    single.stall(&clients, false);
    let mut answered = vec![0; 2];
    for _ in 0..200 {
        single.turn(1);
        let more = single.read(&clients);
        answered.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
    }
    assert_eq!(answered, [below / 10 * 10 * PONG, many / 10 * 10 * PONG], "all of it in the end");
}

/// A client that reads little by little makes progress and stays; it gets all of it, and each
/// publication counts once. One that reads nothing for as long as a socket may be full is closed.
pub(crate) fn slow_readers() {
    let room_bytes = 4_096;
    let mut single = Single::new(&SimConfig { room_bytes, ..SimConfig::default() }, |config| {
        config.timeouts.stall_ms = 10_000;
        config.timeouts.ping_interval_ms = 3_600_000;
    });
    let (times, bytes) = (20, 6_000);
    let listeners = single.open("/sub/news", 2);
    let echoes = single.open("/echo", 1);
    let (slow, dead) = (vec![listeners[0], echoes[0]], listeners[1]);
    let all = [slow.as_slice(), &[dead]].concat();
    single.stall(&all, true);
    // The first is larger than all that a socket takes in one stall, so that the rest of it waits long.
    single.publish(1, 60_000);
    single.publish(times - 1, bytes);
    let mut message = Vec::new();
    frame::write(&mut message, Opcode::Binary, &vec![7; 60_000], MASK);
    single.net.write(echoes[0], &message);

    let mut got = vec![0; 2];
    let mut closed_at_ms = None;
    for _ in 0..70 {
        single.turn(3);
        single.stall(&slow, false);
        single.stall(&slow, true);
        let more = single.read(&slow);
        got.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
        if single.counter("closed_slow") > 0 {
            closed_at_ms.get_or_insert(single.now_ms);
        }
        // Less than a socket may be full, and more than half of it.
        for _ in 0..6 {
            single.turn(1);
            single.now_ms += 1_000;
        }
    }
    let owed = 60_000 + 4 + (times - 1) * (bytes + 4);
    assert_eq!(got, [owed, 60_000 + 4], "all of it in the end");
    let took_ms = closed_at_ms.unwrap() - 1_000;
    assert!((10_000..20_000).contains(&took_ms), "closed after {took_ms} ms");
    assert_eq!(single.counter("closed_slow"), 1);
    // The dead one had a part of the first.
    assert_eq!(single.counter("deliveries"), times + 1);
}

/// An answer that a client does not read is not followed by more than what was read with its request.
pub(crate) fn large_replies() {
    let mut single = Single::new(&SimConfig::default(), |_| ());
    let clients = single.open("/echo", 1);
    single.stall(&clients, true);
    let mut message = Vec::new();
    frame::write(&mut message, Opcode::Binary, &vec![7; 300_000], MASK);
    let received = single.counter("bytes_received");
    single.net.write(clients[0], &message);
    single.turn(50);
    assert_eq!(single.counter("bytes_received") - received, message.len());
    single.net.write(clients[0], &message);
    single.turn(50);
    let read = single.counter("bytes_received") - received - message.len();
    assert!(read <= SimConfig::default().receive_bytes_max as usize, "{read} bytes read");
    single.stall(&clients, false);
    single.turn(50);
    assert_eq!(single.read(&clients), [2 * (300_000 + 10)]);
}

/// So many are served, and the next are refused; each that leaves makes room for one.
pub(crate) fn places() {
    let mut single = Single::new(&SimConfig::default(), |config| config.connections_max = 10);
    let ask = |count: usize, single: &mut Single| {
        let clients: Vec<_> = (0..count)
            .map(|_| {
                let client = single.net.connect(([127, 0, 0, 1], 1_024).into());
                single.net.write(client, b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
                client
            })
            .collect();
        single.turn(10);
        let statuses: Vec<_> = clients
            .iter()
            .map(|client| Head::take(&mut single.net.read(*client)).unwrap().status)
            .collect();
        (clients, statuses)
    };
    let (clients, statuses) = ask(12, &mut single);
    assert_eq!(statuses, [&[200; 10][..], &[503; 2]].concat());
    assert_eq!(single.counter("refused_full"), 2);
    single.net.reset(clients[3]);
    single.turn(5);
    assert_eq!(ask(2, &mut single).1, [200, 503]);
    // A refusal for lack of room is counted by itself.
    assert_eq!(single.counter("refused_request"), 0);
    single.net.write(clients[0], b"GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n");
    single.turn(5);
    assert_eq!(single.counter("refused_request"), 1);
}

/// What comes behind a poll that is held is kept up to the size of a head, and refused beyond it.
pub(crate) fn behind_polls() {
    let mut single = Single::new(&SimConfig::default(), |config| config.head.bytes_max = 2_000);
    for (behind, is_held) in [(0, true), (1_900, true), (2_000, true), (2_001, false)] {
        let client = single.net.connect(([127, 0, 0, 1], 1_024).into());
        single.net.write(client, b"GET /sub/news HTTP/1.1\r\nHost: a\r\n\r\n");
        single.turn(5);
        let held = single.counter("polls_held");
        single.net.write(client, &vec![b'x'; behind]);
        single.turn(5);
        let answer = single.net.read(client);
        assert_eq!(answer.is_empty(), is_held, "{behind} bytes: {answer:?}");
        assert_eq!(single.counter("polls_held"), if is_held { held } else { held - 1 });
        single.net.reset(client);
        single.turn(5);
    }
}

/// A burst of so many publications, so many a second after it, and the end for a client that sends more.
pub(crate) fn publications() {
    let per_second = 5;
    let mut single = Single::new(&SimConfig::default(), |config| {
        let rules = Rules {
            share_percent: 100,
            slow_policy: SlowPolicy::Disconnect,
            tail: Bounds { publications: 1_024, bytes: 8 << 20 },
            history: Bounds { publications: 0, bytes: 0 },
            history_ttl_ms: 0,
        };
        let clients = ClientRules {
            publish: Access::Anyone,
            publish_per_second: per_second as u32,
            ..ClientRules::default()
        };
        config.namespaces = NamespaceRules::new(&Namespaces::new((rules, clients), [], false));
    });
    let clients = single.open("/sub/news", 2);
    let mut message = Vec::new();
    frame::write(&mut message, Opcode::Binary, &[7; 10], MASK);
    for _ in 0..3 {
        single.net.write(clients[0], &message.repeat(per_second));
        single.turn(5);
        single.now_ms += 1_000;
    }
    assert_eq!(single.counter("published_by_clients"), 3 * per_second);
    assert_eq!(single.counter("closed_policy"), 0);
    single.net.write(clients[1], &message.repeat(per_second + 1));
    single.turn(5);
    assert_eq!(single.counter("published_by_clients"), 4 * per_second);
    assert_eq!(single.counter("closed_policy"), 1);
}

/// A client whose requests wait for the homes of their channels is not read any further than the bound,
/// however many are answered.
pub(crate) fn waiting_requests() {
    let mut single = Single::new(&SimConfig::default(), |_| ());
    let client = single.net.connect(([127, 0, 0, 1], 1_024).into());
    let request = |nth: usize| format!("GET /sub/n{nth:05}?poll=1 HTTP/1.1\r\nHost: a\r\n\r\n");
    let times = 3_000;
    let requests: String = (0..times).map(request).collect();
    single.net.write(client, requests.as_bytes());
    let held_max =
        HeadLimits::default().bytes_max + SimConfig::default().receive_bytes_max as usize;
    let (mut answered, mut most) = (0, 0);
    for _ in 0..4 * times {
        single.turn(1);
        let bytes = single.net.read(client);
        answered += bytes.windows(9).filter(|window| window == b"HTTP/1.1 ").count();
        most = most.max(single.counter("bytes_received") - answered * request(0).len());
    }
    assert_eq!(answered, times);
    assert!(most <= held_max, "{most} bytes held");
}

/// The room of a socket may end where a publication does, again and again: that is progress, too.
pub(crate) fn whole_batches() {
    let room_bytes = 65_536;
    let mut single = Single::new(&SimConfig { room_bytes, ..SimConfig::default() }, |config| {
        config.timeouts.stall_ms = 10_000;
        config.timeouts.ping_interval_ms = 3_600_000;
    });
    let clients = single.open("/sub/news", 1);
    single.stall(&clients, true);
    let times = 5;
    single.publish(times, room_bytes - 4);
    for _ in 0..times {
        single.turn(3);
        assert_eq!(single.read(&clients), [0]);
        single.now_ms += 6_000;
        single.stall(&clients, false);
        assert_eq!(single.read(&clients), [room_bytes]);
        single.stall(&clients, true);
    }
    assert_eq!(single.counter("closed_slow"), 0);
    assert_eq!(single.counter("deliveries"), times);
}
