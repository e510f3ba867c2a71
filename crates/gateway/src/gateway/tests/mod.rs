mod engine;
mod world;

use switchboard_hub::{
    Condition, Draft, HistoryQuery, Kind, Outbox, ShardId, Start, Unpublished, Version,
};

use super::LINGER_MS;
use world::{Got, World, name};

#[test]
fn a_publication_reaches_all_nodes_and_its_publisher_has_a_receipt() {
    let mut world = World::new(3);
    assert!(world.nodes.iter().all(|node| node.gateway.is_ready()));
    for node in 0..2 {
        world.subscribe(node, "a", Start::Now);
    }
    world.publish(0, "a", "from 0");
    world.publish(2, "a", "from 2");
    world.run(100);
    for node in &world.nodes[..2] {
        assert_eq!(node.payloads(), ["from 0", "from 2"]);
    }
    assert!(world.nodes[2].got.is_empty());
    let receipts: Vec<_> =
        [0, 2].map(|node| world.nodes[node].published[0].clone().unwrap()).into();
    assert_eq!(receipts[0].position.epoch, receipts[1].position.epoch);
    assert!(receipts[0].position.offset < receipts[1].position.offset);
    assert_eq!(
        (receipts[0].subscribers, receipts[0].subscribed, receipts[0].messages),
        (1, true, 1)
    );
    assert_eq!(
        (receipts[1].subscribers, receipts[1].subscribed),
        (0, true),
        "elsewhere they may be"
    );
}

#[test]
fn whoever_comes_later_begins_in_the_history_of_the_stream() {
    let mut world = World::new(2);
    for payload in ["1", "2", "3"] {
        world.publish(0, "a", payload);
    }
    world.run(100);
    let first = world.nodes[0].published[0].clone().unwrap().position;
    world.subscribe(1, "a", Start::Earliest);
    assert_eq!(world.nodes[1].payloads(), ["1", "2", "3"]);
    world.nodes[1].got.clear();
    let mut world = world;
    world.subscribe(1, "a", Start::After(first));
    assert_eq!(world.nodes[1].payloads(), ["2", "3"], "resumed on another node");
    assert!(!world.nodes[1].got.contains(&Got::Missed));
}

#[test]
fn nothing_is_published_while_the_engine_is_away_and_nobody_misses_anything() {
    let mut world = World::new(2);
    world.subscribe(0, "a", Start::Now);
    world.disconnect(0);
    world.publish(0, "a", "refused");
    let refused = world.nodes[0].published.pop();
    assert_eq!(refused, Some(Err(Unpublished::Unavailable { retry_after_ms: 1_000 })));
    world.publish(1, "a", "missed at first");
    world.run(1_000);
    assert_eq!(world.nodes[0].payloads(), [""; 0]);
    world.connect(0);
    world.run(1_000);
    assert_eq!(world.nodes[0].payloads(), ["missed at first"]);
}

#[test]
fn a_subscriber_that_comes_while_the_engine_is_away_is_served_when_it_is_back() {
    let mut world = World::new(2);
    world.publish(1, "a", "before");
    world.disconnect(0);
    world.hand_over(0, vec![(ShardId(1), join("a", 9))]);
    world.run(5_000);
    world.connect(0);
    world.run(1_000);
    assert!(world.nodes[0].gateway.hub.is_used(&name("a")));
}

#[test]
fn a_key_publishes_once_on_whatever_node() {
    let mut world = World::new(2);
    let first = world.publish_once(0, "order-7").unwrap();
    let second = world.publish_once(1, "order-7").unwrap();
    assert_eq!(first.position, second.position);
    assert_ne!(world.publish_once(1, "order-8").unwrap().position, first.position);
}

#[test]
fn versions_are_refused() {
    let mut world = World::new(1);
    let version = Version { number: 1, epoch: "".into() };
    let condition = Condition { key: None, version: Some(version) };
    let published = world.ask(0, |gateway, now_ms, reply, out| {
        gateway.publish(now_ms, name("a"), (Draft::new(Kind::Text, b"x"), condition), reply, out);
    });
    assert_eq!(published, Err(Unpublished::Versioned));
}

#[test]
fn a_deletion_ends_the_subscribers_of_all_nodes() {
    let mut world = World::new(2);
    world.subscribe(0, "a", Start::Now);
    world.subscribe(1, "a", Start::Now);
    world.publish(0, "a", "x");
    let delete = |world: &mut World, channel: &'static str| {
        world.ask(0, move |gateway, now_ms, reply, out| {
            gateway.delete(now_ms, &name(channel), reply, out);
        })
    };
    assert_eq!(delete(&mut world, "a"), Ok(true));
    for node in &world.nodes {
        assert_eq!(node.got, [Got::Payload("x".into()), Got::Deleted]);
    }
    assert_eq!(delete(&mut world, "b"), Ok(false), "there is none");
    world.nodes[0].got.clear();
    world.subscribe(0, "a", Start::Earliest);
    assert_eq!(world.nodes[0].payloads(), [""; 0], "its history is gone");
}

#[test]
fn programs_hear_of_channels_that_nobody_here_listens_to() {
    let mut world = World::new(2);
    world.publish(0, "a", "1");
    world.publish(0, "a", "2");
    let query = HistoryQuery { since: None, limit: 9, reverse: true, bytes_max: 99 };
    let history = world.ask(1, |gateway, now_ms, reply, out| {
        gateway.history(now_ms, &name("a"), query, reply, out);
    });
    let payloads: Vec<_> = history.unwrap().publications.iter().map(|it| it.payload()[0]).collect();
    assert_eq!(payloads, b"21");
    let report = |world: &mut World, channel: &'static str| {
        world.ask(1, move |gateway, now_ms, reply, out| {
            gateway.report(now_ms, &name(channel), reply, out);
        })
    };
    assert_eq!(report(&mut world, "a").home.map(|home| home.messages), Some(2));
    assert_eq!(report(&mut world, "nobody").home, None);
}

#[test]
fn a_bucket_that_nobody_uses_is_left() {
    let mut world = World::new(1);
    world.hand_over(0, vec![(ShardId(1), join("a", 9))]);
    world.run(1_000);
    assert_eq!((world.nodes[0].buckets.len(), world.nodes[0].gateway.channels.len()), (1, 1));
    let leave =
        switchboard_hub::Message::Leave { from: ShardId(0), name: name("a"), generation: 9 };
    world.hand_over(0, vec![(ShardId(1), leave)]);
    world.run(LINGER_MS + 1_000);
    assert_eq!(world.nodes[0].gateway.channels.len(), 0);
    world.run(20_000);
    assert_eq!(world.nodes[0].buckets.len(), 0);
}

#[test]
fn what_the_engine_repeats_in_vain_is_found() {
    let mut world = World::new(2);
    world.subscribe(0, "a", Start::Now);
    world.nodes[0].is_deaf = true;
    world.publish(0, "a", "unheard");
    world.run(500);
    assert!(world.nodes[0].published.is_empty(), "who has the receipt may resume behind it");
    world.run(2_000);
    assert!(world.nodes[0].published[0].is_ok());
    assert_eq!(world.nodes[0].payloads(), ["unheard"], "and it is looked for");
    world.publish(1, "a", "also unheard");
    world.run(30_000);
    assert_eq!(world.nodes[0].payloads(), ["unheard", "also unheard"]);
}

#[test]
fn another_stream_is_another_life_of_its_channels() {
    let mut world = World::new(2);
    world.subscribe(0, "a", Start::Now);
    world.publish(0, "a", "old");
    world.run(100);
    world.engine.lose_stream();
    world.run(30_000);
    assert_eq!(world.nodes[0].got, [Got::Payload("old".into()), Got::Deleted]);
    world.subscribe(0, "a", Start::Now);
    world.publish(1, "a", "new");
    world.run(1_000);
    assert_eq!(world.nodes[0].payloads(), ["old", "new"]);
}

#[test]
fn announcements_wait_until_the_channel_is_there_and_are_not_too_many() {
    let mut world = World::new(1);
    world.disconnect(0);
    let mut mail = vec![(ShardId(1), join("a", 9))];
    for _ in 0..200 {
        let draft = Draft::new(Kind::Text, b"came");
        let announce = switchboard_hub::Message::Announce { name: name("a"), draft, per_second: 5 };
        mail.push((ShardId(1), announce));
    }
    world.hand_over(0, mail);
    world.connect(0);
    world.run(1_000);
    assert_eq!(world.engine.last, 1 + 5, "the epoch's marker, and five");
}

#[test]
fn only_the_newest_mirror_of_a_shard_waits() {
    let mut world = World::new(1);
    world.disconnect(0);
    let presence = |generation, subscribers| switchboard_hub::Message::Presence {
        from: ShardId(0),
        name: name("a"),
        generation,
        subscribers,
    };
    let leave = |generation| switchboard_hub::Message::Leave {
        from: ShardId(0),
        name: name("a"),
        generation,
    };
    let mail = [
        join("a", 1),
        presence(1, 3),
        leave(1),
        join("a", 2),
        presence(1, 9),
        presence(2, 4),
        presence(2, 5),
        leave(1),
    ];
    world.hand_over(0, mail.into_iter().map(|message| (ShardId(1), message)).collect());
    assert_eq!(world.nodes[0].gateway.channels[&name("a")].waiting.len(), 2);
    world.connect(0);
    world.run(1_000);
    let report = world.nodes[0].gateway.hub.receipt_home(
        world.now_ms,
        &name("a"),
        switchboard_hub::Position { epoch: switchboard_hub::Epoch::from_random(1), offset: 1 },
        &mut Outbox::new(),
    );
    assert_eq!(report.map(|receipt| receipt.subscribers), Some(5));
}

fn join(channel: &str, generation: u64) -> switchboard_hub::Message {
    let name = name(channel);
    switchboard_hub::Message::Join { from: ShardId(0), name, channel: 0, generation }
}

#[test]
fn a_client_that_was_further_on_another_node_waits_until_this_one_is_there() {
    let mut world = World::new(2);
    world.subscribe(0, "a", Start::Now);
    world.subscribe(1, "a", Start::Now);
    world.nodes[1].is_deaf = true;
    world.publish(0, "a", "1");
    world.run(100);
    let position = world.nodes[0].published[0].clone().unwrap().position;
    assert!(world.nodes[1].payloads().is_empty());
    world.reach(1, "a", position);
    world.run(500);
    assert_eq!(world.nodes[1].reached, 0);
    world.nodes[1].is_deaf = false;
    world.publish(0, "a", "2");
    world.run(100);
    assert_eq!((world.nodes[1].reached, world.nodes[1].payloads()), (1, vec!["1", "2"]));
    world.reach(1, "a", position);
    assert_eq!(world.nodes[1].reached, 2, "it is there");
    let bogus = switchboard_hub::Position { offset: position.offset + 1_000, ..position };
    world.reach(1, "a", bogus);
    world.run(14_900);
    assert_eq!(world.nodes[1].reached, 2);
    world.run(300);
    assert_eq!(world.nodes[1].reached, 3, "nobody waits for ever for what was never given out");
    world.reach(1, "a", bogus);
    world.disconnect(1);
    world.run(20_000);
    assert_eq!(world.nodes[1].reached, 3, "while the engine is away, it may still come");
}

#[test]
fn readers_of_positions_that_nobody_gave_out_hold_up_no_publisher() {
    let mut world = World::new(1);
    world.subscribe(0, "a", Start::Now);
    world.publish(0, "a", "1");
    world.run(100);
    let position = world.nodes[0].published[0].clone().unwrap().position;
    for more in 1..=10_000 {
        let bogus = switchboard_hub::Position { offset: position.offset + more, ..position };
        world.reach(0, "a", bogus);
    }
    assert!(!world.nodes[0].gateway.is_full());
    assert!(world.nodes[0].reached > 1_000, "beyond a bound they are answered at once");
    let asked = world.engine.asked;
    world.publish(0, "a", "2");
    world.run(2_000);
    assert_eq!(world.nodes[0].payloads(), ["1", "2"]);
    assert_eq!(world.engine.asked, asked, "and cost the engine nothing");
    world.run(14_000);
    assert_eq!(world.nodes[0].reached, 10_000);
}
