//! Events to a backend that takes them, fails or refuses.

use std::time::{Duration, Instant};

use serde_json::Value;
use switchboard_hooks::{Event, EventKind};
use switchboard_hub::ChannelName;
use tokio::runtime::Handle;

use super::backend::{Backend, Reaction};
use crate::hooks::{EventsConfig, Hooks, HooksConfig};

fn config(backend: &Backend) -> EventsConfig {
    EventsConfig {
        endpoint: backend.endpoint(10_000),
        wanted: vec!["disconnected", "occupied", "vacated"],
        batch: Duration::from_millis(20),
        debounce: Duration::from_millis(100),
        queue_max: 65_536,
    }
}

fn hooks(events: EventsConfig) -> Hooks {
    let config = HooksConfig { events: Some(events), ..HooksConfig::default() };
    Hooks::start(config, &Handle::current()).unwrap()
}

fn event(number: u64) -> Event {
    let kind = EventKind::Disconnected { connection: number.to_string(), user: "".into() };
    Event { time_ms: number, kind }
}

fn channel(is_occupied: bool) -> Event {
    let channel = ChannelName::new("a").unwrap();
    let kind =
        if is_occupied { EventKind::Occupied { channel } } else { EventKind::Vacated { channel } };
    Event { time_ms: 0, kind }
}

fn counters(hooks: &Hooks) -> [u64; 3] {
    let counters = hooks.stats().json().unwrap();
    ["sent", "dropped", "queued"].map(|name| counters["events"][name].as_u64().unwrap())
}

async fn until(hooks: &Hooks, expected: [u64; 3]) {
    let began = Instant::now();
    while counters(hooks) != expected {
        assert!(began.elapsed() < Duration::from_secs(30), "{:?}", counters(hooks));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The events of each request.
fn batches(backend: &Backend) -> Vec<Vec<Value>> {
    let events = |body: Value| body["events"].as_array().unwrap().clone();
    backend.seen().iter().map(|seen| events(seen.json())).collect()
}

#[tokio::test]
async fn events_come_in_order_in_bounded_batches() {
    let backend = Backend::start(|_, _| Reaction::Answer(204, String::new())).await;
    let hooks = hooks(config(&backend));
    hooks.tell((0..1_500).map(event).collect());
    hooks.tell((1_500..2_500).map(event).collect());
    let connected = EventKind::Connected {
        connection: "x".to_owned(),
        transport: "websocket",
        user: "".into(),
    };
    hooks.tell(vec![Event { time_ms: 0, kind: connected }]);
    until(&hooks, [2_500, 0, 0]).await;
    let batches = batches(&backend);
    assert!(batches.iter().all(|batch| batch.len() <= 1_000), "{}", batches.len());
    let times: Vec<u64> =
        batches.iter().flatten().map(|event| event["time_ms"].as_u64().unwrap()).collect();
    assert_eq!(times, (0..2_500).collect::<Vec<_>>());
    assert_eq!(backend.most_together(), 1);
}

#[tokio::test]
async fn a_batch_is_sent_until_it_is_taken() {
    let backend = Backend::start(|number, _| match number {
        0 => Reaction::Die,
        1 => Reaction::Answer(500, String::new()),
        2 => Reaction::Answer(429, String::new()),
        _ => Reaction::ok("thanks"),
    })
    .await;
    let hooks = hooks(config(&backend));
    hooks.tell(vec![event(1), event(2)]);
    until(&hooks, [2, 0, 0]).await;
    let batches = batches(&backend);
    assert!(batches.len() == 4 && batches.iter().all(|batch| batch.len() == 2), "{batches:?}");
}

#[tokio::test]
async fn what_the_backend_refuses_is_not_sent_again() {
    let backend = Backend::start(|number, _| match number {
        0 => Reaction::Answer(422, String::new()),
        _ => Reaction::ok(""),
    })
    .await;
    let hooks = hooks(config(&backend));
    hooks.tell(vec![event(1)]);
    until(&hooks, [0, 1, 0]).await;
    hooks.tell(vec![event(2)]);
    until(&hooks, [1, 1, 0]).await;
}

#[tokio::test]
async fn what_does_not_fit_is_dropped_and_what_was_before_stays() {
    let backend = Backend::start(|number, _| match number {
        0 => Reaction::Later(Duration::from_millis(300), String::new()),
        _ => Reaction::ok(""),
    })
    .await;
    let hooks = hooks(EventsConfig { queue_max: 10, ..config(&backend) });
    hooks.tell((0..8).map(event).collect());
    hooks.tell((8..14).map(event).collect());
    hooks.tell(vec![event(14)]);
    until(&hooks, [10, 5, 0]).await;
    let last = batches(&backend).concat().pop().unwrap();
    assert_eq!(last["time_ms"], 9);
}

#[tokio::test]
async fn what_is_undone_in_a_moment_is_not_told() {
    let backend = Backend::start(|_, _| Reaction::ok("")).await;
    let hooks = hooks(config(&backend));
    hooks.tell(vec![channel(true), channel(false), channel(true), channel(false), event(1)]);
    until(&hooks, [1, 0, 0]).await;
    hooks.tell(vec![channel(true)]);
    until(&hooks, [2, 0, 0]).await;
    let told = batches(&backend).concat();
    assert_eq!((told.len(), &told[1]["type"]), (2, &Value::from("occupied")));
}

#[tokio::test]
async fn what_waits_is_told_at_the_stop() {
    let backend = Backend::start(|_, _| Reaction::ok("")).await;
    let slow = Duration::from_hours(1);
    let hooks = hooks(EventsConfig { batch: slow, debounce: slow, ..config(&backend) });
    hooks.tell((0..2_001).map(event).collect());
    hooks.tell(vec![event(2_001), channel(true)]);
    hooks.stop(Duration::from_secs(30)).await;
    assert_eq!(counters(&hooks), [2_003, 0, 0]);
    let told = batches(&backend).concat();
    assert_eq!((told.len(), &told[2_002]["type"]), (2_003, &Value::from("occupied")));
}

#[tokio::test]
async fn a_stop_does_not_wait_for_a_backend_that_hangs() {
    let backend = Backend::start(|_, _| Reaction::Hang).await;
    let hooks = hooks(config(&backend));
    hooks.tell(vec![event(1)]);
    let began = Instant::now();
    hooks.stop(Duration::from_millis(100)).await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(counters(&hooks), [0, 1, 0]);
}
