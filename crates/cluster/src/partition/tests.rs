//! What a partition asks, and what it makes of the answers.

use switchboard_hub::{Draft, Kind};

use super::*;
use crate::{Body, Fetched, Message};

fn name(name: &str) -> ChannelName {
    ChannelName::new(name).unwrap()
}

fn epoch(number: u64) -> Epoch {
    Epoch::from_random(number)
}

fn standing(number: u64, last: u64) -> Standing {
    Standing { epoch: Some(epoch(number)), last }
}

fn republished(sequence: u64, previous: u64, of: u64) -> Republished {
    let body = Body::Publication(Draft::new(Kind::Text, b"hi"));
    Republished {
        message: Message { sequence, time_ms: 0, body },
        previous,
        epoch: Some(epoch(of)),
    }
}

/// What is asked now.
fn requests(partition: &mut Partition, now_ms: u64) -> Vec<(RequestId, Request)> {
    std::iter::from_fn(|| partition.next_request(now_ms)).collect()
}

fn answer(partition: &mut Partition, now_ms: u64, id: RequestId, answer: Answer) -> Vec<String> {
    let mut out = Vec::new();
    partition.on_answer(now_ms, id, answer, &mut out);
    out.iter().map(|(channel, event)| format!("{channel} {event:?}")).collect()
}

/// One that knows its epoch, and these channels, which are at 0.
fn known(channels: &[&str]) -> Partition {
    let mut partition = Partition::new(PartitionRules::default());
    let (id, _) = requests(&mut partition, 0).remove(0);
    answer(&mut partition, 0, id, Answer::Standing(standing(1, 0)));
    assert_eq!(partition.epoch(), Some(epoch(1)));
    for channel in channels {
        partition.join(&name(channel));
    }
    for _ in channels {
        for (id, request) in requests(&mut partition, 0) {
            if let Request::Head { .. } = request {
                answer(&mut partition, 0, id, Answer::Head(standing(1, 0), None));
            }
        }
    }
    partition
}

/// The part of a round that comes next. The leader says first that the stream is at 0.
fn check_of(partition: &mut Partition, now_ms: u64) -> (RequestId, Vec<ChannelName>) {
    for (id, request) in requests(partition, now_ms) {
        match request {
            Request::Standing => {
                answer(partition, now_ms, id, Answer::Standing(standing(1, 0)));
                return check_of(partition, now_ms);
            }
            Request::Check { channels } => return (id, channels),
            _ => {}
        }
    }
    panic!("there is no check");
}

#[test]
fn a_stream_without_an_epoch_is_given_one() {
    let mut partition = Partition::new(PartitionRules::default());
    partition.join(&name("a"));
    let asked = requests(&mut partition, 0);
    let [(leader, Request::Standing)] = asked[..] else { panic!("{asked:?}") };
    answer(&mut partition, 0, leader, Answer::Standing(Standing { epoch: None, last: 7 }));
    let asked = requests(&mut partition, 0);
    let [(marker, Request::MarkEpoch)] = asked[..] else { panic!("{asked:?}") };
    answer(&mut partition, 100, marker, Answer::Marked);
    assert_eq!(partition.due_ms(), 250);
    let asked = requests(&mut partition, 250);
    let [(leader, Request::Standing)] = asked[..] else { panic!("{asked:?}") };
    answer(&mut partition, 250, leader, Answer::Standing(standing(1, 8)));
    assert_eq!(partition.epoch(), Some(epoch(1)));
    let asked = requests(&mut partition, 250);
    assert!(asked.iter().any(|(_, it)| matches!(it, Request::Head { .. })), "{asked:?}");
}

#[test]
fn channels_are_checked_in_rounds() {
    let mut partition = known(&[]);
    let names: Vec<_> = (0..1_200).map(|number| name(&format!("c{number:04}"))).collect();
    for name in &names {
        partition.join(name);
    }
    let (mut seen, mut now_ms) = (Vec::new(), 10_000);
    for expected in [500, 500, 200] {
        let (id, channels) = check_of(&mut partition, now_ms);
        assert_eq!(channels.len(), expected);
        now_ms += 10;
        let newest = vec![None; channels.len()];
        answer(&mut partition, now_ms, id, Answer::Checked(standing(1, 0), newest));
        seen.extend(channels);
    }
    assert_eq!(seen, names);
    assert!(
        !requests(&mut partition, 34_999).iter().any(|(_, it)| matches!(it, Request::Check { .. }))
    );
    assert_eq!(check_of(&mut partition, 35_000).1.len(), 500);
}

#[test]
fn requests_are_bounded_and_given_up_in_time() {
    let mut partition = known(&[]);
    for number in 0..100 {
        partition.join(&name(&format!("c{number}")));
    }
    let heads = |asked: Vec<(RequestId, Request)>| {
        let is_head = |it: &(RequestId, Request)| matches!(it.1, Request::Head { .. });
        asked.into_iter().filter(is_head).map(|(id, _)| id).collect::<Vec<_>>()
    };
    let first = heads(requests(&mut partition, 1_000));
    assert!(first.len() >= 31, "{}", first.len());
    assert_eq!(heads(requests(&mut partition, 2_999)), []);
    assert!(heads(requests(&mut partition, 3_000)).len() >= 31, "others have their turn");
    let late = answer(&mut partition, 3_000, first[0], Answer::Head(standing(1, 0), None));
    assert_eq!(late, [""; 0]);
}

#[test]
fn another_epoch_restarts_all_channels_and_voids_what_is_under_way() {
    let mut partition = known(&["a", "b"]);
    let mut out = Vec::new();
    partition.on_republished(0, &name("a"), republished(5, 3, 1), &mut out);
    let asked = requests(&mut partition, 600);
    let fetch = asked.iter().find(|(_, it)| matches!(it, Request::Fetch { .. })).unwrap().0;
    let leader = asked.iter().find(|(_, it)| matches!(it, Request::Standing)).unwrap().0;
    let said = answer(&mut partition, 610, leader, Answer::Standing(standing(2, 1)));
    assert_eq!(said, ["a Restarted", "b Restarted"]);
    assert_eq!(partition.epoch(), Some(epoch(2)));
    let fetched =
        Fetched { standing: standing(1, 9), head: None, messages: Vec::new(), pending: 0 };
    assert_eq!(answer(&mut partition, 620, fetch, Answer::Fetched(fetched)), [""; 0]);
    assert_eq!(partition.epoch(), Some(epoch(2)), "what was asked before says nothing");
}

#[test]
fn messages_of_other_epochs_only_make_it_look() {
    let mut partition = known(&["a"]);
    let (check, _) = check_of(&mut partition, 1_000);
    answer(&mut partition, 1_000, check, Answer::Checked(standing(1, 0), vec![None]));
    assert_eq!(partition.due_ms(), 26_000);
    let mut out = Vec::new();
    let mut stranger = republished(5, 0, 2);
    partition.on_republished(1_010, &name("a"), stranger, &mut out);
    stranger = Republished { epoch: None, ..republished(6, 5, 1) };
    partition.on_republished(1_020, &name("a"), stranger, &mut out);
    assert!(out.is_empty());
    assert_eq!(partition.due_ms(), 1_250, "and not too often");
    let (check, _) = check_of(&mut partition, 1_250);
    partition.check_now(1_260);
    answer(&mut partition, 1_270, check, Answer::Checked(standing(1, 0), vec![None]));
    assert_eq!(partition.due_ms(), 1_500, "once more, since something came up meanwhile");
}

#[test]
fn an_answer_to_something_else_is_a_failure() {
    let mut partition = known(&["a"]);
    let (check, channels) = check_of(&mut partition, 1_000);
    assert_eq!(channels.len(), 1);
    answer(&mut partition, 1_000, check, Answer::Checked(standing(1, 0), vec![None; 2]));
    assert_eq!(partition.due_ms(), 1_500);
    let (check, _) = check_of(&mut partition, 1_500);
    answer(&mut partition, 1_500, check, Answer::Head(standing(1, 0), None));
    assert_eq!(partition.due_ms(), 2_000);
}

#[test]
fn a_channel_that_was_left_leaves_nothing() {
    let mut partition = known(&["a"]);
    let mut out = Vec::new();
    partition.on_republished(0, &name("a"), republished(5, 3, 1), &mut out);
    assert!(partition.mirrors(&name("a")));
    partition.leave(&name("a"));
    partition.leave(&name("a"));
    assert!(!partition.mirrors(&name("a")) && partition.wanting.is_empty());
    partition.on_republished(0, &name("a"), republished(5, 0, 1), &mut out);
    assert!(out.is_empty());
}
