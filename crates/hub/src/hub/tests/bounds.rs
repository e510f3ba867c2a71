use super::*;

#[test]
fn entries_and_channels_are_small() {
    assert_eq!(size_of::<crate::subscriber_set::Entry>(), 16);
    assert_eq!(size_of::<Subscription>(), 8);
    assert!(size_of::<Channel>() <= 128, "{}", size_of::<Channel>());
}

#[test]
fn subscribing_to_random_names_for_ever_stays_bounded() {
    let limits = Limits { channels_idle_max: 500, ..roomy() };
    let router = Router::new(2);
    let accounting = Arc::new(Accounting::default());
    let namespaces = everywhere(Rules::default());
    let hub = |id| {
        let (router, namespaces) = (router.clone(), namespaces.clone());
        Hub::new(ShardId(id), router, namespaces, limits.clone(), 1, accounting.clone())
    };
    let mut hubs = [hub(0), hub(1)];
    for i in 0..200_000u32 {
        let mut out = Outbox::new();
        let who = Subscriber { conn: i, nth: 0, form: 0 };
        let subscription = hubs[0].subscribe(0, &name(&format!("r{i}")), who, &mut out);
        hubs[0].unsubscribe(0, subscription, &mut out);
        while let Some((to, message)) = (!out.is_empty()).then(|| out.remove(0)) {
            hubs[usize::from(to.0)].handle(0, message, &mut out);
        }
        assert!(hubs.iter().all(|hub| hub.channels() <= 500 + 500));
    }
    // The home keeps the mirrored ones and the idle ones.
    assert_eq!(hubs.each_ref().map(Hub::channels_idle), [500, 500]);
    hubs.iter().for_each(invariants::assert_sound);
}

#[test]
fn publishing_to_random_names_for_ever_stays_bounded() {
    let limits = Limits { channels_idle_max: 500, ..roomy() };
    let mut single = Single::new(limits);
    for i in 0..200_000 {
        single.publish(&format!("r{i}"), b"x");
        assert!(single.hub.channels() <= 500);
    }
    assert_eq!(single.accounting.count(), 500);
    assert_eq!(single.accounting.bytes(), single.hub.log_bytes());
    invariants::assert_sound(&single.hub);
}

#[test]
fn the_oldest_idle_channel_goes_first_and_use_makes_young() {
    let mut single = Single::new(Limits { channels_idle_max: 2, ..roomy() });
    let subscription = single.subscribe("used", 0);
    single.publish("used", b"x");
    single.publish("a", b"x");
    single.publish("b", b"x");
    single.publish("a", b"x");
    single.publish("c", b"x");
    let offset =
        |single: &Single, channel| single.report(channel).home.map(|home| home.position.offset);
    assert_eq!(["a", "b", "c"].map(|channel| offset(&single, channel)), [Some(2), None, Some(1)]);
    assert_eq!(offset(&single, "used"), Some(1));
    single.unsubscribe(subscription);
    assert_eq!(["a", "c", "used"].map(|c| offset(&single, c)), [None, Some(1), Some(1)]);
}

#[test]
fn an_idle_channel_keeps_its_history_to_its_end_and_then_its_epoch_for_a_while() {
    let rules = Rules { history_ttl_ms: 1000, ..Rules::default() };
    let mut single = Single::with_rules(rules, Limits { meta_ttl_ms: 100, ..roomy() });
    let position = single.publish("a", b"x").position;
    for passed_ms in [100, 899] {
        single.tick(passed_ms);
        assert_eq!(single.stand("a"), Some((position, 1)));
    }
    single.tick(1);
    assert_eq!(single.stand("a"), Some((position, 0)));
    assert_eq!(single.accounting.count(), 0);
    single.tick(99);
    assert_eq!(single.stand("a"), Some((position, 0)));
    single.tick(1);
    assert_eq!(single.stand("a"), None);
    let again = single.publish("a", b"x").position;
    assert_eq!(again.offset, 1);
    assert_ne!(again.epoch, position.epoch);
}

#[test]
fn metadata_outlives_a_log_that_the_budget_took() {
    let limits = Limits { meta_ttl_ms: 100, shard_log_bytes_max: 3000, ..Limits::default() };
    let mut single = Single::new(limits);
    let position = single.publish("a", &[0; 2000]).position;
    single.tick(90);
    single.publish("b", &[0; 1000]);
    assert_eq!(single.stand("a"), Some((position, 0)));
    assert_eq!(single.hub.evicted(), 1);
    single.tick(90);
    assert_eq!(single.stand("a"), Some((position, 0)));
    single.tick(10);
    assert_eq!(single.stand("a"), None);
}

#[test]
fn a_tick_does_a_bounded_part_and_the_next_ones_the_rest() {
    let mut single = Single::new(roomy());
    for i in 0..5000 {
        let subscription = single.subscribe(&format!("c{i}"), 0);
        single.unsubscribe(subscription);
    }
    single.tick(3_600_000);
    assert!((3000..5000).contains(&single.hub.channels()));
    for _ in 0..5 {
        single.tick(0);
    }
    assert_eq!(single.hub.channels(), 0);
}

#[test]
fn the_largest_log_gives_first() {
    let mut single = Single::new(Limits { shard_log_bytes_max: 100_000, ..Limits::default() });
    for i in 0..50 {
        single.publish(&format!("small{i}"), &[0; 100]);
    }
    for _ in 0..1000 {
        single.publish("large", &[0; 1000]);
        assert!(single.hub.log_bytes() <= 100_000);
    }
    for i in 0..50 {
        let report = single.report(&format!("small{i}"));
        assert_eq!(report.home.unwrap().messages, 1);
    }
    assert!(single.report("large").home.unwrap().bytes > 70_000);
    invariants::assert_sound(&single.hub);
}

#[test]
fn everything_is_given_back_when_the_hub_goes() {
    let mut single = Single::new(roomy());
    single.subscribe("a", 0);
    for _ in 0..10 {
        single.publish("a", b"x");
    }
    single.slice(1, 1 << 16);
    let Single { hub, work, accounting, .. } = single;
    drop(hub);
    assert_eq!(accounting.count(), 10);
    drop(work);
    assert_eq!((accounting.count(), accounting.bytes()), (0, 0));
}

#[test]
fn names_that_are_only_asked_for_drive_out_no_history() {
    let mut single = Single::new(Limits { channels_idle_max: 10, ..roomy() });
    for channel in ["a", "b", "c"] {
        single.publish(channel, b"x");
    }
    for i in 0..1_000 {
        single.now_ms += 1;
        single.hub.visit(single.now_ms, &name(&format!("r{i}")), &mut single.out);
        assert!(single.hub.channels() <= 10);
    }
    for channel in ["a", "b", "c"] {
        let home = single.hub.report(single.now_ms, &name(channel)).home.unwrap();
        assert_eq!((home.position.offset, home.messages), (1, 1), "{channel}");
    }
    // Among themselves those with a history still bound each other.
    for i in 0..20 {
        single.publish(&format!("p{i}"), b"x");
    }
    assert_eq!((single.hub.channels(), single.accounting.count()), (10, 10));
    invariants::assert_sound(&single.hub);
}

/// Two hubs; the first is home to channels with a history, and mirrors of many others come to it.
fn looked_at_from_elsewhere(limits: &Limits, bytes: usize) -> ([Hub; 2], Vec<ChannelName>) {
    let router = Router::new(2);
    let accounting = Arc::new(Accounting::default());
    let hub = |id| {
        let namespaces = everywhere(Rules::default());
        Hub::new(ShardId(id), router.clone(), namespaces, limits.clone(), 1, accounting.clone())
    };
    let mut hubs = [hub(0), hub(1)];
    // The router's keys are random: take names until each hub is home to thirty.
    let [own, others] = [0, 1].map(|home| {
        let names = (0..).map(|i| name(&format!("r{i}")));
        let lives_there = |name: &ChannelName| router.home(name) == ShardId(home);
        names.filter(lives_there).take(30).collect::<Vec<_>>()
    });
    for (home, names) in [(0, &own), (1, &others)] {
        for name in names {
            for _ in 0..3 {
                let draft = Draft::new(Kind::Binary, &vec![0; bytes]);
                hubs[home].publish_home(0, name, draft, &mut Outbox::new());
            }
        }
    }
    for (conn, name) in (0..).zip(&others) {
        let mut out = Outbox::new();
        let subscription =
            hubs[0].subscribe(0, name, Subscriber { conn, nth: 0, form: 0 }, &mut out);
        for _ in 0..2 {
            let (to, message) = out.remove(0);
            hubs[usize::from(to.0)].handle(0, message, &mut out);
        }
        hubs[0].unsubscribe(0, subscription, &mut out);
        while let Some((to, message)) = (!out.is_empty()).then(|| out.remove(0)) {
            hubs[usize::from(to.0)].handle(0, message, &mut out);
        }
        hubs.iter().for_each(invariants::assert_sound);
    }
    (hubs, own)
}

#[test]
fn mirrors_drive_out_no_history() {
    let few = Limits { channels_idle_max: 35, ..roomy() };
    let small = Limits { shard_log_bytes_max: 120_000, ..roomy() };
    for (limits, bytes, channels) in [(few, 1, 35), (small, 1_000, 60)] {
        let (hubs, own) = looked_at_from_elsewhere(&limits, bytes);
        for name in &own {
            let home = hubs[0].report(0, name).home.unwrap();
            assert_eq!(home.messages, 3, "{name} with {limits:?}");
        }
        assert_eq!(hubs[0].evicted(), 0);
        assert!(hubs[0].log_bytes() <= limits.shard_log_bytes_max);
        // Too many are forgotten; their bytes are those of their homes.
        assert_eq!(hubs[0].channels(), channels);
    }
}
