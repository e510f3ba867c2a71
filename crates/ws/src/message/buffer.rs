//! A data message that comes in parts.

use super::Event;
use crate::error::ProtocolError;
use crate::frame::Opcode;
use crate::utf8::TextBuffer;

/// What has arrived of a message.
#[derive(Debug, Default)]
pub(super) enum Buffer {
    /// No message is under way.
    #[default]
    None,
    Text(TextBuffer),
    Binary(Vec<u8>),
}

impl Buffer {
    /// Starts a message; a continuation changes nothing.
    pub(super) fn begin(&mut self, opcode: Opcode) {
        match opcode {
            Opcode::Text => *self = Self::Text(TextBuffer::default()),
            Opcode::Binary => *self = Self::Binary(Vec::new()),
            _ => {}
        }
    }

    /// Appends unmasked bytes; of text, only what can still become UTF-8. `still_to_come` is the
    /// rest of the message in bytes when it is known, to end with a buffer of exactly its size.
    pub(super) fn push(
        &mut self,
        piece: &[u8],
        still_to_come: Option<u64>,
    ) -> Result<(), ProtocolError> {
        let growth = growth(self.len(), self.capacity(), piece.len(), still_to_come);
        match self {
            Self::None => debug_assert!(piece.is_empty(), "payload outside of a message"),
            Self::Text(text) => {
                text.reserve_exact(growth);
                text.push(piece).map_err(|_| ProtocolError::TextNotUtf8)?;
            }
            Self::Binary(bytes) => {
                bytes.reserve_exact(growth);
                bytes.extend_from_slice(piece);
            }
        }
        Ok(())
    }

    /// The complete message.
    pub(super) fn event(&self) -> Result<Event<'_>, ProtocolError> {
        match self {
            Self::Text(text) => {
                text.finish().map(Event::Text).map_err(|_| ProtocolError::TextNotUtf8)
            }
            Self::Binary(bytes) => Ok(Event::Binary(bytes)),
            Self::None => Ok(Event::Binary(&[])),
        }
    }

    /// Bytes that have arrived.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => bytes.len(),
        }
    }

    /// Bytes of heap held.
    pub(super) fn capacity(&self) -> usize {
        match self {
            Self::None => 0,
            Self::Text(text) => text.capacity(),
            Self::Binary(bytes) => bytes.capacity(),
        }
    }
}

/// How much room to ask for beyond `len`: none while it fits, then twice what has arrived, but not
/// more than the message can need.
fn growth(len: usize, capacity: usize, incoming: usize, still_to_come: Option<u64>) -> usize {
    let arrived = len + incoming;
    if arrived <= capacity {
        return 0;
    }
    let doubled = arrived + len;
    let room = match still_to_come.map(usize::try_from) {
        Some(Ok(rest)) => doubled.min(arrived.saturating_add(rest)),
        _ => doubled,
    };
    room - len
}
