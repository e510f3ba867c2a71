//! Server-sent events, as the HTML standard has them: lines that end with CR LF, LF or CR, an empty
//! line behind each event, several `data` lines joined by LF.

/// Takes bytes and gives the data of events.
#[derive(Debug, Default)]
pub(crate) struct EventStream {
    held: Vec<u8>,
    /// What has been read of it.
    used: usize,
    /// The last line ended with CR: an LF that follows belongs to it.
    after_cr: bool,
    /// The event so far: its data, each line with an LF behind it, and its type.
    data: Vec<u8>,
    kind: Vec<u8>,
}

impl EventStream {
    /// More bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.held.drain(..self.used);
        self.used = 0;
        self.held.extend_from_slice(bytes);
    }

    /// The data of the next event of the default type `message`, if it is whole. Events of other
    /// types (`gap`, for example) are no news, and are left out.
    pub(crate) fn next(&mut self) -> Option<Vec<u8>> {
        while let Some((from, to)) = self.line() {
            if from < to {
                self.field(from, to);
                continue;
            }
            let kind = std::mem::take(&mut self.kind);
            let mut data = std::mem::take(&mut self.data);
            // An event without data is none.
            if data.pop().is_some() && (kind.is_empty() || kind == b"message") {
                return Some(data);
            }
        }
        None
    }

    /// Where the next whole line begins and ends in `held`.
    fn line(&mut self) -> Option<(usize, usize)> {
        if self.after_cr && self.held.get(self.used)? == &b'\n' {
            self.used += 1;
        }
        self.after_cr = false;
        let from = self.used;
        let to = from + memchr::memchr2(b'\r', b'\n', &self.held[from..])?;
        self.after_cr = self.held[to] == b'\r';
        self.used = to + 1;
        Some((from, to))
    }

    fn field(&mut self, from: usize, to: usize) {
        let line = &self.held[from..to];
        let colon = memchr::memchr(b':', line);
        let (name, value) = line.split_at(colon.unwrap_or(line.len()));
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match name {
            b"data" => {
                self.data.extend_from_slice(value);
                self.data.push(b'\n');
            }
            b"event" => self.kind = value.to_vec(),
            // Ids and retry times are for clients that resume; a line that begins with a colon is a
            // comment.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(bytes: &[u8], piece: usize) -> Vec<String> {
        let mut stream = EventStream::default();
        let mut found = Vec::new();
        for piece in bytes.chunks(piece) {
            stream.push(piece);
            found.extend(std::iter::from_fn(|| stream.next()));
        }
        found.into_iter().map(|data| String::from_utf8(data).unwrap()).collect()
    }

    #[test]
    fn events_are_whole_however_they_are_cut_and_whatever_ends_their_lines() {
        let text = ": hi\n\nid: 1\ndata: one\n\ndata:two\ndata:  lines\ndata\n\nevent: gap\n\
                    data: no news\n\nretry: 5\n\nevent: message\ndata: last: one\n\ndata: cut";
        let expected = ["one", "two\n lines\n", "last: one"];
        for end in ["\n", "\r\n", "\r"] {
            let bytes = text.replace('\n', end);
            for piece in 1..=bytes.len() {
                assert_eq!(events(bytes.as_bytes(), piece), expected, "{end:?} {piece}");
            }
        }
    }
}
