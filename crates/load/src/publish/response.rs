//! HTTP responses on a connection that is kept: where each ends, and its status.

use memchr::memmem;

/// A response head longer than this is none.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// What is wrong with a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

/// A whole response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Response {
    pub(super) status: u16,
    /// The server will end the connection.
    pub(super) is_last: bool,
}

/// Takes bytes and gives responses. Bodies are skipped.
#[derive(Debug, Default)]
pub(super) struct Reader {
    held: Vec<u8>,
    state: State,
}

#[derive(Debug, Clone, Copy, Default)]
enum State {
    #[default]
    Head,
    Length(Response, u64),
    ChunkSize(Response),
    Chunk(Response, u64),
    /// Lines after the last chunk.
    Trailer(Response),
    UntilEnd(Response),
}

impl Reader {
    /// More bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
    }

    /// The next whole response, if it is there.
    pub(super) fn next(&mut self) -> Result<Option<Response>, Malformed> {
        loop {
            match self.state {
                State::Head => match self.head()? {
                    Some(state) => self.state = state,
                    None => return Ok(None),
                },
                State::Length(response, left) => {
                    let left = self.skip(left);
                    self.state = State::Length(response, left);
                    return Ok((left == 0).then(|| self.done(response)));
                }
                State::ChunkSize(response) => match self.line()? {
                    Some(line) => self.state = chunk(response, &line)?,
                    None => return Ok(None),
                },
                State::Chunk(response, left) => {
                    let left = self.skip(left);
                    if left > 0 {
                        self.state = State::Chunk(response, left);
                        return Ok(None);
                    }
                    self.state = State::ChunkSize(response);
                }
                State::Trailer(response) => match self.line()? {
                    Some(line) if line.is_empty() => return Ok(Some(self.done(response))),
                    Some(_) => {}
                    None => return Ok(None),
                },
                State::UntilEnd(_) => {
                    self.held.clear();
                    return Ok(None);
                }
            }
        }
    }

    /// The connection has ended: the response that this ends, if there is one.
    pub(super) fn end(&mut self) -> Option<Response> {
        match self.state {
            State::UntilEnd(response) => Some(self.done(response)),
            _ => None,
        }
    }

    fn done(&mut self, response: Response) -> Response {
        self.state = State::Head;
        response
    }

    fn head(&mut self) -> Result<Option<State>, Malformed> {
        let Some(end) = memmem::find(&self.held, b"\r\n\r\n") else {
            return if self.held.len() > HEAD_BYTES_MAX { Err(Malformed) } else { Ok(None) };
        };
        let state = parse(&self.held[..end + 4])?;
        self.held.drain(..end + 4);
        Ok(Some(state))
    }

    /// Drops what is there of a body of which `left` bytes are to come; returns what is left then.
    fn skip(&mut self, left: u64) -> u64 {
        let skipped = self.held.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        self.held.drain(..skipped);
        left - skipped as u64
    }

    fn line(&mut self) -> Result<Option<Vec<u8>>, Malformed> {
        let Some(end) = memmem::find(&self.held, b"\r\n") else {
            return if self.held.len() > HEAD_BYTES_MAX { Err(Malformed) } else { Ok(None) };
        };
        let mut line: Vec<u8> = self.held.drain(..end + 2).collect();
        line.truncate(end);
        Ok(Some(line))
    }
}

/// What follows the line with a chunk's size.
fn chunk(response: Response, line: &[u8]) -> Result<State, Malformed> {
    let line = str::from_utf8(line).map_err(|_| Malformed)?;
    let size = line.split(';').next().unwrap_or_default().trim();
    match u64::from_str_radix(size, 16).map_err(|_| Malformed)? {
        0 => Ok(State::Trailer(response)),
        // The line end after the chunk is skipped with it.
        size => Ok(State::Chunk(response, size.checked_add(2).ok_or(Malformed)?)),
    }
}

/// Reads a head; says what follows it.
fn parse(head: &[u8]) -> Result<State, Malformed> {
    let mut slots = [httparse::EMPTY_HEADER; 64];
    let mut parsed = httparse::Response::new(&mut slots);
    match parsed.parse(head) {
        Ok(httparse::Status::Complete(_)) => {}
        _ => return Err(Malformed),
    }
    let (Some(version), Some(status)) = (parsed.version, parsed.code) else {
        return Err(Malformed);
    };
    if (100..200).contains(&status) {
        return Ok(State::Head);
    }
    let value = |name: &str| {
        let header = parsed.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        header.map(|header| String::from_utf8_lossy(header.value).to_ascii_lowercase())
    };
    let connection = value("connection").unwrap_or_default();
    let is_last = connection.contains("close") || (version == 0 && connection != "keep-alive");
    let response = Response { status, is_last };
    if status == 204 || status == 304 {
        return Ok(State::Length(response, 0));
    }
    if value("transfer-encoding").is_some_and(|coding| coding.contains("chunked")) {
        return Ok(State::ChunkSize(response));
    }
    match value("content-length") {
        Some(length) => Ok(State::Length(response, length.parse().map_err(|_| Malformed)?)),
        None => Ok(State::UntilEnd(Response { is_last: true, ..response })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The statuses read from `bytes` when they come in pieces of `piece` bytes.
    fn statuses(bytes: &[u8], piece: usize) -> Vec<u16> {
        let mut reader = Reader::default();
        let mut found = Vec::new();
        for piece in bytes.chunks(piece) {
            reader.push(piece);
            while let Some(response) = reader.next().unwrap() {
                found.push(response.status);
            }
        }
        found.extend(reader.end().map(|response| response.status));
        found
    }

    #[test]
    fn responses_end_where_they_end_however_they_are_cut() {
        let bytes = b"HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nhello\
            HTTP/1.1 100 Continue\r\n\r\n\
            HTTP/1.1 204 No Content\r\n\r\n\
            HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n10\r\n0123456789abcdef\r\n0\r\nT: 1\r\n\r\n\
            HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n\
            HTTP/1.1 500 Oops\r\n\r\nuntil the end";
        for piece in 1..bytes.len() {
            assert_eq!(statuses(bytes, piece), [201, 204, 200, 202, 500], "{piece}");
        }
    }

    #[test]
    fn the_last_response_is_known() {
        for (head, is_last) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false),
            ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: Close\r\n\r\n", true),
            ("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", true),
            ("HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n", false),
        ] {
            let mut reader = Reader::default();
            reader.push(head.as_bytes());
            assert_eq!(reader.next().unwrap().unwrap().is_last, is_last, "{head}");
        }
    }

    #[test]
    fn what_is_no_http_is_refused() {
        for bytes in ["SSH-2.0-x\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"] {
            let mut reader = Reader::default();
            reader.push(bytes.as_bytes());
            assert_eq!(reader.next(), Err(Malformed));
        }
        let mut reader = Reader::default();
        reader.push(&vec![b'x'; HEAD_BYTES_MAX + 1]);
        assert_eq!(reader.next(), Err(Malformed));
    }
}
