//! What one turn does at most: each bound by itself, with as many clients as it takes to reach it.

use switchboard_hub::{ChannelName, ShardId};
use switchboard_plane::sim::{SimConfig, SimNet};
use switchboard_shard::{Next, Shard};
use switchboard_ws::frame::{self, Opcode};

use crate::plan::Plan;
use crate::single::{Single, upgrade};
use crate::websocket::MASK;

/// As the shard has them.
const REPLY_BYTES_MAX: usize = 64 << 10;
const CATCH_UP_BYTES_MAX: usize = 256 << 10;
const CATCH_UP_TURN_BYTES_MAX: usize = 4 << 20;
const BATCH_BYTES_MAX: usize = 64 << 10;
const MAILBOX_BYTES_MAX: usize = 8 << 20;
const SLICE_SENDS_MAX: usize = 256;
const SWEEP_ACTIONS_MAX: usize = 512;

/// Clients that fell behind and read again get a bounded part at a time, in one turn and each.
pub(crate) fn catch_up() {
    let mut single = Single::new(&SimConfig::default(), |config| {
        config.timeouts.stall_ms = 3_600_000;
        config.timeouts.ping_interval_ms = 3_600_000;
    });
    let clients = single.open("/sub/news", 60);
    single.stall(&clients, true);
    let (times, bytes) = (100, 10_000);
    single.publish(times, bytes);
    single.turn(50);
    let owed = times * (bytes + 4);
    let mut got = vec![0; clients.len()];
    single.stall(&clients, false);
    let (mut most_of_turn, mut most_of_client) = (0, 0);
    for _ in 0..100 {
        let before = single.read(&clients);
        single.turn(1);
        let more = single.read(&clients);
        most_of_turn = most_of_turn.max(more.iter().sum());
        most_of_client = most_of_client.max(*more.iter().max().unwrap());
        for (sum, more) in got.iter_mut().zip(before.iter().zip(more)) {
            *sum += more.0 + more.1;
        }
    }
    assert!(got.iter().all(|got| *got == owed), "{got:?} of {owed}");
    assert!(most_of_client <= CATCH_UP_BYTES_MAX + 2 * BATCH_BYTES_MAX, "{most_of_client} to one");
    assert!(
        most_of_turn <= CATCH_UP_TURN_BYTES_MAX + CATCH_UP_BYTES_MAX + 2 * BATCH_BYTES_MAX,
        "{most_of_turn} in one turn"
    );
    // Nor so little that a turn does next to nothing.
    assert!(most_of_client > CATCH_UP_BYTES_MAX / 2, "{most_of_client} to one at most");
    assert!(most_of_turn > CATCH_UP_TURN_BYTES_MAX / 2, "{most_of_turn} in one turn at most");
}

/// Clients are not read while another shard has so much of what they published that it is not done with.
pub(crate) fn mailbox() {
    let (clients, times, bytes) = (40, 10, 60_000);
    let plan = Plan { shards: 2, faults: false, ..Plan::roomy(0) };
    let common = plan.common();
    let shard = |id| {
        let (plane, net) = SimNet::new(1, SimConfig::default());
        (Shard::new(plane, ShardId(id), &common, 1, 1_000), net)
    };
    let ((mut own, net), (mut home, _)) = (shard(0), shard(1));
    let names = (0..).map(|nth| format!("demo:{nth}"));
    let is_there =
        |name: &String| common.router.home(&ChannelName::new(name).unwrap()) == ShardId(1);
    let mut message = Vec::new();
    frame::write(&mut message, Opcode::Binary, &vec![7; bytes], MASK);
    for name in names.filter(is_there).take(clients) {
        let client = net.connect(([127, 0, 0, 1], 1_024).into());
        net.write(client, upgrade(&format!("/sub/{name}")).as_bytes());
        net.write(client, &message.repeat(times));
    }
    let published = || {
        let handle = &common.handles[0];
        handle.counters().iter().find(|(name, _)| *name == "published_by_clients").unwrap().1
    };
    // The homes have to answer before the clients may publish.
    for _ in 0..3 {
        own.turn(1_000).unwrap();
        home.turn(1_000).unwrap();
    }
    let before = published() as usize;
    for _ in 0..500 {
        own.turn(1_000).unwrap();
    }
    let held = (published() as usize - before) * bytes;
    assert!(held >= MAILBOX_BYTES_MAX / 2, "{held} bytes");
    // The bound is looked at between turns: what one turn receives goes beyond it, and with it what each
    // client sent of a message before.
    let turn = SimConfig::default().receives_max * SimConfig::default().receive_bytes_max;
    assert!(held <= MAILBOX_BYTES_MAX + turn as usize + clients * bytes, "{held} bytes");
    for _ in 0..500 {
        own.turn(1_000).unwrap();
        home.turn(1_000).unwrap();
    }
    assert_eq!(published() as usize, clients * times, "all of it in the end");
}

/// Where many others come, those who listen do not get a small slice in each of the long turns.
pub(crate) fn slices_beside_events() {
    let mut single = Single::new(&SimConfig::default(), |_| ());
    let listeners = single.open("/sub/news", 1_000);
    let crowd: Vec<_> =
        (0..900).map(|_| single.net.connect(([127, 0, 0, 1], 1_024).into())).collect();
    single.turn(10);
    for client in &crowd {
        single.net.write(*client, upgrade("/echo").as_bytes());
    }
    single.publish(1, 100);
    let (mut turns, mut got, mut come) = (0, 0, 0);
    while got < listeners.len() && turns < 10 {
        single.turn(1);
        turns += 1;
        got += single.read(&listeners).iter().filter(|bytes| **bytes > 0).count();
        come += single.read(&crowd).iter().filter(|bytes| **bytes > 0).count();
    }
    assert_eq!((turns, got, come), (2, listeners.len(), crowd.len()));
}

/// A large channel is served a slice in each turn.
pub(crate) fn slices() {
    let mut single = Single::new(&SimConfig::default(), |_| ());
    let clients = single.open("/sub/news", 1_000);
    single.publish(1, 100);
    let (mut most, mut got) = (0, 0);
    for _ in 0..50 {
        single.turn(1);
        let sends = single.read(&clients).iter().filter(|bytes| **bytes > 0).count();
        most = most.max(sends);
        got += sends;
    }
    assert_eq!((most, got), (SLICE_SENDS_MAX, clients.len()));
}

/// Requests behind each other are answered up to a bound in one go, also where the client reads.
pub(crate) fn answers() {
    let sim = SimConfig { receive_bytes_max: 64 << 10, ..SimConfig::default() };
    let mut single = Single::new(&sim, |_| ());
    let client = single.net.connect(([127, 0, 0, 1], 1_024).into());
    let request = "GET /health HTTP/1.1\r\nHost: a\r\n\r\n";
    single.net.write(client, request.as_bytes());
    single.turn(3);
    let answer = single.read(&[client])[0];
    assert!(
        answer > 2 * request.len(),
        "one receive has more requests than may be answered at once"
    );
    let times = 10_000;
    single.net.write(client, request.repeat(times).as_bytes());
    let (mut most, mut all) = (0, 0);
    for _ in 0..500 {
        single.turn(1);
        let more = single.read(&[client])[0];
        most = most.max(more);
        all += more;
    }
    assert_eq!(all, times * answer);
    // The stages of what was received and of what was held.
    assert!(most <= 2 * (REPLY_BYTES_MAX + answer), "{most} bytes in one turn");
    assert!(most > REPLY_BYTES_MAX / 2, "{most} bytes in one turn at most");
}

/// Those who came together are pinged in parts, each once; what is left of a step follows at once.
pub(crate) fn sweep() {
    let sim = SimConfig { connections_max: 12_000, ..SimConfig::default() };
    let mut single = Single::new(&sim, |config| {
        config.connections_max = 12_000;
        config.timeouts.ping_interval_ms = 10_000;
        config.timeouts.pong_ms = 3_600_000;
    });
    // So many that a step has three pages of them.
    let clients = single.open("/sub/news", 11_000);
    let mut pinged = vec![0; clients.len()];
    // All are due long before the next step.
    single.now_ms += 15_000;
    let mut parts = Vec::new();
    let turns = clients.len() / SWEEP_ACTIONS_MAX;
    for nth in 0..=turns {
        // The round began somewhere: the page before that comes with the next.
        single.now_ms += if nth == turns { 50 } else { 0 };
        single.turn(1);
        let more = single.read(&clients);
        parts.push(more.iter().filter(|bytes| **bytes > 0).count());
        pinged.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
    }
    assert!(pinged.iter().all(|bytes| *bytes == 2), "one ping for each, in one go: {parts:?}");
    assert_eq!(parts.iter().max(), Some(&SWEEP_ACTIONS_MAX), "{parts:?}");
}

/// A load balancer that asks while the clients of other pages are told sends nobody here any more.
pub(crate) fn health_of_a_stop() {
    let mut single = Single::new(&SimConfig::default(), |_| ());
    single.open("/sub/news", 600);
    let balancer = single.net.connect(([127, 0, 0, 1], 1_024).into());
    let ask = |single: &mut Single, turns| {
        single.net.write(balancer, b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n");
        single.turn(turns);
        String::from_utf8(single.net.read(balancer)).unwrap()
    };
    assert!(ask(&mut single, 3).starts_with("HTTP/1.1 200 "));
    single.stop();
    let answer = ask(&mut single, 1);
    assert!(
        answer.starts_with("HTTP/1.1 503 ") && answer.contains("Connection: close"),
        "{answer}"
    );
}

/// A stop tells the clients of one page in each turn, at once one after the other, and ends without those
/// that do not answer when its time is over.
pub(crate) fn stop() {
    let mut single = Single::new(&SimConfig::default(), |config| {
        config.timeouts.stop_ms = 5_000;
        config.timeouts.close_ms = 3_600_000;
        config.timeouts.ping_interval_ms = 3_600_000;
    });
    let clients = single.open("/sub/news", 2_500);
    single.stop();
    let (mut told, mut turns, mut most) = (0, 0, 0);
    while told < clients.len() {
        let next = single.shard.turn(single.now_ms).unwrap();
        turns += 1;
        assert!(turns <= 12, "{told} told in {turns} turns");
        let more = single.read(&clients).iter().filter(|bytes| **bytes > 0).count();
        most = most.max(more);
        told += more;
        assert_ne!(next, Next::Ended);
        assert_eq!(next == Next::Now, told < clients.len(), "{told} told");
    }
    assert!(most <= 256, "{most} told in one turn");
    single.now_ms += 4_999;
    single.turn(5);
    assert_eq!(single.counter("connections_open"), clients.len());
    single.now_ms += 1;
    single.turn(1);
    assert_eq!(single.counter("connections_open"), 0);
    assert_eq!(single.shard.turn(single.now_ms).unwrap(), Next::Ended);
}
