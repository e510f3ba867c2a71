//! A body in chunks is the same wherever it is split, and what a reader of the whole finds.

use switchboard_ws::body::{BodyError, BodyReader};
use switchboard_ws::head::{Body, read_empty_chunks};

use crate::pieces::cuts;

/// Bytes of extensions and trailers.
const IGNORED_BYTES_MAX: usize = 4 << 10;

/// What has been read.
#[derive(Debug, Eq, PartialEq)]
struct Read {
    data: Vec<u8>,
    /// How many bytes the body takes, if it is whole.
    used: Option<usize>,
    error: Option<BodyError>,
}

/// The input is a body and what follows it, and data that is put into chunks.
pub fn check(data: &[u8]) {
    let whole = in_one(data);
    for ends in cuts(data.len()) {
        assert_eq!(in_pieces(Body::Chunked, data, &ends), whole, "cut at {ends:?}");
    }
    if let Ok(Some(used)) = read_empty_chunks(data) {
        assert_eq!(whole, Read { data: Vec::new(), used: Some(used), error: None });
    }
    check_round_trip(data);
    let length = (data.len() / 2) as u64;
    let read = in_pieces(Body::Length(length), data, &[data.len() / 3, data.len()]);
    assert_eq!((&read.data[..], read.error), (&data[..data.len() / 2], None));
}

fn in_pieces(body: Body, bytes: &[u8], ends: &[usize]) -> Read {
    let mut reader = BodyReader::new(body);
    let mut read = Read { data: Vec::new(), used: None, error: None };
    let (mut start, mut total) = (0, 0);
    for end in ends {
        let mut piece = &bytes[start..*end];
        start = *end;
        while !piece.is_empty() && !reader.is_done() {
            let announced = reader.announced_bytes();
            match reader.read(piece) {
                Ok(part) => {
                    assert!(part.used > 0 && part.data.len() <= part.used, "{part:?}");
                    assert!(announced == 0 || part.data.len() as u64 <= announced);
                    read.data.extend_from_slice(part.data);
                    piece = &piece[part.used..];
                    total += part.used;
                }
                Err(error) => {
                    read.error = Some(error);
                    return read;
                }
            }
        }
    }
    read.used = reader.is_done().then_some(total);
    read
}

/// The same for a whole body that is there (RFC 9112 section 7.1).
fn in_one(bytes: &[u8]) -> Read {
    let mut read = Read { data: Vec::new(), used: None, error: None };
    let mut rest = Rest { bytes, ignored: 0 };
    match rest.read(&mut read.data) {
        Ok(()) => read.used = Some(bytes.len() - rest.bytes.len()),
        Err(error) => read.error = error,
    }
    read
}

/// An error, or none where more bytes are needed.
type Outcome<T> = Result<T, Option<BodyError>>;

struct Rest<'a> {
    bytes: &'a [u8],
    ignored: usize,
}

impl Rest<'_> {
    fn read(&mut self, data: &mut Vec<u8>) -> Outcome<()> {
        loop {
            let size = self.size()?;
            if size == 0 {
                break;
            }
            let there = self.bytes.len().min(size);
            data.extend_from_slice(&self.bytes[..there]);
            self.bytes = &self.bytes[there..];
            self.take(b'\r')?;
            self.take(b'\n')?;
        }
        // Trailers, up to an empty line.
        while self.peek()? != b'\r' {
            self.ignore_line()?;
        }
        self.take(b'\r')?;
        self.take(b'\n')
    }

    /// The size of a chunk, and the rest of its line.
    fn size(&mut self) -> Outcome<usize> {
        let digits = self.bytes.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        if digits > 8 {
            return Err(Some(BodyError::ChunkSize));
        }
        let text = str::from_utf8(&self.bytes[..digits]).unwrap();
        self.bytes = &self.bytes[digits..];
        let behind = self.peek()?;
        if digits == 0 || !matches!(behind, b'\r' | b';' | b' ' | b'\t') {
            return Err(Some(BodyError::ChunkSize));
        }
        if behind == b'\r' {
            self.take(b'\r')?;
            self.take(b'\n')?;
        } else {
            // The first of these is not counted.
            self.bytes = &self.bytes[1..];
            self.ignore_line()?;
        }
        Ok(usize::from_str_radix(text, 16).unwrap())
    }

    fn ignore_line(&mut self) -> Outcome<()> {
        loop {
            match self.peek()? {
                b'\r' => break,
                b'\n' | 0 => return Err(Some(BodyError::LineBreak)),
                _ => self.ignored += 1,
            }
            if self.ignored > IGNORED_BYTES_MAX {
                return Err(Some(BodyError::TooMuchIgnored));
            }
            self.bytes = &self.bytes[1..];
        }
        self.take(b'\r')?;
        self.take(b'\n')
    }

    fn peek(&self) -> Outcome<u8> {
        self.bytes.first().copied().ok_or(None)
    }

    fn take(&mut self, expected: u8) -> Outcome<()> {
        if self.peek()? != expected {
            return Err(Some(BodyError::LineBreak));
        }
        self.bytes = &self.bytes[1..];
        Ok(())
    }
}

/// What is put into chunks comes out, and what follows is left.
fn check_round_trip(data: &[u8]) {
    let mut bytes = Vec::new();
    for part in data.chunks(data.len() % 37 + 1) {
        bytes.extend_from_slice(format!("{:X}\r\n", part.len()).as_bytes());
        bytes.extend_from_slice(part);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    let expected = Read { data: data.to_vec(), used: Some(bytes.len()), error: None };
    bytes.extend_from_slice(b"GET / HTTP/1.1\r\n");
    assert_eq!(in_pieces(Body::Chunked, &bytes, &[bytes.len() / 2, bytes.len()]), expected);
}
