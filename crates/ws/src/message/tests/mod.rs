//! What the tests of receiving share.

mod limits;
mod oracle;
mod rules;
mod splits;

use super::*;
use crate::frame;
use oracle::{Oracle, Owned};

const LIMITS: MessageLimits =
    MessageLimits { frame_bytes_max: 300, message_bytes_max: 400, fragments_max: 5 };
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// All events in order, and the error at the end if there was one.
type Outcome = (Vec<Owned>, Option<ProtocolError>);

/// Feeds `bytes` in pieces that end at each of `cuts`, as reads would.
fn feed(
    bytes: &[u8],
    cuts: impl IntoIterator<Item = usize>,
    role: Role,
    limits: &MessageLimits,
) -> Outcome {
    let mut receiver = Receiver::default();
    let mut events = Vec::new();
    let mut start = 0;
    for cut in cuts {
        let mut piece = bytes[start..cut].to_vec();
        start = cut;
        let mut at = 0;
        loop {
            let step = match receiver.next(&mut piece[at..], role, limits) {
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
        let at_boundary = receiver.is_idle();
        assert!(!at_boundary || receiver.held_bytes() == 0, "holds memory at a boundary");
        assert!(receiver.held_bytes() <= 2 * cut + 16, "holds more than twice what arrived");
    }
    (events, None)
}

fn by_oracle(bytes: &[u8], role: Role, limits: &MessageLimits) -> Outcome {
    let mut oracle = Oracle::new(role, *limits);
    let mut events = Vec::new();
    for byte in bytes {
        match oracle.push(*byte) {
            Ok(None) => {}
            Ok(Some(event)) => {
                let ended = matches!(event, Owned::Close(_));
                events.push(event);
                if ended {
                    break;
                }
            }
            Err(error) => return (events, Some(error)),
        }
    }
    (events, None)
}

/// A frame as a client sends it, whatever its first byte; the shortest length.
fn client_frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    frame::write(&mut out, Opcode::Binary, payload, Some(KEY));
    out[0] = first;
    out
}

/// What a server makes of these bytes when they come at once.
fn served(bytes: &[u8]) -> Outcome {
    feed(bytes, [bytes.len()], Role::Server, &LIMITS)
}

fn error_of(bytes: &[u8]) -> Option<ProtocolError> {
    served(bytes).1
}
