//! The body of a request as it arrives, by its length or in chunks (RFC 9112 sections 6 and 7.1).
//!
//! ```
//! use switchboard_ws::body::BodyReader;
//! use switchboard_ws::head::Body;
//!
//! let mut reader = BodyReader::new(Body::Chunked);
//! let received = b"5\r\nhello\r\n0\r\n\r\nGET / HTTP/1.1\r\n";
//! let (mut body, mut at) = (Vec::new(), 0);
//! while !reader.is_done() {
//!     let part = reader.read(&received[at..])?;
//!     body.extend_from_slice(part.data);
//!     at += part.used;
//! }
//! assert_eq!((&body[..], &received[at..]), (&b"hello"[..], &b"GET / HTTP/1.1\r\n"[..]));
//! # Ok::<(), switchboard_ws::body::BodyError>(())
//! ```

use crate::head::Body;

#[cfg(test)]
mod tests;

/// Bytes of chunk extensions, and of trailers, that one body may have; both are ignored.
const IGNORED_BYTES_MAX: u32 = 4 << 10;

/// Digits of a chunk's size: more than any size that is accepted.
const SIZE_DIGITS_MAX: u8 = 8;

/// Finds the parts and the end of one body.
#[derive(Clone, Copy, Debug)]
pub struct BodyReader {
    state: State,
    ignored_bytes: u32,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// So many bytes are still to come.
    Length(u64),
    /// In the size of a chunk.
    Size {
        value: u64,
        digits: u8,
    },
    /// In what follows the size on its line.
    Extension {
        value: u64,
    },
    /// The line feed behind a size.
    SizeEnd {
        value: u64,
    },
    /// So many bytes of a chunk are still to come, at least one.
    Data(u64),
    /// The line break behind a chunk.
    DataEnd {
        has_return: bool,
    },
    /// At the beginning of a trailer line, or of the empty one.
    TrailerBegin,
    Trailer,
    TrailerEnd,
    LastLineFeed,
    Done,
}

/// A part of a body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Part<'a> {
    /// How many of the bytes were used, framing included. At least one where there were any and the
    /// body was not done.
    pub used: usize,
    /// The bytes of the body among them; may be empty.
    pub data: &'a [u8],
}

/// The body cannot be read, and where the next request begins is unknown.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BodyError {
    /// A chunk does not begin with its size in hexadecimal digits (RFC 9112 section 7.1).
    #[error("a chunk does not begin with its size in at most 8 hexadecimal digits")]
    ChunkSize,
    /// A chunk, its size or a trailer does not end with CR LF (RFC 9112 section 7.1).
    #[error("a chunk or its size does not end with CR LF")]
    LineBreak,
    /// Chunk extensions or trailers without end.
    #[error("the chunk extensions or trailers of the body are too long")]
    TooMuchIgnored,
}

impl BodyReader {
    /// For a request with this body.
    pub fn new(body: Body) -> Self {
        let state = match body {
            Body::None => State::Done,
            Body::Length(length) => State::Length(length),
            Body::Chunked => State::Size { value: 0, digits: 0 },
        };
        Self { state, ignored_bytes: 0 }
    }

    /// All of the body was read.
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Done | State::Length(0))
    }

    /// The bytes that are certain to come, where that is known: those of a length, or of the chunk under
    /// way.
    pub fn announced_bytes(&self) -> u64 {
        match self.state {
            State::Length(left) | State::Data(left) => left,
            _ => 0,
        }
    }

    /// Reads up to the end of the next piece of the body, of the body, or of `bytes`.
    ///
    /// # Errors
    /// See [`BodyError`]; the connection must be closed after the answer.
    pub fn read<'a>(&mut self, bytes: &'a [u8]) -> Result<Part<'a>, BodyError> {
        for (used, &byte) in bytes.iter().enumerate() {
            if self.is_done() {
                return Ok(Part { used, data: &[] });
            }
            if let State::Length(left) | State::Data(left) = self.state {
                let rest = &bytes[used..];
                let taken = rest.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                self.take(taken as u64);
                return Ok(Part { used: used + taken, data: &rest[..taken] });
            }
            self.state = self.step(byte)?;
        }
        Ok(Part { used: bytes.len(), data: &[] })
    }

    fn take(&mut self, taken: u64) {
        self.state = match self.state {
            State::Data(left) if left == taken => State::DataEnd { has_return: false },
            State::Data(left) => State::Data(left - taken),
            State::Length(left) => State::Length(left - taken),
            other => other,
        };
    }

    /// One byte of the framing.
    fn step(&mut self, byte: u8) -> Result<State, BodyError> {
        Ok(match (self.state, byte) {
            (State::Size { value, digits }, _) if byte.is_ascii_hexdigit() => {
                if digits == SIZE_DIGITS_MAX {
                    return Err(BodyError::ChunkSize);
                }
                let digit = (byte as char).to_digit(16).unwrap_or_default();
                State::Size { value: value << 4 | u64::from(digit), digits: digits + 1 }
            }
            (State::Size { digits: 0, .. }, _) => return Err(BodyError::ChunkSize),
            (State::Size { value, .. } | State::Extension { value }, b'\r') => {
                State::SizeEnd { value }
            }
            // Extensions begin with a semicolon; spaces before it are bad but known (section 7.1.1).
            (State::Size { value, .. }, b';' | b' ' | b'\t') => State::Extension { value },
            (State::Size { .. }, _) => return Err(BodyError::ChunkSize),
            (State::Extension { value }, _) => {
                self.ignore(byte)?;
                State::Extension { value }
            }
            (State::SizeEnd { value }, b'\n') if value > 0 => State::Data(value),
            (State::DataEnd { has_return: false }, b'\r') => State::DataEnd { has_return: true },
            (State::DataEnd { has_return: true }, b'\n') => State::Size { value: 0, digits: 0 },
            (State::TrailerBegin, b'\r') => State::LastLineFeed,
            (State::LastLineFeed, b'\n') => State::Done,
            (State::Trailer, b'\r') => State::TrailerEnd,
            (State::TrailerEnd | State::SizeEnd { value: 0 }, b'\n') => State::TrailerBegin,
            (State::TrailerBegin | State::Trailer, _) => {
                self.ignore(byte)?;
                State::Trailer
            }
            _ => return Err(BodyError::LineBreak),
        })
    }

    /// Counts a byte that means nothing here. None may be a line break that another reader would see.
    fn ignore(&mut self, byte: u8) -> Result<(), BodyError> {
        if matches!(byte, b'\n' | 0) {
            return Err(BodyError::LineBreak);
        }
        self.ignored_bytes += 1;
        if self.ignored_bytes > IGNORED_BYTES_MAX { Err(BodyError::TooMuchIgnored) } else { Ok(()) }
    }
}
