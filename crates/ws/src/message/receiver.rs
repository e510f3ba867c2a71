//! The state of one receiving side and its steps.

use std::ops::Range;

use super::buffer::Buffer;
use super::{Event, MessageLimits, Role, Step, to_event, to_text};
use crate::error::ProtocolError;
use crate::frame::{self, CONTROL_PAYLOAD_MAX, Decoded, HEADER_BYTES_MAX, Header, Opcode};
use crate::mask::unmask;

/// Turns received bytes into [`Event`]s.
///
/// The default value is at a message boundary and owns nothing on the heap. A frame that is whole
/// in the input is handed out in place; only what arrives in parts is copied, once, and unmasked
/// and checked as it arrives. Memory grows with bytes that arrived, at most to twice as many, never
/// with a declared length.
#[derive(Debug, Default)]
pub struct Receiver {
    /// The data message under way, or the one handed out by the last call.
    message: Buffer,
    /// The control frame under way or handed out by the last call, when it came in parts.
    control: Vec<u8>,
    phase: Phase,
    /// Frames of the message under way.
    fragments: u32,
    /// `message` was handed out and is to be dropped.
    delivered: bool,
    /// A Close frame or an error came; nothing may follow.
    ended: bool,
}

/// What the next byte is.
#[derive(Debug, Clone, Copy)]
enum Phase {
    /// Part of a header of which `len` bytes are here already.
    Header { bytes: [u8; HEADER_BYTES_MAX], len: u8 },
    /// Part of a payload that is stored as it comes.
    Payload { remaining: u64, key: Option<[u8; 4]>, key_phase: u8, opcode: Opcode, fin: bool },
}

impl Default for Phase {
    fn default() -> Self {
        Self::Header { bytes: [0; HEADER_BYTES_MAX], len: 0 }
    }
}

/// Where a complete frame or message is.
enum Found {
    /// In the input, unmasked.
    Input(Opcode, Range<usize>),
    /// In `Receiver::message`.
    Message,
    /// In `Receiver::control`.
    Control(Opcode),
}

impl Receiver {
    /// Takes bytes from the front of `input`, unmasking them there. Call again with the rest until
    /// the event is `None`.
    ///
    /// After [`Event::Close`] or an error the receiver must not be called again; if it is, it takes
    /// all input and makes nothing of it.
    #[inline]
    pub fn next<'s>(
        &'s mut self,
        input: &'s mut [u8],
        role: Role,
        limits: &MessageLimits,
    ) -> Result<Step<'s>, ProtocolError> {
        if self.is_fresh()
            && let Some((text, payload)) = short_message(input, role, limits)
        {
            let consumed = payload.end;
            let payload = &input[payload];
            let event = if text {
                Event::Text(to_text(payload).inspect_err(|_| self.ended = true)?)
            } else {
                Event::Binary(payload)
            };
            return Ok(Step { consumed, event: Some(event) });
        }
        self.next_general(input, role, limits)
    }

    /// At a message boundary and without part of a header: may be dropped and made again.
    pub fn is_idle(&self) -> bool {
        matches!(self.phase, Phase::Header { len: 0, .. })
            && (self.delivered || matches!(self.message, Buffer::None))
    }

    /// How long the data message under way is so far: what has come of it, and what the header of its
    /// last frame announces, which is within the limits. None between messages.
    pub fn message_under_way(&self) -> Option<u64> {
        if self.delivered || matches!(self.message, Buffer::None) {
            return None;
        }
        let announced = match self.phase {
            Phase::Payload { remaining, opcode, .. } if !opcode.is_control() => remaining,
            _ => 0,
        };
        Some(self.message.len() as u64 + announced)
    }

    /// Bytes of heap held now.
    pub fn held_bytes(&self) -> usize {
        self.message.capacity() + self.control.capacity()
    }

    /// As [`is_idle`](Self::is_idle), and no message is left to drop either.
    #[inline]
    fn is_fresh(&self) -> bool {
        matches!(self.phase, Phase::Header { len: 0, .. })
            && matches!(self.message, Buffer::None)
            && !self.ended
    }

    fn next_general<'s>(
        &'s mut self,
        input: &'s mut [u8],
        role: Role,
        limits: &MessageLimits,
    ) -> Result<Step<'s>, ProtocolError> {
        debug_assert!(!self.ended, "called after a Close frame or an error");
        if self.ended {
            return Ok(Step { consumed: input.len(), event: None });
        }
        self.drop_delivered();
        let mut at = 0;
        let found = self.run(input, &mut at, role, limits).inspect_err(|_| self.ended = true)?;
        let event = match found {
            None => None,
            Some(Found::Input(opcode, range)) => Some(to_event(opcode, &input[range])),
            Some(Found::Control(opcode)) => Some(to_event(opcode, &self.control)),
            Some(Found::Message) => {
                self.delivered = true;
                Some(self.message.event())
            }
        };
        let event = event.transpose().inspect_err(|_| self.ended = true)?;
        self.ended |= matches!(event, Some(Event::Close(_)));
        Ok(Step { consumed: at, event })
    }

    /// Frees what the last call handed out.
    fn drop_delivered(&mut self) {
        if self.delivered {
            self.message = Buffer::None;
            self.fragments = 0;
            self.delivered = false;
        }
        if matches!(self.phase, Phase::Header { .. }) {
            self.control = Vec::new();
        }
    }

    /// Continues from `at` until something is complete or the input is used up.
    fn run(
        &mut self,
        input: &mut [u8],
        at: &mut usize,
        role: Role,
        limits: &MessageLimits,
    ) -> Result<Option<Found>, ProtocolError> {
        loop {
            if let Phase::Header { .. } = self.phase {
                let Some(header) = self.take_header(input, at, role)? else {
                    return Ok(None);
                };
                self.admit(&header, limits)?;
                if let Some(found) = self.whole_in_input(&header, input, at) {
                    return Ok(Some(found));
                }
                self.begin(&header);
            }
            if let Some(found) = self.take_payload(input, at)? {
                return Ok(Some(found));
            }
            if let Phase::Payload { .. } = self.phase {
                return Ok(None);
            }
        }
    }

    /// The next header; `None` when the input ends within it.
    fn take_header(
        &mut self,
        input: &[u8],
        at: &mut usize,
        role: Role,
    ) -> Result<Option<Header>, ProtocolError> {
        let Phase::Header { bytes, len } = &mut self.phase else {
            return Ok(None);
        };
        let rest = &input[*at..];
        if *len == 0
            && let Decoded::Header(header, used) = frame::decode(rest, role)?
        {
            *at += used;
            return Ok(Some(header));
        }
        for byte in rest {
            bytes[usize::from(*len)] = *byte;
            *len += 1;
            *at += 1;
            if let Decoded::Header(header, _) = frame::decode(&bytes[..usize::from(*len)], role)? {
                *len = 0;
                return Ok(Some(header));
            }
        }
        Ok(None)
    }

    /// Checks a header against the message under way and the limits.
    fn admit(&mut self, header: &Header, limits: &MessageLimits) -> Result<(), ProtocolError> {
        if header.opcode.is_control() {
            return Ok(());
        }
        match (header.opcode == Opcode::Continuation, matches!(self.message, Buffer::None)) {
            (true, true) => return Err(ProtocolError::UnexpectedContinuation),
            (false, false) => return Err(ProtocolError::ExpectedContinuation),
            _ => {}
        }
        if header.len > limits.frame_bytes_max {
            return Err(ProtocolError::FrameTooLong);
        }
        if header.len.saturating_add(self.message.len() as u64) > limits.message_bytes_max as u64 {
            return Err(ProtocolError::MessageTooLong);
        }
        if self.fragments >= limits.fragments_max {
            return Err(ProtocolError::TooManyFragments);
        }
        Ok(())
    }

    /// A control frame or an unfragmented message that lies wholly in the input, unmasked there.
    fn whole_in_input(&self, header: &Header, input: &mut [u8], at: &mut usize) -> Option<Found> {
        let first = matches!(self.message, Buffer::None);
        if !(header.opcode.is_control() || header.fin && first) {
            return None;
        }
        let len = usize::try_from(header.len).ok()?;
        let payload = input[*at..].get_mut(..len)?;
        if let Some(key) = header.mask {
            unmask(payload, key, 0);
        }
        let start = *at;
        *at += len;
        Some(Found::Input(header.opcode, start..*at))
    }

    /// Prepares to store a payload.
    fn begin(&mut self, header: &Header) {
        if !header.opcode.is_control() {
            self.fragments += 1;
            self.message.begin(header.opcode);
        }
        self.phase = Phase::Payload {
            remaining: header.len,
            key: header.mask,
            key_phase: 0,
            opcode: header.opcode,
            fin: header.fin,
        };
    }

    /// Stores what the input has of the payload under way; finds what becomes complete by it.
    fn take_payload(
        &mut self,
        input: &mut [u8],
        at: &mut usize,
    ) -> Result<Option<Found>, ProtocolError> {
        let Phase::Payload { remaining, key, key_phase, opcode, fin } = &mut self.phase else {
            return Ok(None);
        };
        let available = &mut input[*at..];
        let take = usize::try_from(*remaining).map_or(available.len(), |r| r.min(available.len()));
        let piece = &mut available[..take];
        if let Some(key) = key {
            *key_phase = unmask(piece, *key, usize::from(*key_phase)) as u8;
        }
        *at += take;
        *remaining -= take as u64;
        let (opcode, fin, remaining) = (*opcode, *fin, *remaining);
        if opcode.is_control() {
            // At most CONTROL_PAYLOAD_MAX bytes, as the header was checked.
            debug_assert!(self.control.len() + piece.len() <= CONTROL_PAYLOAD_MAX);
            self.control.extend_from_slice(piece);
        } else {
            self.message.push(piece, fin.then_some(remaining))?;
        }
        if remaining > 0 {
            return Ok(None);
        }
        self.phase = Phase::default();
        Ok(if opcode.is_control() {
            Some(Found::Control(opcode))
        } else {
            fin.then_some(Found::Message)
        })
    }
}

/// The most common input: an unfragmented message of up to 125 bytes that is whole in the input.
/// Unmasks it; returns whether it is text and where its payload is. `None` for anything else, which
/// the caller then reads from the start.
#[inline]
fn short_message(
    input: &mut [u8],
    role: Role,
    limits: &MessageLimits,
) -> Option<(bool, Range<usize>)> {
    let (text, second) = match input {
        [0x81, second, ..] => (true, *second),
        [0x82, second, ..] => (false, *second),
        _ => return None,
    };
    let (len, start) = match role {
        Role::Server => (usize::from(second).checked_sub(0x80)?, 6),
        Role::Client => (usize::from(second), 2),
    };
    let within_limits = len <= CONTROL_PAYLOAD_MAX
        && len as u64 <= limits.frame_bytes_max
        && len <= limits.message_bytes_max
        && limits.fragments_max > 0;
    if !within_limits {
        return None;
    }
    let frame = input.get_mut(..start + len)?;
    if role == Role::Server {
        let (key, payload) = frame[2..].split_first_chunk_mut::<4>()?;
        unmask(payload, *key, 0);
    }
    Some((text, start..start + len))
}
