//! What a peer sends on a WebSocket is read as the rules have it, wherever it is split.

use switchboard_ws::ProtocolError;
use switchboard_ws::close::{REASON_BYTES_MAX, is_valid_on_wire, write_close};
use switchboard_ws::message::{Event, MessageLimits, Receiver, Role};

use crate::pieces::cuts;
use oracle::{Oracle, Owned};

#[path = "../../../crates/ws/src/message/tests/oracle.rs"]
mod oracle;

/// Small, so that inputs reach them.
const LIMITS: MessageLimits =
    MessageLimits { frame_bytes_max: 300, message_bytes_max: 400, fragments_max: 5 };

/// All events in order, and the error at the end if there was one.
type Outcome = (Vec<Owned>, Option<ProtocolError>);

/// The first byte says whose side it is, the rest is what the peer sends.
pub fn check(data: &[u8]) {
    let (first, bytes) = data.split_first().unwrap_or((&b's', b""));
    let role = if *first == b'c' { Role::Client } else { Role::Server };
    let expected = by_oracle(bytes, role);
    for ends in cuts(bytes.len()) {
        assert_eq!(received(bytes, &ends, role), expected, "cut at {ends:?}");
    }
    let (events, error) = &expected;
    if let Some(error) = error {
        check_answer(error.close_code(), &error.to_string());
    }
    if let Some(Owned::Close(Some((code, reason)))) = events.last() {
        check_answer(*code, reason);
    }
}

/// Receives the bytes in pieces, which are unmasked where they lie.
fn received(bytes: &[u8], ends: &[usize], role: Role) -> Outcome {
    let mut receiver = Receiver::default();
    let mut events = Vec::new();
    let mut start = 0;
    for end in ends {
        let mut piece = bytes[start..*end].to_vec();
        start = *end;
        let mut at = 0;
        loop {
            let step = match receiver.next(&mut piece[at..], role, &LIMITS) {
                Ok(step) => step,
                Err(error) => return (events, Some(error)),
            };
            at += step.consumed;
            let Some(event) = step.event else {
                assert_eq!(at, piece.len(), "no event, but input is left");
                break;
            };
            events.push(Owned::from(event));
            if let Some(Owned::Close(_)) = events.last() {
                return (events, None);
            }
        }
        assert!(!receiver.is_idle() || receiver.held_bytes() == 0, "holds memory at a boundary");
        assert!(receiver.held_bytes() <= 2 * end + 16, "holds more than twice what arrived");
        let under_way = receiver.message_under_way().unwrap_or(0);
        assert!(under_way <= LIMITS.message_bytes_max as u64, "{under_way} bytes are announced");
    }
    (events, None)
}

fn by_oracle(bytes: &[u8], role: Role) -> Outcome {
    let mut oracle = Oracle::new(role, LIMITS);
    let mut events = Vec::new();
    for byte in bytes {
        match oracle.push(*byte) {
            Ok(None) => {}
            Ok(Some(event)) => {
                let is_last = matches!(event, Owned::Close(_));
                events.push(event);
                if is_last {
                    break;
                }
            }
            Err(error) => return (events, Some(error)),
        }
    }
    (events, None)
}

/// What answers it is a Close frame that a peer reads back.
fn check_answer(code: u16, reason: &str) {
    assert!(is_valid_on_wire(code), "{code}");
    let mut frame = Vec::new();
    write_close(&mut frame, code, reason, Some([1, 2, 3, 4]));
    let mut receiver = Receiver::default();
    let step = receiver.next(&mut frame, Role::Server, &LIMITS).expect("a frame");
    let Some(Event::Close(Some((read, text)))) = step.event else { panic!("{step:?}") };
    assert_eq!(read, code);
    assert_eq!(text, &reason[..reason.floor_char_boundary(REASON_BYTES_MAX)]);
}
