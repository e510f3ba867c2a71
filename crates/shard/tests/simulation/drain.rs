//! Drains: who is told when, and what becomes of those who come and of those who wait.

use switchboard_hub::{ChannelName, ShardId};
use switchboard_plane::sim::{ClientId, ClientState, SimConfig, SimNet};
use switchboard_shard::{Command, Next, Shard};
use switchboard_ws::close::write_close;
use switchboard_ws::frame::{self, Opcode};
use switchboard_ws::message::{Event, MessageLimits, Receiver, Role};

use crate::hooks::frames;
use crate::plan::{INTERNAL, Plan};
use crate::single::{Single, upgrade};
use crate::websocket::MASK;
use crate::world::World;

const DRAIN_MS: u64 = 4_000;

/// Clients that are told in one turn at most, as the shard has it.
const TOLD_MAX: usize = 256;

fn single() -> Single {
    Single::new(&SimConfig::default(), |config| {
        config.timeouts.drain_ms = DRAIN_MS;
        config.timeouts.stop_ms = 5_000;
        config.timeouts.close_ms = 2_000;
        config.timeouts.ping_interval_ms = 3_600_000;
    })
}

fn connect(single: &Single, listener: u16, request: &str) -> ClientId {
    let client = single.net.connect_to(listener, ([127, 0, 0, 1], 1_024).into());
    single.net.write(client, request.as_bytes());
    client
}

/// What a client got until now, as text.
fn heard(single: &Single, client: ClientId) -> String {
    String::from_utf8_lossy(&single.net.read(client)).into_owned()
}

fn answer_close(single: &Single, client: ClientId) {
    let mut bytes = Vec::new();
    write_close(&mut bytes, 1012, "", MASK);
    single.net.write(client, &bytes);
}

/// Turns until the shard has ended, as often as it wishes, and at least every 10 ms.
fn run_to_end(single: &mut Single, mut look: impl FnMut(&mut Single)) {
    for _ in 0..100_000 {
        let next = single.shard.turn(single.now_ms).unwrap();
        look(single);
        match next {
            Next::Ended => return,
            Next::Now => {}
            Next::At(at_ms) => single.now_ms = at_ms.clamp(single.now_ms + 1, single.now_ms + 10),
        }
    }
    panic!("it does not end");
}

/// Hundreds of clients: about as many in each part of the time, a share of a turn's time in each turn, and
/// every publication until then. Nobody is forgotten.
pub(crate) fn spread() {
    let mut single = single();
    let clients = single.open("/sub/news", 800);
    let begun_ms = single.now_ms;
    single.drain();
    let mut told_ms = vec![None; clients.len()];
    let mut got = vec![0; clients.len()];
    let (mut published, mut due_ms, mut last_ms) = (0, begun_ms, begun_ms);
    let look = |single: &mut Single| {
        let mut now = 0;
        for (nth, client) in clients.iter().enumerate() {
            let (messages, code) = frames(&single.net.read(*client));
            assert!(told_ms[nth].is_none() || (messages.is_empty() && code.is_none()));
            got[nth] += messages.len();
            if let Some(code) = code {
                assert_eq!(code, 1012);
                // All but what may come in this turn.
                assert!(published - got[nth] <= 1, "{} of {published}", got[nth]);
                told_ms[nth] = Some(single.now_ms - begun_ms);
                answer_close(single, *client);
                now += 1;
            }
        }
        // A turn after 10 ms has the share of so long: two clients, three at most, and one that was late.
        assert!(now <= 5, "{now} told at once, {} ms after others", single.now_ms - last_ms);
        last_ms = single.now_ms;
        if single.now_ms >= due_ms && single.counter("websockets_open") > 0 {
            single.publish(1, 20);
            published += 1;
            due_ms += 200;
        }
    };
    run_to_end(&mut single, look);
    let mut quarters = [0; 4];
    for told_ms in &told_ms {
        quarters[(told_ms.unwrap() * 4 / DRAIN_MS).min(3) as usize] += 1;
    }
    assert!(quarters.iter().all(|quarter| (150..250).contains(quarter)), "{quarters:?}");
    assert!(published >= 19, "{published} publications");
    let last_ms = told_ms.iter().flatten().max().unwrap();
    assert!(*last_ms > DRAIN_MS * 9 / 10 && single.now_ms <= begun_ms + DRAIN_MS, "{last_ms} ms");
    assert_eq!(single.counter("closed_drain"), clients.len());
}

/// Where the shard could not turn for long, all are due, and it has other things to do as well.
pub(crate) fn bounded() {
    let mut single = single();
    let clients = single.open("/sub/news", 1_000);
    single.drain();
    single.turn(1);
    single.now_ms += DRAIN_MS - 1;
    let mut parts = Vec::new();
    loop {
        let next = single.shard.turn(single.now_ms).unwrap();
        parts.push(single.read(&clients).iter().filter(|bytes| **bytes > 0).count());
        if next != Next::Now {
            break;
        }
        assert!(parts.len() < 10, "{parts:?}");
    }
    assert_eq!(parts.iter().max(), Some(&TOLD_MAX), "{parts:?}");
    // The last ones may be due in the last millisecond.
    assert!(parts.iter().sum::<usize>() >= clients.len() - 4, "{parts:?}");
}

pub(crate) fn without_clients() {
    let mut single = single();
    // Connections of backends do not hold it up.
    connect(&single, INTERNAL, "");
    single.turn(2);
    let begun_ms = single.now_ms;
    single.drain();
    run_to_end(&mut single, |_| ());
    assert!(single.now_ms <= begun_ms + 100, "{} ms", single.now_ms - begun_ms);
}

/// It does not wait for the end of its time.
pub(crate) fn early() {
    let mut single = single();
    let clients = single.open("/sub/news", 3);
    let begun_ms = single.now_ms;
    single.drain();
    single.turn(2);
    for client in &clients {
        single.net.reset(*client);
    }
    run_to_end(&mut single, |_| ());
    assert!(single.now_ms < begun_ms + DRAIN_MS / 2, "{} ms", single.now_ms - begun_ms);
}

/// Those who had connected get what they came for, although they are accepted later; who comes then does not, and
/// the internal API goes on.
pub(crate) fn queue() {
    let mut single = single();
    single.open("/sub/news", 5);
    let waiting: Vec<_> = (0..5).map(|_| connect(&single, 0, &upgrade("/sub/news"))).collect();
    single.drain();
    single.turn(1);
    let late = connect(&single, 0, &upgrade("/sub/news"));
    single.turn(3);
    for client in &waiting {
        assert!(heard(&single, *client).starts_with("HTTP/1.1 101 "));
    }
    assert_eq!((single.net.state(late), heard(&single, late).len()), (ClientState::Waiting, 0));
    single.now_ms += 600;
    single.turn(3);
    assert_eq!(single.net.state(late), ClientState::Reset, "the listener is closed");
    let next = connect(&single, 0, &upgrade("/sub/news"));
    assert_eq!(single.net.state(next), ClientState::Reset);

    let backend = connect(&single, INTERNAL, "PUT /pub/news HTTP/1.1\r\nHost: localhost\r\n");
    single.net.write(backend, b"Content-Length: 2\r\n\r\nhi");
    single.turn(5);
    let receipt = heard(&single, backend);
    assert!(receipt.starts_with("HTTP/1.1 201 "), "{receipt}");
    assert!(receipt.contains("Connection: keep-alive"), "{receipt}");
}

/// Each is told where it is, that it should come back, and when, in as far as its way can say so. Nobody is
/// reset.
pub(crate) fn ways() {
    let mut single = single();
    let get = |path: &str, lines: &str| format!("GET {path} HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
    let events = connect(&single, 0, &get("/sub/news", "Accept: text/event-stream\r\n"));
    let poll = connect(&single, 0, &get("/sub/news", ""));
    let idle = connect(&single, 0, &get("/health", ""));
    let sdk = connect(&single, 0, &upgrade("/connection/websocket"));
    single.turn(10);
    assert_eq!(single.counter("polls_held"), 1);
    let all = [events, poll, idle, sdk];
    single.read(&all);
    single.drain();
    let mut said = vec![String::new(); all.len()];
    let look = |single: &mut Single| {
        for (text, client) in said.iter_mut().zip(all) {
            text.push_str(&heard(single, client));
            if single.net.state(client) == ClientState::Finished {
                single.net.half_close(client);
            }
            assert_ne!(single.net.state(client), ClientState::Reset);
        }
    };
    run_to_end(&mut single, look);
    let [events, poll, idle, sdk] = &said[..] else { unreachable!() };
    let retry_ms = events.split_once("retry: ").and_then(|(_, rest)| rest.split_once('\n'));
    let retry_ms: u32 = retry_ms.unwrap_or_else(|| panic!("{events}")).0.parse().unwrap();
    assert!((1_000..=3_000).contains(&retry_ms) && events.ends_with("\r\n0\r\n\r\n"), "{events}");
    assert!(poll.starts_with("HTTP/1.1 304 ") && poll.contains("\r\nETag: "), "{poll}");
    assert!(poll.contains("\r\nRetry-After: "), "{poll}");
    assert!(poll.contains("\r\nConnection: close\r\n"), "{poll}");
    assert_eq!(idle, "", "between two requests");
    assert!(sdk.contains("shutdown"), "{sdk:?}");
}

/// A request that has begun is answered, and it is the last of its connection; load balancers are sent away.
pub(crate) fn requests() {
    let mut single = single();
    let begun = connect(&single, 0, "GET /health HTTP/1.1\r\nHo");
    let silent = connect(&single, 0, "");
    single.turn(5);
    single.drain();
    for _ in 0..30 {
        single.turn(2);
        single.now_ms += 100;
    }
    assert_eq!(single.net.state(silent), ClientState::Finished, "nothing comes of it");
    assert_eq!(single.net.state(begun), ClientState::Open);
    single.net.write(begun, b"st: a\r\n\r\n");
    single.turn(5);
    let answer = heard(&single, begun);
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.ends_with("draining\n"), "{answer}");
    assert!(answer.contains("\r\nConnection: close\r\n"), "{answer}");
    assert_eq!(single.net.state(begun), ClientState::Finished);
}

/// A request that does not become whole is waited for until the end.
pub(crate) fn left_over() {
    let mut single = single();
    let begun = connect(&single, 0, "GET /health HTTP/1.1\r\nHo");
    single.turn(5);
    let begun_ms = single.now_ms;
    single.drain();
    run_to_end(&mut single, |_| ());
    assert_eq!(single.now_ms, begun_ms + DRAIN_MS);
    assert_eq!((single.net.state(begun), heard(&single, begun).len()), (ClientState::Finished, 0));
}

pub(crate) fn stopped() {
    let mut single = single();
    let clients = single.open("/sub/news", 40);
    let begun_ms = single.now_ms;
    single.drain();
    single.turn(1);
    single.handle.send(Command::Stop);
    let mut told = 0;
    run_to_end(&mut single, |single| {
        for client in &clients {
            let (_, code) = frames(&single.net.read(*client));
            assert!(code.is_none_or(|code| code == 1012));
            told += usize::from(code.is_some());
        }
    });
    let took_ms = single.now_ms - begun_ms;
    assert_eq!(told, clients.len());
    assert!((2_000..4_000).contains(&took_ms), "as long as a Close frame may take: {took_ms} ms");
}

/// A stop closes a publishing stream behind the receipts of what it has taken, which another shard owes.
pub(crate) fn receipts() {
    let plan = Plan { shards: 2, faults: false, ..Plan::roomy(0) };
    let common = plan.common();
    let shard = |id| {
        let (plane, net) = SimNet::new(1, SimConfig::default());
        (Shard::new(plane, ShardId(id), &common, 1, 1_000), net)
    };
    let ((mut own, net), (mut home, _)) = (shard(0), shard(1));
    let is_there =
        |name: &String| common.router.home(&ChannelName::new(name).unwrap()) == ShardId(1);
    let name = (0..100).map(|nth| format!("c{nth}")).find(is_there).unwrap();
    let stream = net.connect_to(INTERNAL, ([127, 0, 0, 1], 1_024).into());
    let request = upgrade("/publish").replace("Host: a", "Host: localhost");
    net.write(stream, request.as_bytes());
    (0..3).for_each(|_| assert_ne!(own.turn(1_000).unwrap(), Next::Ended));
    assert!(net.read(stream).starts_with(b"HTTP/1.1 101 "));
    let mut message = Vec::new();
    let line = format!(r#"{{"channel":"{name}","data":"x"}}"#);
    frame::write(&mut message, Opcode::Text, line.as_bytes(), MASK);
    net.write(stream, &message);
    own.turn(1_000).unwrap();
    common.handles.iter().for_each(|handle| handle.send(Command::Stop));
    (0..3).for_each(|_| assert_ne!(own.turn(1_000).unwrap(), Next::Ended));
    assert_eq!(net.read(stream), b"", "it owes a receipt");
    home.turn(1_000).unwrap();
    (0..3).for_each(|_| assert_ne!(own.turn(1_000).unwrap(), Next::Ended));
    let mut said = net.read(stream);
    let (mut receiver, limits) = (Receiver::default(), MessageLimits::default());
    let step = receiver.next(&mut said, Role::Client, &limits).unwrap();
    assert!(matches!(step.event, Some(Event::Text(text)) if text.contains("position")));
    let used = step.consumed;
    let step = receiver.next(&mut said[used..], Role::Client, &limits).unwrap();
    assert_eq!(step.event, Some(Event::Close(Some((1001, "the server is stopping")))));
}

impl World {
    /// The shards drain while backends go on to publish. All clients are told in time, and have had everything in
    /// order until then.
    pub(crate) fn drain(mut self) {
        for handle in &self.handles {
            handle.send(Command::Drain);
        }
        // A turn of each of the shards may come late.
        let late_ms = 100 * u64::from(self.plan.shards);
        let until_ms = self.now_ms + self.plan.config().timeouts.drain_ms + late_ms;
        while self.clients.iter().any(|client| client.line.is_some()) {
            assert!(self.now_ms < until_ms, "all are told in time");
            if self.random.one_in(8) {
                self.publish_somewhere();
            }
            let shard = self.random.below(self.shards.len());
            self.turn_unread(shard);
            self.read();
            self.now_ms += self.random.below(10) as u64;
        }
        self.end();
    }
}
