//! Where each response on a connection begins and ends.

use memchr::memmem;

use super::Malformed;
use super::head::{self, Framing, Head};

/// A head, or a line between chunks, that is longer than this is none.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// A part of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    Head(Head),
    /// Some of the body, without what only frames it.
    Body(&'a [u8]),
    /// The response is whole; another may follow.
    End,
}

/// Takes bytes and gives the parts of responses.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    held: Vec<u8>,
    /// What has been given out of it.
    used: usize,
    state: State,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Head,
    Length(u64),
    ChunkSize,
    Chunk(u64),
    /// The line end behind a chunk.
    ChunkEnd,
    /// Lines after the last chunk.
    Trailer,
    UntilEnd,
}

impl Reader {
    /// More bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.held.drain(..self.used);
        self.used = 0;
        self.held.extend_from_slice(bytes);
    }

    /// The next part, if it is there.
    pub(crate) fn next(&mut self) -> Result<Option<Part<'_>>, Malformed> {
        loop {
            match self.state {
                State::Head => {
                    let Some(end) = self.find(b"\r\n\r\n")? else { return Ok(None) };
                    let parsed = head::parse(&self.held[self.used..end])?;
                    self.used = end;
                    let Some((head, framing)) = parsed else { continue };
                    self.state = match framing {
                        Framing::Length(length) => State::Length(length),
                        Framing::Chunked => State::ChunkSize,
                        Framing::UntilEnd => State::UntilEnd,
                    };
                    return Ok(Some(Part::Head(head)));
                }
                State::Length(0) => {
                    self.state = State::Head;
                    return Ok(Some(Part::End));
                }
                State::Length(left) => {
                    return Ok(self.body(left).map(|(bytes, state)| {
                        *state = State::Length(left - bytes.len() as u64);
                        Part::Body(bytes)
                    }));
                }
                State::ChunkSize => {
                    let Some(end) = self.find(b"\r\n")? else { return Ok(None) };
                    let size = chunk_size(&self.held[self.used..end])?;
                    self.used = end;
                    self.state = if size == 0 { State::Trailer } else { State::Chunk(size) };
                }
                State::Chunk(0) => self.state = State::ChunkEnd,
                State::Chunk(left) => {
                    return Ok(self.body(left).map(|(bytes, state)| {
                        *state = State::Chunk(left - bytes.len() as u64);
                        Part::Body(bytes)
                    }));
                }
                State::ChunkEnd => {
                    let Some(end) = self.find(b"\r\n")? else { return Ok(None) };
                    if end - self.used != 2 {
                        return Err(Malformed);
                    }
                    self.used = end;
                    self.state = State::ChunkSize;
                }
                State::Trailer => {
                    let Some(end) = self.find(b"\r\n")? else { return Ok(None) };
                    let is_last = end - self.used == 2;
                    self.used = end;
                    if is_last {
                        self.state = State::Head;
                        return Ok(Some(Part::End));
                    }
                }
                State::UntilEnd => {
                    return Ok(self.body(u64::MAX).map(|(bytes, _)| Part::Body(bytes)));
                }
            }
        }
    }

    /// What has come and was not given out yet.
    pub(crate) fn rest(&self) -> &[u8] {
        &self.held[self.used..]
    }

    /// Whether the end of the connection, now, completes a response.
    pub(crate) fn is_until_end(&self) -> bool {
        self.state == State::UntilEnd
    }

    /// What is there of a body of which `left` bytes are to come, and the state to be set.
    fn body(&mut self, left: u64) -> Option<(&[u8], &mut State)> {
        let there = &self.held[self.used..];
        let count = there.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        self.used += count;
        (count > 0).then(|| (&there[..count], &mut self.state))
    }

    /// Where the next `mark` ends.
    fn find(&self, mark: &[u8]) -> Result<Option<usize>, Malformed> {
        let there = &self.held[self.used..];
        match memmem::find(there, mark) {
            Some(at) => Ok(Some(self.used + at + mark.len())),
            None if there.len() > HEAD_BYTES_MAX => Err(Malformed),
            None => Ok(None),
        }
    }
}

/// Reads the size line of a chunk and ignores its extensions.
fn chunk_size(line: &[u8]) -> Result<u64, Malformed> {
    let line = str::from_utf8(line).map_err(|_| Malformed)?;
    let size = line.split(';').next().unwrap_or_default().trim();
    u64::from_str_radix(size, 16).map_err(|_| Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The statuses and bodies read from `bytes` when they come in pieces of `piece` bytes.
    fn responses(bytes: &[u8], piece: usize) -> Vec<(u16, String)> {
        let mut reader = Reader::default();
        let (mut found, mut status, mut body) = (Vec::new(), 0, Vec::new());
        for piece in bytes.chunks(piece) {
            reader.push(piece);
            while let Some(part) = reader.next().unwrap() {
                match part {
                    Part::Head(head) => status = head.status,
                    Part::Body(bytes) => body.extend_from_slice(bytes),
                    Part::End => {
                        found.push((status, String::from_utf8(std::mem::take(&mut body)).unwrap()));
                    }
                }
            }
        }
        if reader.is_until_end() {
            found.push((status, String::from_utf8(body).unwrap()));
        }
        found
    }

    #[test]
    fn responses_end_where_they_end_however_they_are_cut() {
        let bytes = b"HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nhello\
            HTTP/1.1 100 Continue\r\n\r\n\
            HTTP/1.1 204 No Content\r\n\r\n\
            HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n\
            HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\nT: 1\r\n\r\n\
            HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n\
            HTTP/1.1 500 Oops\r\n\r\nuntil the end";
        let expected = [
            (201, "hello"),
            (204, ""),
            (304, ""),
            (200, "hello0123456789abcdef"),
            (202, ""),
            (500, "until the end"),
        ]
        .map(|(status, body)| (status, body.to_owned()));
        for piece in 1..=bytes.len() {
            assert_eq!(responses(bytes, piece), expected, "{piece}");
        }
    }

    #[test]
    fn what_is_no_http_is_refused() {
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        for bytes in [
            "SSH-2.0-x\r\n\r\n".to_owned(),
            "x".repeat(HEAD_BYTES_MAX + 1),
            format!("{chunked}no\r\n"),
            format!("{chunked}2\r\nabcd\r\n"),
        ] {
            let mut reader = Reader::default();
            reader.push(bytes.as_bytes());
            let refused = loop {
                match reader.next() {
                    Ok(Some(_)) => {}
                    Ok(None) => break false,
                    Err(Malformed) => break true,
                }
            };
            assert!(refused, "{}", &bytes[..10]);
        }
    }
}
