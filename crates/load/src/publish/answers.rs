//! What a server answers one publisher: by HTTP piece by piece, on a stream in whole messages.

use super::results::Results;
use crate::http::{self, Head, Malformed, Part, Reader};

/// Bytes of a refusal that are kept, to quote it.
const REFUSAL_BYTES_MAX: usize = 1_024;

/// The answer that is being read.
#[derive(Debug, Default)]
pub(super) struct Answers {
    reader: Reader,
    head: Head,
    /// It has a line for each publication.
    has_lines: bool,
    results: Results,
    /// The beginning of its body, where it is a refusal.
    refusal: Vec<u8>,
}

/// A whole answer.
#[derive(Debug)]
pub(super) struct Outcome<'a> {
    /// For all publications, where there is none for each.
    status: u16,
    statuses: &'a [u16],
    /// The first refusal among them.
    refused: Option<&'a str>,
    body: &'a [u8],
}

impl Answers {
    /// More bytes of a connection that speaks HTTP.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.reader.push(bytes);
    }

    /// Reads on to the end of the answer to a request of `count` publications. What it says is
    /// whether the server ends the connection after it; nothing when it is not whole yet.
    pub(super) fn read(&mut self, is_batch: bool, count: usize) -> Result<Option<bool>, Malformed> {
        while let Some(part) = self.reader.next()? {
            match part {
                Part::Head(head) => {
                    let is_good = is_success(head.status);
                    self.has_lines = is_batch && is_good;
                    self.head = head;
                    self.refusal.clear();
                    self.results.clear();
                }
                Part::Body(bytes) if self.has_lines => self.results.push(bytes, count),
                Part::Body(bytes) if !is_success(self.head.status) => {
                    let wanted = REFUSAL_BYTES_MAX.saturating_sub(self.refusal.len());
                    self.refusal.extend(bytes.iter().take(wanted));
                }
                Part::Body(_) => {}
                Part::End => return Ok(Some(self.head.is_last)),
            }
        }
        Ok(None)
    }

    /// A message of a stream, which is a whole answer to `count` publications.
    pub(super) fn read_message(&mut self, message: &[u8], count: usize) {
        self.has_lines = true;
        self.results.clear();
        self.results.push(message, count);
    }

    /// What the answer to `count` publications says, once it is whole.
    pub(super) fn finish(&mut self, count: usize) -> Outcome<'_> {
        let (statuses, refused) =
            if self.has_lines { self.results.finish(count) } else { (&[][..], None) };
        Outcome { status: self.head.status, statuses, refused, body: &self.refusal }
    }

    /// The answer ends with the connection.
    pub(super) fn is_until_end(&self) -> bool {
        self.reader.is_until_end()
    }
}

impl Outcome<'_> {
    /// The status of a publication.
    pub(super) fn status(&self, nth: usize) -> u16 {
        self.statuses.get(nth).copied().unwrap_or(self.status)
    }

    /// What the server says of publications that it refused.
    pub(super) fn refusal(&self) -> String {
        let whole = || http::refusal(self.status, self.body);
        self.refused.map_or_else(whole, str::to_owned)
    }
}

/// Whether the server took it.
pub(super) fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &str, is_batch: bool, count: usize) -> (Option<bool>, Vec<u16>, String) {
        let mut answers = Answers::default();
        answers.push(bytes.as_bytes());
        let is_last = answers.read(is_batch, count).unwrap();
        let outcome = answers.finish(count);
        let statuses = (0..count).map(|nth| outcome.status(nth)).collect();
        (is_last, statuses, outcome.refusal())
    }

    #[test]
    fn an_answer_without_lines_is_for_all_publications() {
        let full = "HTTP/1.1 503 X\r\nContent-Length: 4\r\n\r\nfull";
        assert_eq!(read(full, true, 2), (Some(false), vec![503; 2], "503: full".to_owned()));
        let last = "HTTP/1.1 202 X\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";
        assert_eq!(read(last, false, 1), (Some(true), vec![202], "202".to_owned()));
        assert_eq!(read("HTTP/1.1 202 X\r\nContent-Length: 2\r\n\r\no", false, 1).0, None);
    }

    #[test]
    fn a_batch_has_a_status_for_each() {
        let lines = "HTTP/1.1 200 X\r\nContent-Length: 48\r\n\r\n\
                     {\"status\":201}\n{\"status\":413,\"error\":\"large\"}\n";
        assert_eq!(read(lines, true, 2).1, [201, 413]);
        assert_eq!(read(lines, true, 2).2, "413: large");
    }

    #[test]
    fn each_message_of_a_stream_is_an_answer() {
        let mut answers = Answers::default();
        answers.read_message(b"{\"status\":413,\"error\":\"large\"}\n", 1);
        let outcome = answers.finish(1);
        assert_eq!((outcome.status(0), outcome.refusal()), (413, "413: large".to_owned()));
        answers.read_message(b"{\"status\":201}\n", 1);
        assert_eq!(answers.finish(1).status(0), 201);
        answers.read_message(b"", 1);
        let outcome = answers.finish(1);
        assert_eq!((outcome.status(0), outcome.refusal()), (0, "0 of 1 results".to_owned()));
    }
}
