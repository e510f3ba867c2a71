//! The rules of receiving, byte by byte and without regard to cost: what `Receiver` must agree with. The fuzz targets
//! have this file, too (`fuzz/properties`), so it takes all that it needs from the module that declares it.

use super::{Event, MessageLimits, ProtocolError, Role};

/// An [`Event`] that owns its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Owned {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<(u16, String)>),
}

impl From<Event<'_>> for Owned {
    fn from(event: Event<'_>) -> Self {
        match event {
            Event::Text(text) => Self::Text(text.into()),
            Event::Binary(bytes) => Self::Binary(bytes.into()),
            Event::Ping(bytes) => Self::Ping(bytes.into()),
            Event::Pong(bytes) => Self::Pong(bytes.into()),
            Event::Close(close) => Self::Close(close.map(|(code, why)| (code, why.into()))),
        }
    }
}

pub(super) struct Oracle {
    role: Role,
    limits: MessageLimits,
    /// The frame under way: its header bytes, then its payload once the header is whole.
    header: Vec<u8>,
    payload: Vec<u8>,
    /// Opcode, payload so far and number of frames of the message under way.
    message: Option<(u8, Vec<u8>, u32)>,
}

impl Oracle {
    pub(super) fn new(role: Role, limits: MessageLimits) -> Self {
        Self { role, limits, header: Vec::new(), payload: Vec::new(), message: None }
    }

    pub(super) fn push(&mut self, byte: u8) -> Result<Option<Owned>, ProtocolError> {
        if self.header_len().is_none_or(|needed| self.header.len() < needed) {
            self.header.push(byte);
            self.check_header()?;
        } else {
            let mask = match self.role {
                Role::Server => self.header[self.header.len() - 4 + self.payload.len() % 4],
                Role::Client => 0,
            };
            self.payload.push(byte ^ mask);
            self.check_text()?;
        }
        match self.header_len() {
            Some(needed)
                if self.header.len() == needed && self.payload.len() as u64 == self.len() =>
            {
                self.finish()
            }
            _ => Ok(None),
        }
    }

    /// Length of the header, as soon as its first two bytes say it.
    fn header_len(&self) -> Option<usize> {
        let extended = match self.header.get(1)? & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        Some(2 + extended + if self.role == Role::Server { 4 } else { 0 })
    }

    /// The declared length, once its bytes are there.
    fn len(&self) -> u64 {
        let number = |bytes: &[u8]| bytes.iter().fold(0, |n, byte| n << 8 | u64::from(*byte));
        match self.header[1] & 0x7f {
            126 => number(&self.header[2..4]),
            127 => number(&self.header[2..10]),
            short => u64::from(short),
        }
    }

    /// The rules in the order in which their bytes arrive.
    fn check_header(&self) -> Result<(), ProtocolError> {
        use ProtocolError as E;
        let first = self.header[0];
        let control = first & 0x08 != 0;
        let needed = self.header_len();
        let (short, masked) = match self.header.get(1) {
            Some(second) => (second & 0x7f, Some(second & 0x80 != 0)),
            None => (0, None),
        };
        let whole_len =
            (short == 126 && self.header.len() == 4) || (short == 127 && self.header.len() == 10);
        match () {
            () if first & 0x70 != 0 => Err(E::ReservedBit),
            () if !matches!(first & 0x0f, 0 | 1 | 2 | 8 | 9 | 10) => Err(E::UnknownOpcode),
            () if control && first & 0x80 == 0 => Err(E::ControlFragmented),
            () if self.role == Role::Server && masked == Some(false) => Err(E::NotMasked),
            () if self.role == Role::Client && masked == Some(true) => Err(E::Masked),
            () if control && short > 125 => Err(E::ControlTooLong),
            () if whole_len && self.len() >= 1 << 63 => Err(E::LengthTopBit),
            () if whole_len && short == 126 && self.len() < 126 => Err(E::LengthNotMinimal),
            () if whole_len && short == 127 && self.len() < 65536 => Err(E::LengthNotMinimal),
            () if needed == Some(self.header.len()) && !control => self.check_message(),
            () => Ok(()),
        }
    }

    /// The rules of messages and limits, once a data frame's header is whole.
    fn check_message(&self) -> Result<(), ProtocolError> {
        use ProtocolError as E;
        let opcode = self.header[0] & 0x0f;
        let (stored, frames) = match &self.message {
            None if opcode == 0 => return Err(E::UnexpectedContinuation),
            Some(_) if opcode != 0 => return Err(E::ExpectedContinuation),
            Some((_, payload, frames)) => (payload.len() as u64, *frames),
            None => (0, 0),
        };
        if self.len() > self.limits.frame_bytes_max {
            Err(E::FrameTooLong)
        } else if stored + self.len() > self.limits.message_bytes_max as u64 {
            Err(E::MessageTooLong)
        } else if frames + 1 > self.limits.fragments_max {
            Err(E::TooManyFragments)
        } else {
            Ok(())
        }
    }

    /// The text so far must be the beginning of some UTF-8.
    fn check_text(&self) -> Result<(), ProtocolError> {
        let (opcode, mut text) = match (&self.message, self.header[0] & 0x0f) {
            (_, 8..) => return Ok(()),
            (Some((opcode, payload, _)), _) => (*opcode, payload.clone()),
            (None, opcode) => (opcode, Vec::new()),
        };
        text.extend_from_slice(&self.payload);
        match str::from_utf8(&text) {
            Err(error) if opcode == 1 && error.error_len().is_some() => {
                Err(ProtocolError::TextNotUtf8)
            }
            _ => Ok(()),
        }
    }

    /// A frame is complete.
    fn finish(&mut self) -> Result<Option<Owned>, ProtocolError> {
        let first = std::mem::take(&mut self.header)[0];
        let payload = std::mem::take(&mut self.payload);
        match first & 0x0f {
            8 => return close(&payload).map(|close| Some(Owned::Close(close))),
            9 => return Ok(Some(Owned::Ping(payload))),
            10 => return Ok(Some(Owned::Pong(payload))),
            _ => {}
        }
        let (_, message, frames) = self.message.get_or_insert((first & 0x0f, Vec::new(), 0));
        message.extend_from_slice(&payload);
        *frames += 1;
        if first & 0x80 == 0 {
            return Ok(None);
        }
        Ok(match self.message.take() {
            Some((1, text, _)) => {
                Some(Owned::Text(String::from_utf8(text).map_err(|_| ProtocolError::TextNotUtf8)?))
            }
            Some((_, bytes, _)) => Some(Owned::Binary(bytes)),
            None => None,
        })
    }
}

fn close(payload: &[u8]) -> Result<Option<(u16, String)>, ProtocolError> {
    match payload.len() {
        0 => return Ok(None),
        1 => return Err(ProtocolError::CloseBodyOneByte),
        _ => {}
    }
    let code = u16::from(payload[0]) * 256 + u16::from(payload[1]);
    let reserved = [1004, 1005, 1006, 1015];
    let assigned = (1000..1015).contains(&code) || (3000..5000).contains(&code);
    if !assigned || reserved.contains(&code) {
        return Err(ProtocolError::CloseCode);
    }
    let reason = String::from_utf8(payload[2..].to_vec());
    Ok(Some((code, reason.map_err(|_| ProtocolError::CloseReasonNotUtf8)?)))
}
