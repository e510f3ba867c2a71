//! What is sent, sent again, and given up.

use super::*;

const RULES: PublishingRules = PublishingRules {
    messages_max: 3,
    bytes_max: 200,
    message_bytes_max: 100,
    retry_ms: 1_000,
    give_up_ms: 10_000,
    duplicate_window_ms: 20_000,
};

fn outgoing(bytes: usize) -> Outgoing {
    Outgoing {
        subject: "sb.in.default.0.0.a".to_owned(),
        headers: vec![(crate::headers::MESSAGE_ID, "n1".to_owned())],
        payload: vec![0; bytes].into(),
    }
}

fn connected() -> Publishing {
    let mut publishing = Publishing::new(RULES).unwrap();
    publishing.on_connected(0, 1 << 20);
    publishing
}

#[test]
fn a_window_must_be_twice_as_long_as_a_publication_is_tried() {
    assert!(Publishing::new(PublishingRules::default()).is_ok());
    let short = PublishingRules { duplicate_window_ms: 19_998, ..RULES };
    assert_eq!(Publishing::new(short).unwrap_err(), WindowTooShort);
}

#[test]
fn what_is_under_way_is_bounded_in_number_and_bytes() {
    let mut publishing = connected();
    let full = Refused::Full { retry_after_ms: 1_000 };
    let ids: Vec<_> = (0..3).map(|_| publishing.publish(0, outgoing(0)).unwrap().id).collect();
    assert_eq!(publishing.publish(0, outgoing(0)).unwrap_err(), full);
    assert!(publishing.on_stored(ids[1]));
    assert!(!publishing.on_stored(ids[1]), "once is enough");
    assert!(publishing.publish(0, outgoing(0)).is_ok());

    let mut publishing = connected();
    let wire = wire_bytes(&outgoing(0).headers, &[]);
    assert_eq!(
        publishing.publish(0, outgoing(101 - wire)).unwrap_err(),
        Refused::TooLarge { bytes_max: 100 }
    );
    let first = publishing.publish(0, outgoing(100 - wire)).unwrap().id;
    publishing.publish(0, outgoing(100 - wire)).unwrap();
    assert_eq!(publishing.load(), (2, 200));
    assert_eq!(publishing.publish(0, outgoing(0)).unwrap_err(), full);
    publishing.on_stored(first);
    assert_eq!(publishing.load(), (1, 100));
}

#[test]
fn a_message_is_sent_again_as_it_was_until_it_is_given_up() {
    let mut publishing = connected();
    let sent = publishing.publish(500, outgoing(1)).unwrap();
    for second in 1..10 {
        let due_ms = 500 + second * 1_000;
        assert_eq!(publishing.due_ms(), Some(due_ms));
        assert!(publishing.next_retry(due_ms - 1).is_none());
        assert_eq!(publishing.next_failure(due_ms), None);
        let again = publishing.next_retry(due_ms).unwrap();
        assert!(again.id == sent.id && Arc::ptr_eq(&again.outgoing, &sent.outgoing));
        assert!(publishing.next_retry(due_ms).is_none());
    }
    assert_eq!(publishing.next_failure(10_499), None);
    assert_eq!(publishing.next_failure(10_500), Some((sent.id, Failure::Unanswered)));
    assert!(publishing.next_retry(99_000).is_none() && publishing.due_ms().is_none());
    assert!(!publishing.on_stored(sent.id), "too late");
    assert_eq!(publishing.load(), (0, 0));
}

#[test]
fn without_a_connection_new_ones_are_refused_and_old_ones_wait() {
    let mut publishing = Publishing::new(RULES).unwrap();
    let away = Refused::Away { retry_after_ms: 1_000 };
    assert_eq!(publishing.publish(0, outgoing(1)).unwrap_err(), away);
    publishing.on_connected(0, 1 << 20);
    let ids: Vec<_> = (0..2).map(|_| publishing.publish(0, outgoing(1)).unwrap().id).collect();
    publishing.on_disconnected();
    assert_eq!(publishing.publish(0, outgoing(1)).unwrap_err(), away);
    assert!(publishing.next_retry(5_000).is_none());
    assert_eq!(publishing.due_ms(), Some(10_000));
    publishing.on_connected(5_000, 1 << 20);
    let again: Vec<_> =
        std::iter::from_fn(|| publishing.next_retry(5_000)).map(|it| it.id).collect();
    assert_eq!(again, ids, "in their order");
}

#[test]
fn an_engine_without_a_leader_is_asked_again_and_one_that_refuses_is_not() {
    let mut publishing = connected();
    let id = publishing.publish(0, outgoing(1)).unwrap().id;
    assert_eq!(publishing.on_refused(300, id, (503, 10_008)), None);
    assert_eq!(publishing.due_ms(), Some(1_300));
    assert_eq!(publishing.next_retry(1_300).unwrap().id, id);
    let failure = Failure::Refused { code: 10_054 };
    assert_eq!(publishing.on_refused(1_400, id, (400, 10_054)), Some(failure));
    assert_eq!(publishing.on_refused(1_400, id, (400, 10_054)), None);
    assert_eq!(publishing.load(), (0, 0));
}
