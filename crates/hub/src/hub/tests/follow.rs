//! Homes that follow streams which are numbered elsewhere.

use proptest::prelude::*;

use super::*;
use crate::{OnGap, Start};

const HOME: ShardId = ShardId(1);

/// A home without subscribers, a shard that mirrors it, and what is in flight between them.
struct Followed {
    name: ChannelName,
    home: Hub,
    shard: Hub,
    to_home: Outbox,
    to_shard: Outbox,
    epoch: Epoch,
    accounting: Arc<Accounting>,
}

impl Followed {
    fn new(policy: SlowPolicy) -> Self {
        let (router, accounting) = (Router::to(HOME), Arc::new(Accounting::default()));
        let namespaces = everywhere(Rules { slow_policy: policy, ..keeping(4) });
        let hub = |id| {
            let (router, namespaces) = (router.clone(), Arc::clone(&namespaces));
            Hub::new(id, router, namespaces, roomy(), 1, Arc::clone(&accounting))
        };
        let (home, shard) = (hub(HOME), hub(ShardId(0)));
        let (to_home, to_shard) = (Outbox::new(), Outbox::new());
        let epoch = Epoch::from_random(5);
        Self { name: name("news"), home, shard, to_home, to_shard, epoch, accounting }
    }

    fn publication(&self, offset: u64) -> Arc<Publication> {
        let position = Position { epoch: self.epoch, offset };
        Publication::new(position, (1_000, 0), Draft::new(Kind::Text, b"x"), &self.accounting)
    }

    fn stream(&self, before: u64, offsets: &[u64]) -> Stream {
        let publications = offsets.iter().map(|offset| self.publication(*offset)).collect();
        Stream { epoch: self.epoch, before, publications, dropped_ms: 0 }
    }

    fn follow(&mut self, before: u64, offsets: &[u64]) {
        let stream = self.stream(before, offsets);
        self.home.follow(0, &self.name, stream, &mut self.to_shard);
    }

    fn next(&mut self, offset: u64) -> bool {
        let publication = self.publication(offset);
        self.home.follow_next(0, &self.name, publication, &mut self.to_shard)
    }

    fn delete(&mut self, offset: u64) {
        self.home.follow_deletion(&self.name, offset, &mut self.to_shard);
    }

    fn subscribe(&mut self, conn: u32) -> Subscription {
        let who = Subscriber { conn, nth: 0, form: 0 };
        self.shard.subscribe(0, &self.name, who, &mut self.to_home)
    }

    fn carry(&mut self) {
        for (_, message) in std::mem::take(&mut self.to_home) {
            self.home.handle(0, message, &mut self.to_shard);
        }
        for (_, message) in std::mem::take(&mut self.to_shard) {
            self.shard.handle(0, message, &mut self.to_home);
        }
        invariants::assert_sound(&self.home);
        invariants::assert_sound(&self.shard);
    }

    /// What the shard has to do next.
    fn work(&mut self) -> Option<(WorkKind, Vec<u64>)> {
        let mut work = Work::default();
        let found = self.shard.next_work(256, 1 << 16, &mut work);
        found.then(|| (work.kind.clone(), offsets(&work.publications)))
    }

    fn position(&self, channel: u32) -> (Epoch, u64) {
        let position = self.shard.position(channel).unwrap();
        (position.epoch, position.offset)
    }
}

#[test]
fn a_followed_stream_has_the_engines_offsets_and_epoch() {
    let mut followed = Followed::new(SlowPolicy::Disconnect);
    assert!(!followed.home.follows(&followed.name));
    followed.follow(7, &[9, 12]);
    assert!(followed.home.follows(&followed.name));
    let subscription = followed.subscribe(1);
    followed.carry();
    assert_eq!(followed.position(subscription.channel), (followed.epoch, 12));
    let begin = |start| followed.shard.begin(0, subscription.channel, &start, OnGap::Now).unwrap();
    assert_eq!(begin(Start::Earliest).cursor, 7);
    let at = |offset| Start::After(Position { epoch: followed.epoch, offset });
    assert_eq!((begin(at(9)).cursor, begin(at(9)).gap), (9, None));
    assert_eq!(begin(at(6)).gap.unwrap().missed, Some(7..=12));
    assert!(followed.next(20));
    followed.carry();
    assert_eq!(followed.work(), Some((WorkKind::Deliver, vec![20])));
}

#[test]
fn what_comes_twice_or_late_or_of_another_epoch_is_left_out() {
    let mut followed = Followed::new(SlowPolicy::Disconnect);
    assert!(!followed.next(1), "nobody has asked for the channel");
    followed.follow(0, &[3]);
    followed.subscribe(1);
    followed.carry();
    assert!(!followed.next(3) && !followed.next(2) && followed.next(4));
    followed.epoch = Epoch::from_random(6);
    assert!(!followed.next(5));
    followed.carry();
    assert_eq!(followed.work(), Some((WorkKind::Deliver, vec![4])));
    assert_eq!(followed.work(), None);
}

#[test]
fn a_part_that_continues_the_stream_is_delivered_as_far_as_it_is_new() {
    let mut followed = Followed::new(SlowPolicy::Disconnect);
    followed.follow(0, &[1, 2]);
    followed.subscribe(1);
    followed.carry();
    followed.follow(1, &[2, 5, 6]);
    followed.carry();
    assert_eq!(followed.work(), Some((WorkKind::Deliver, vec![5, 6])));
}

#[test]
fn subscribers_that_wait_for_what_is_lost_fall_off_the_log() {
    let mut followed = Followed::new(SlowPolicy::Disconnect);
    followed.follow(0, &[1]);
    let (ready, blocked) = (followed.subscribe(1), followed.subscribe(2));
    followed.carry();
    let (blocked, _) = followed.shard.block(blocked, 1);
    followed.follow(10, &[11]);
    followed.carry();
    let mut kinds = vec![];
    for (conn, subscription) in [(2, blocked), (1, ready)] {
        let mut work = Work::default();
        assert!(followed.shard.next_work(256, 1 << 16, &mut work));
        assert_eq!(conns(&work), [conn]);
        kinds.push(work.kind);
        followed.shard.unsubscribe(0, subscription, &mut followed.to_home);
    }
    assert_eq!(kinds, [WorkKind::Lagged, WorkKind::Lagged]);
    assert_eq!(followed.work(), None);

    let mut followed = Followed::new(SlowPolicy::Skip);
    followed.follow(0, &[1]);
    let ready = followed.subscribe(1);
    followed.carry();
    followed.follow(10, &[11]);
    followed.carry();
    assert_eq!(followed.work(), Some((WorkKind::Skipped { missed: 2..=10 }, vec![])));
    assert_eq!(followed.work(), Some((WorkKind::Deliver, vec![11])));
    assert_eq!(followed.shard.cursor(ready), 11);
}

#[test]
fn a_deleted_stream_goes_on_behind_what_deleted_it() {
    let mut followed = Followed::new(SlowPolicy::Disconnect);
    followed.follow(0, &[1, 2]);
    let old = followed.subscribe(1);
    followed.carry();
    followed.delete(2);
    followed.carry();
    assert_eq!(followed.work(), None, "deleted before the home began to follow");
    followed.delete(3);
    followed.carry();
    assert_eq!(followed.work(), Some((WorkKind::Deleted, vec![])));
    followed.shard.unsubscribe(0, old, &mut followed.to_home);
    let new = followed.subscribe(2);
    followed.carry();
    assert_eq!(followed.position(new.channel), (followed.epoch, 3));
    let start = Start::After(Position { epoch: followed.epoch, offset: 2 });
    let begin = followed.shard.begin(0, new.channel, &start, OnGap::Now).unwrap();
    assert!(begin.gap.is_some(), "a position before the deletion is lost");
    assert!(followed.next(4));
    followed.carry();
    assert_eq!(followed.work(), Some((WorkKind::Deliver, vec![4])));
}

#[test]
fn another_epoch_ends_the_subscribers_of_the_old_one() {
    let mut followed = Followed::new(SlowPolicy::Skip);
    followed.follow(0, &[1, 2]);
    let old = followed.subscribe(1);
    followed.carry();
    followed.epoch = Epoch::from_random(6);
    followed.follow(0, &[1]);
    followed.carry();
    assert_eq!(followed.work(), Some((WorkKind::Deleted, vec![])));
    followed.shard.unsubscribe(0, old, &mut followed.to_home);
    let new = followed.subscribe(2);
    followed.carry();
    assert_eq!(followed.position(new.channel), (followed.epoch, 1));
}

#[test]
fn a_channel_that_no_shard_uses_is_forgotten_with_its_deletion_or_in_time() {
    let mut followed = Followed::new(SlowPolicy::Disconnect);
    followed.follow(0, &[1]);
    followed.delete(2);
    assert!(!followed.home.follows(&followed.name));
    followed.follow(2, &[]);
    followed.home.tick(0, &mut followed.to_shard);
    assert!(followed.home.follows(&followed.name));
    followed.home.tick(2 * Limits::default().meta_ttl_ms, &mut followed.to_shard);
    assert!(!followed.home.follows(&followed.name));
}

/// What an engine does next, or the subscriber.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Publishes, so far behind the last one, and tells the home.
    Tell(u64),
    /// The same, and the home does not hear of it.
    Miss(u64),
    /// The home reads what it missed, of which so many publications are lost.
    Fill(usize),
    Serve,
}

proptest! {
    /// With the policy `skip`: what the subscriber is sent, and what it is told that it missed, is the
    /// stream, in order and without a hole.
    #[test]
    fn a_subscriber_gets_the_stream_or_hears_what_is_lost_of_it(
        steps in prop::collection::vec(prop_oneof![
            (1_u64..4).prop_map(Step::Tell),
            (1_u64..4).prop_map(Step::Miss),
            (0_usize..3).prop_map(Step::Fill),
            Just(Step::Serve),
        ], 1..60),
    ) {
        let mut followed = Followed::new(SlowPolicy::Skip);
        followed.follow(0, &[]);
        followed.subscribe(1);
        followed.carry();
        let (mut head, mut told, mut cursor, mut missed) = (0, 0, 0, Vec::new());
        for step in steps.into_iter().chain([Step::Fill(0), Step::Serve]) {
            match step {
                Step::Tell(by) if missed.is_empty() => {
                    head += by;
                    told = head;
                    prop_assert!(followed.next(head));
                }
                Step::Tell(by) | Step::Miss(by) => {
                    head += by;
                    missed.push(head);
                }
                Step::Fill(lost) => {
                    let lost = lost.min(missed.len());
                    let before = missed[..lost].last().copied().unwrap_or(told);
                    followed.follow(before, &missed.split_off(lost));
                    missed.clear();
                    told = head;
                }
                Step::Serve => {
                    followed.carry();
                    while let Some((kind, offsets)) = followed.work() {
                        if let WorkKind::Skipped { missed } = kind {
                            prop_assert_eq!(*missed.start(), cursor + 1);
                            cursor = *missed.end();
                        }
                        for offset in offsets {
                            prop_assert!(offset > cursor && offset <= told);
                            cursor = offset;
                        }
                    }
                    prop_assert_eq!(cursor, told);
                }
            }
        }
    }
}
