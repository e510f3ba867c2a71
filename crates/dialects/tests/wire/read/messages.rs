//! WebSocket messages, and the header that `switchboard.v1` adds to them.

use switchboard_ws::message::{Event, MessageLimits, Receiver, Role};

/// A message of `switchboard.v1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) is_text: bool,
    /// The lines of the header, in order.
    pub(crate) header: Vec<(String, String)>,
    pub(crate) payload: Vec<u8>,
}

/// Reads messages from bytes that arrive in these pieces.
pub(crate) fn all<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> Vec<Message> {
    bare(pieces).into_iter().map(|(is_text, bytes)| message(is_text, &bytes)).collect()
}

/// The messages of a WebSocket without a subprotocol: whether they are text, and their bytes.
pub(crate) fn bare<'p>(pieces: impl IntoIterator<Item = &'p [u8]>) -> Vec<(bool, Vec<u8>)> {
    let limits = MessageLimits {
        frame_bytes_max: 1 << 30,
        message_bytes_max: 1 << 30,
        ..MessageLimits::default()
    };
    let mut receiver = Receiver::default();
    let mut messages = Vec::new();
    for piece in pieces {
        let mut piece = piece.to_vec();
        let mut at = 0;
        loop {
            let step = receiver.next(&mut piece[at..], Role::Client, &limits).expect("a frame");
            match step.event {
                None => break,
                Some(Event::Text(text)) => messages.push((true, text.as_bytes().to_vec())),
                Some(Event::Binary(bytes)) => messages.push((false, bytes.to_vec())),
                Some(other) => panic!("{other:?}"),
            }
            at += step.consumed;
        }
    }
    assert!(receiver.is_idle(), "the last frame is cut");
    messages
}

fn message(is_text: bool, mut bytes: &[u8]) -> Message {
    let mut header = Vec::new();
    loop {
        let end = bytes.iter().position(|byte| *byte == b'\n').expect("a line");
        let line = str::from_utf8(&bytes[..end]).expect("UTF-8");
        bytes = &bytes[end + 1..];
        if line.is_empty() {
            return Message { is_text, header, payload: bytes.to_vec() };
        }
        assert!(!line.contains('\r'), "{line:?}");
        let (name, value) = line.split_once(": ").expect("a name and a value");
        header.push((name.to_owned(), value.to_owned()));
    }
}
