//! Clients that resume: what they are given, and what they are told.

use switchboard_hub::{Draft, Kind};

use super::*;
use crate::Body;

fn epoch() -> Epoch {
    Epoch::from_random(1)
}

fn text(sequence: u64) -> Message {
    let body = Body::Publication(Draft::new(Kind::Text, b"hi"));
    Message { sequence, time_ms: 0, body }
}

/// A client that resumes after 10, on a node whose log begins at 20.
fn fill() -> Fill {
    Fill::new(epoch(), 10, false, 20)
}

/// What a replica that is at `last` answers.
fn fetched(sequences: &[u64], pending: u64, head: Option<u64>, last: u64) -> Fetched {
    let standing = Standing { epoch: Some(epoch()), last };
    let messages = sequences.iter().copied().map(text).collect();
    Fetched { standing, head, messages, pending }
}

fn take(fill: &mut Fill, fetched: Fetched, expiry: Expiry) -> (Option<Gap>, Vec<u64>, bool) {
    let retention = Retention { messages_max: 4, lifetime_ms: None };
    let filled = fill.on_fetched(0, fetched, (&retention, expiry));
    let sequences = filled.messages.iter().map(|message| message.sequence).collect();
    (filled.gap, sequences, filled.is_done)
}

fn gap(loss: Loss, missed: RangeInclusive<u64>) -> Gap {
    Gap { loss, missed }
}

#[test]
fn what_follows_a_position_that_is_held_is_all_there_is() {
    let answer = fetched(&[10, 14, 25], 0, Some(25), 25);
    assert_eq!(take(&mut fill(), answer, Expiry::Possible), (None, vec![14, 25], true));
}

#[test]
fn what_reaches_the_goal_needs_no_proof() {
    // The second replica lags, and the first has said everything.
    let answer = fetched(&[10, 25], 0, Some(12), 12);
    assert_eq!(take(&mut fill(), answer, Expiry::Never), (None, vec![25], true));
}

#[test]
fn a_resume_takes_several_answers_and_its_gap_is_said_once() {
    let mut fill = fill();
    assert_eq!(fill.fetch(2), Fetch { from: 10, batch: 2 });
    let evicted = Some(gap(Loss::Evicted, 11..=13));
    let first = take(&mut fill, fetched(&[14, 16], 2, Some(18), 30), Expiry::Never);
    assert_eq!(first, (evicted, vec![14, 16], false));
    assert_eq!(fill.fetch(2), Fetch { from: 16, batch: 2 });
    let second = take(&mut fill, fetched(&[16, 17], 1, Some(18), 30), Expiry::Never);
    assert_eq!(second, (None, vec![17], false));
    let third = take(&mut fill, fetched(&[17, 18], 0, Some(18), 30), Expiry::Never);
    assert_eq!(third, (None, vec![18], true), "there is nothing from 18 to 20");
}

#[test]
fn a_channel_in_which_nothing_is_held_is_complete_where_nothing_can_be_gone() {
    let empty = || fetched(&[], 0, None, 30);
    assert_eq!(take(&mut fill(), empty(), Expiry::Never), (None, vec![], true));
    assert_eq!(take(&mut fill(), empty(), Expiry::NotSince), (None, vec![], true));
    let expired = Some(gap(Loss::Expired, 11..=20));
    assert_eq!(take(&mut fill(), empty(), Expiry::Possible), (expired, vec![], true));
    let older = fetched(&[], 0, Some(9), 30);
    assert_eq!(take(&mut fill(), older, Expiry::Possible), (None, vec![], true));
}

#[test]
fn a_position_that_no_stream_has_reached_is_found_out() {
    let mut fill = fill();
    for _ in 0..SHORT_ANSWERS_MAX {
        let filled = take(&mut fill, fetched(&[], 0, Some(5), 9), Expiry::Never);
        assert_eq!(filled, (None, vec![], false));
    }
    let retention = Retention::default();
    let answer = fetched(&[], 0, Some(5), 9);
    let filled = fill.on_fetched(0, answer, (&retention, Expiry::Never));
    assert!(filled.is_refuted && !filled.is_done);
    assert_eq!(filled.gap, Some(gap(Loss::Future, 11..=20)));
}

#[test]
fn a_position_that_another_node_gave_out_is_believed_by_a_replica_that_has_reached_it() {
    let mut fill = Fill::new(epoch(), 10, false, 10);
    let lagging = take(&mut fill, fetched(&[], 0, Some(8), 9), Expiry::Possible);
    assert_eq!(lagging, (None, vec![], false));
    let current = take(&mut fill, fetched(&[10], 0, Some(10), 10), Expiry::Possible);
    assert_eq!(current, (None, vec![], true));
}

#[test]
fn an_answer_in_disorder_is_used_as_far_as_it_is_in_order() {
    let answer = fetched(&[10, 14, 12, 14, 22], 0, Some(22), 22);
    assert_eq!(take(&mut fill(), answer, Expiry::Never), (None, vec![14, 22], true));
}
