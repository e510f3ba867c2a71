//! Messages that get lost, come late, or come twice.

use switchboard_hub::{Draft, Kind};

use super::*;
use crate::Body;

const LIFETIME_MS: u64 = 60_000;

/// One mirror, and what it has said.
struct World {
    mirror: Mirror,
    rules: MirrorRules,
    now_ms: u64,
    events: Vec<Event>,
}

fn message(sequence: u64, body: Body) -> Message {
    Message { sequence, time_ms: 0, body }
}

fn text(sequence: u64) -> Message {
    message(sequence, Body::Publication(Draft::new(Kind::Text, b"hi")))
}

fn epoch() -> Epoch {
    Epoch::from_random(1)
}

impl World {
    fn new(lifetime_ms: Option<u64>) -> Self {
        let rules = MirrorRules {
            retention: Retention { messages_max: 5, lifetime_ms },
            buffer: BufferBounds { messages: 3, bytes: 100 },
            fetch_batch: 2,
        };
        Self { mirror: Mirror::new(), rules, now_ms: 1_000, events: Vec::new() }
    }

    /// One that has joined where a message is.
    fn joined(head: u64, lifetime_ms: Option<u64>) -> Self {
        let mut world = Self::new(lifetime_ms);
        assert_eq!(world.ask(), Some(Want::Head));
        world.head(Some(head), head);
        assert_eq!(world.said(), [format!("at {head}")]);
        world
    }

    fn with(&mut self, act: impl FnOnce(&mut Mirror, &Circumstances<'_>, &mut Vec<Event>)) {
        let given = Circumstances { now_ms: self.now_ms, epoch: epoch(), rules: &self.rules };
        act(&mut self.mirror, &given, &mut self.events);
    }

    fn ask(&mut self) -> Option<Want> {
        self.mirror.due_ms().filter(|due_ms| *due_ms <= self.now_ms)?;
        self.mirror.ask(&self.rules)
    }

    fn fetch(&mut self) -> Fetch {
        match self.ask() {
            Some(Want::Fetch(fetch)) => fetch,
            other => panic!("{other:?}"),
        }
    }

    fn head(&mut self, head: Option<u64>, last: u64) {
        let standing = Standing { epoch: Some(epoch()), last };
        self.with(|mirror, given, out| mirror.on_head(given, given.now_ms, (standing, head), out));
    }

    fn hear(&mut self, sequence: u64, previous: u64) {
        self.with(|mirror, given, out| mirror.on_republished(given, text(sequence), previous, out));
    }

    /// Answers with these and says how many more there are, and how far the stream is.
    fn answer(&mut self, messages: Vec<Message>, (pending, last): (u64, u64)) {
        let head = messages.last().map(|message| message.sequence + pending);
        let standing = Standing { epoch: Some(epoch()), last };
        let fetched = Fetched { standing, head, messages, pending };
        self.with(|mirror, given, out| mirror.on_fetched(given, fetched, out));
    }

    /// Some replica says what the newest is, and how far the leader was that it has caught up with.
    fn check(&mut self, newest: Option<u64>, leader: Option<u64>) {
        let mark = leader.map(|last| Mark { at_ms: self.now_ms, last });
        self.with(|mirror, given, out| mirror.on_checked(given, newest, mark, out));
    }

    /// What it has said since.
    fn said(&mut self) -> Vec<String> {
        let said = self.events.drain(..).map(|event| match event {
            Event::Joined { at, .. } => format!("at {at}"),
            Event::Message(Message { sequence, body: Body::Deletion, .. }) => {
                format!("deleted {sequence}")
            }
            Event::Message(message) => message.sequence.to_string(),
            Event::Missed(Gap { loss, missed }) => format!("{loss:?} {missed:?}"),
            Event::Restarted => "restarted".to_owned(),
        });
        said.collect()
    }
}

#[test]
fn what_follows_the_head_is_given_out_once() {
    let mut world = World::joined(5, None);
    for (sequence, previous) in [(5, 4), (3, 0), (8, 5), (8, 5), (9, 8), (5, 4)] {
        world.hear(sequence, previous);
    }
    assert_eq!(world.said(), ["8", "9"]);
    assert_eq!(world.mirror.due_ms(), None);
    assert!(world.mirror.behind.is_none(), "it takes no memory at the head");
}

#[test]
fn what_comes_before_the_head_is_known_waits_for_it() {
    let mut world = World::new(None);
    for (sequence, previous) in [(8, 5), (9, 8), (5, 0)] {
        world.hear(sequence, previous);
    }
    assert_eq!(world.said(), [""; 0]);
    assert_eq!(world.ask(), Some(Want::Head));
    assert_eq!(world.ask(), None, "one request is under way");
    world.head(Some(5), 7);
    assert_eq!(world.said(), ["at 5", "8", "9"]);
    assert_eq!(world.mirror.due_ms(), None);
}

#[test]
fn a_channel_without_messages_begins_at_the_end_of_its_stream() {
    let mut world = World::new(None);
    world.ask();
    world.head(None, 70);
    world.hear(80, 0);
    assert_eq!(world.said(), ["at 70", "80"]);
}

#[test]
fn late_messages_fill_a_gap_before_the_fetch_does() {
    let mut world = World::joined(5, None);
    world.hear(9, 7);
    let fetch = world.fetch();
    assert_eq!(fetch, Fetch { from: 5, batch: 2 });
    world.hear(7, 5);
    assert_eq!(world.said(), ["7", "9"]);
    world.answer(vec![text(5), text(7)], (1, 9));
    assert_eq!((world.said().len(), world.mirror.due_ms()), (0, None));
}

#[test]
fn a_fetch_that_is_not_needed_any_more_finds_the_next_gap() {
    let mut world = World::joined(5, None);
    world.hear(9, 7);
    world.fetch();
    world.hear(7, 5);
    assert_eq!(world.said(), ["7", "9"]);
    world.answer(vec![text(5), text(7)], (4, 11));
    assert_eq!(world.mirror.due_ms(), Some(1_050), "11 is there");
    world.now_ms += 50;
    world.fetch();
    world.answer(vec![text(9), text(11)], (0, 11));
    assert_eq!(world.said(), ["11"]);
}

#[test]
fn a_gap_is_fetched_in_batches_one_at_a_time() {
    let mut world = World::joined(5, None);
    world.hear(9, 8);
    world.fetch();
    assert_eq!(world.mirror.due_ms(), None);
    world.answer(vec![text(5), text(6)], (3, 9));
    let second = world.fetch();
    assert_eq!(second.from, 6);
    world.answer(vec![text(6), text(8)], (1, 9));
    assert_eq!(world.said(), ["6", "8", "9"]);
    assert_eq!(world.mirror.due_ms(), None);
}

#[test]
fn what_the_stream_does_not_hold_is_announced() {
    let mut world = World::joined(5, None);
    world.hear(30, 29);
    world.fetch();
    world.answer(vec![text(20), text(25)], (3, 30));
    assert_eq!(world.said(), ["Evicted 6..=19", "20", "25"]);
    world.fetch();
    world.answer(vec![text(25), text(29)], (1, 30));
    assert_eq!(world.said(), ["29", "30"]);
}

#[test]
fn a_replica_that_lags_proves_nothing() {
    let mut world = World::joined(5, None);
    world.check(Some(9), Some(20));
    world.fetch();
    world.answer(vec![text(5)], (0, 8));
    assert_eq!(world.said(), [""; 0]);
    assert_eq!(world.ask(), None, "there is a pause");
    world.now_ms += 50;
    world.fetch();
    world.answer(vec![text(5), text(7)], (0, 8));
    assert_eq!(world.said(), ["7"], "what it has is good");
    world.fetch();
    // The messages were read from one that lags, and their number from one that does not.
    world.answer(vec![text(7)], (2, 9));
    assert_eq!(world.said(), [""; 0]);
    world.now_ms += 50;
    world.fetch();
    world.answer(vec![text(7)], (0, 9));
    assert_eq!(world.said(), ["Deleted 8..=9"]);
    assert_eq!(world.mirror.due_ms(), None);
}

#[test]
fn what_came_after_the_question_is_asked_for_again() {
    let mut world = World::joined(5, None);
    world.check(Some(9), Some(20));
    world.fetch();
    world.hear(12, 11);
    world.answer(vec![text(5), text(9)], (0, 11));
    assert_eq!(world.said(), ["9"]);
    world.fetch();
    world.answer(vec![text(9), text(11)], (1, 12));
    assert_eq!(world.said(), ["11", "12"]);
}

#[test]
fn a_sequence_that_no_stream_has_is_forgotten() {
    let mut world = World::joined(5, None);
    world.hear(900, 899);
    for _ in 0..20 {
        world.now_ms += 2_000;
        let Some(want) = world.ask() else { break };
        let Want::Fetch(_) = want else { panic!("{want:?}") };
        world.answer(vec![text(5)], (0, 5));
    }
    assert_eq!((world.said().len(), world.mirror.due_ms()), (0, None));
    world.hear(6, 5);
    assert_eq!(world.said(), ["6"]);
}

#[test]
fn a_fetch_that_fails_is_tried_again_after_a_pause() {
    let mut world = World::joined(5, None);
    world.hear(9, 7);
    for pause_ms in [50, 100, 200, 400, 800, 1_600, 2_000, 2_000] {
        world.fetch();
        world.mirror.on_failed(world.now_ms);
        assert_eq!(world.mirror.due_ms(), Some(world.now_ms + pause_ms));
        world.now_ms += pause_ms;
    }
}

#[test]
fn too_much_to_wait_for_is_dropped_and_fetched() {
    let mut world = World::joined(5, None);
    for sequence in 7..20 {
        world.hear(sequence, sequence - 1);
        let behind = world.mirror.behind.as_ref().unwrap();
        assert!(format!("{:?}", behind.buffer).matches("sequence").count() <= 3);
    }
    let mut from = 5;
    while let Some(Want::Fetch(fetch)) = world.ask() {
        assert_eq!(fetch.from, from);
        let pending = 19_u64.saturating_sub(from + 1);
        world.answer(vec![text(from), text(from + 1)], (pending, 19));
        from += 1;
    }
    let expected: Vec<String> = (6..20).map(|sequence: u64| sequence.to_string()).collect();
    assert_eq!(world.said(), expected);
}

#[test]
fn a_check_finds_what_nobody_heard_of() {
    let mut world = World::joined(5, None);
    world.check(Some(5), Some(20));
    world.check(Some(4), Some(20));
    assert_eq!(world.mirror.due_ms(), None);
    world.check(Some(6), Some(20));
    world.fetch();
    world.check(Some(7), Some(20));
    world.answer(vec![text(5), text(6)], (1, 7));
    world.fetch();
    world.answer(vec![text(6), text(7)], (0, 7));
    assert_eq!(world.said(), ["6", "7"]);
}

#[test]
fn a_message_without_predecessor_follows_while_nothing_can_have_expired_unseen() {
    let mut world = World::joined(5, Some(LIFETIME_MS));
    world.now_ms += LIFETIME_MS - 1;
    world.hear(9, 0);
    assert_eq!(world.said(), ["9"]);
    world.check(Some(9), None);
    world.now_ms += 1;
    world.hear(12, 0);
    world.fetch();
    world.answer(vec![text(12)], (0, 12));
    assert_eq!(world.said(), ["Expired 10..=11", "12"]);
    world.check(Some(12), Some(20));
    world.now_ms += LIFETIME_MS - 1;
    world.check(None, Some(14));
    world.now_ms += LIFETIME_MS - 1;
    world.hear(15, 0);
    assert_eq!(world.said(), ["15"], "an empty channel was seen in time");
}

#[test]
fn an_empty_channel_proves_nothing_after_too_long() {
    let mut world = World::joined(5, Some(LIFETIME_MS));
    world.now_ms += LIFETIME_MS;
    world.check(None, None);
    assert_eq!(world.said(), [""; 0], "a replica that lags says nothing");
    world.check(None, Some(8));
    assert_eq!(world.said(), ["Expired 6..=8"]);
    world.hear(9, 0);
    assert_eq!(world.said(), ["9"]);
    world.now_ms += LIFETIME_MS;
    world.check(None, Some(9));
    world.hear(10, 0);
    assert_eq!(world.said(), ["10"], "nothing was stored since");
}

#[test]
fn what_somebody_removed_by_hand_is_announced() {
    let mut world = World::joined(5, None);
    world.hear(9, 0);
    world.fetch();
    world.answer(vec![text(9)], (0, 9));
    assert_eq!(world.said(), ["Deleted 6..=8", "9"]);
}

#[test]
fn a_deletion_says_by_itself_that_all_before_it_is_gone() {
    let mut world = World::joined(5, None);
    world.hear(12, 10);
    world.fetch();
    world.answer(vec![message(10, Body::Deletion), text(12)], (0, 12));
    assert_eq!(world.said(), ["deleted 10", "12"]);
}

#[test]
fn another_stream_begins_anew() {
    let mut world = World::joined(5, None);
    world.hear(9, 7);
    world.with(|mirror, _, out| mirror.restart(out));
    world.with(|mirror, _, out| mirror.restart(out));
    assert_eq!(world.said(), ["restarted"], "there was nothing to lose the second time");
    world.hear(3, 2);
    assert_eq!(world.ask(), Some(Want::Head));
    world.head(Some(2), 2);
    assert_eq!(world.said(), ["at 2", "3"]);
}

#[test]
fn a_mirror_at_its_head_is_small() {
    assert_eq!(size_of::<Mirror>(), 40);
}
