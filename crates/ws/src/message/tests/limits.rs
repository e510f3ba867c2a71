//! Limits on messages, and the memory that a receiver holds.

use super::*;

#[test]
fn a_message_of_many_frames_is_limited_in_bytes_and_in_frames() {
    let small = |first, n: usize| vec![b'a'; n].chunks(1).map(|c| client_frame(first, c)).collect();
    let mut frames: Vec<Vec<u8>> = small(0x00, 5);
    frames[0][0] = 0x02;
    assert_eq!(error_of(&frames.concat()), None);
    frames.push(client_frame(0x00, b""));
    let error = error_of(&frames.concat()).unwrap();
    assert_eq!((error, error.close_code()), (ProtocolError::TooManyFragments, 1008));
    let exact = [client_frame(0x02, &[1; 300]), client_frame(0x80, &[1; 100])].concat();
    assert_eq!(served(&exact).0, [Owned::Binary(vec![1; 400])]);
    let over =
        [client_frame(0x02, &[1; 300]), client_frame(0x80, &[1; 101])[..8].to_vec()].concat();
    let error = error_of(&over).unwrap();
    assert_eq!((error, error.close_code()), (ProtocolError::MessageTooLong, 1009));
}

#[test]
fn a_short_message_is_held_to_each_limit() {
    let frame = client_frame(0x81, b"12345");
    let answer = |limits: MessageLimits| feed(&frame, [frame.len()], Role::Server, &limits).1;
    let table = [
        (LIMITS, None),
        (MessageLimits { frame_bytes_max: 5, message_bytes_max: 5, fragments_max: 1 }, None),
        (MessageLimits { frame_bytes_max: 4, ..LIMITS }, Some(ProtocolError::FrameTooLong)),
        (MessageLimits { message_bytes_max: 4, ..LIMITS }, Some(ProtocolError::MessageTooLong)),
        (MessageLimits { fragments_max: 0, ..LIMITS }, Some(ProtocolError::TooManyFragments)),
    ];
    for (limits, expected) in table {
        assert_eq!(answer(limits), expected, "{limits:?}");
    }
}

#[test]
fn the_count_of_fragments_begins_anew_with_each_message() {
    let message = [client_frame(0x02, b"a"), client_frame(0x00, b"b"), client_frame(0x80, b"c")];
    let bytes = message.concat().repeat(4);
    assert_eq!(served(&bytes).0, vec![Owned::Binary(b"abc".to_vec()); 4]);
}

#[test]
fn memory_follows_what_arrived_and_not_what_was_declared() {
    let limits = MessageLimits {
        frame_bytes_max: 16 << 20,
        message_bytes_max: 16 << 20,
        fragments_max: u32::MAX,
    };
    for first in [0x81, 0x82] {
        let mut frame = client_frame(first, "\u{e9}".repeat(8 << 20).as_bytes());
        let header = 14;
        let mut receiver = Receiver::default();
        let mut fed = 0;
        for piece in [header, 1, 1, 101, 1 << 10, 1 << 16, 1 << 20] {
            let step = receiver.next(&mut frame[fed..fed + piece], Role::Server, &limits).unwrap();
            assert_eq!(step, Step { consumed: piece, event: None });
            fed += piece;
            let arrived = fed - header;
            assert!(receiver.held_bytes() <= 2 * arrived, "{} of {arrived}", receiver.held_bytes());
        }
        let step = receiver.next(&mut frame[fed..], Role::Server, &limits).unwrap();
        assert!(step.event.is_some());
        assert_eq!(receiver.held_bytes(), 16 << 20, "more room than the whole message needs");
        assert_eq!(receiver.next(&mut [], Role::Server, &limits).unwrap().event, None);
        assert_eq!(receiver.held_bytes(), 0);
    }
}

#[test]
fn a_million_tiny_fragments_cost_one_byte_each() {
    let limits =
        MessageLimits { frame_bytes_max: 1, message_bytes_max: 1 << 20, fragments_max: u32::MAX };
    let mut receiver = Receiver::default();
    let mut first = client_frame(0x02, b"a");
    receiver.next(&mut first, Role::Server, &limits).unwrap();
    let frames = client_frame(0x00, b"a").repeat(1000);
    for round in 1..=1000 {
        let mut frames = frames.clone();
        let step = receiver.next(&mut frames, Role::Server, &limits).unwrap();
        assert_eq!(step.event, None);
        assert!(receiver.held_bytes() <= 2 * (1000 * round + 1));
    }
}

#[test]
fn a_receiver_is_small_and_idle_only_between_messages() {
    assert!(size_of::<Receiver>() <= 96, "{} bytes", size_of::<Receiver>());
    let mut bytes = [client_frame(0x01, b"a"), client_frame(0x80, b"b")].concat();
    for cut in 1..bytes.len() {
        let mut receiver = Receiver::default();
        assert!(receiver.is_idle());
        receiver.next(&mut bytes.clone()[..cut], Role::Server, &LIMITS).unwrap();
        assert!(!receiver.is_idle(), "after {cut} bytes");
    }
    let mut receiver = Receiver::default();
    let step = receiver.next(&mut bytes, Role::Server, &LIMITS).unwrap();
    assert_eq!(step.event, Some(Event::Text("ab")));
    assert!(receiver.is_idle());
}

#[test]
fn a_message_under_way_is_as_long_as_its_frames_announce() {
    let mut receiver = Receiver::default();
    let mut take = |bytes: &[u8]| {
        let mut input = bytes.to_vec();
        let mut at = 0;
        loop {
            let step = receiver.next(&mut input[at..], Role::Server, &LIMITS).unwrap();
            at += step.consumed;
            if step.event.is_none() {
                return receiver.message_under_way();
            }
        }
    };
    let first = client_frame(0x02, &[1; 300]);
    assert_eq!(take(&first[..3]), None, "its length is not known");
    assert_eq!(take(&first[3..8]), Some(300), "nothing of it has come");
    assert_eq!(take(&first[8..]), Some(300));
    assert_eq!(take(&client_frame(0x89, b"ping")[..7]), Some(300), "a ping is no part of it");
    assert_eq!(take(&client_frame(0x89, b"ping")[7..]), Some(300));
    let last = client_frame(0x80, &[1; 50]);
    assert_eq!(take(&last[..20]), Some(350));
    assert_eq!(take(&last[20..]), None);
}
