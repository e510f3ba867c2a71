//! The answer to a batch, or to a message of a stream: a line with a status for each publication, in order.

use serde::Deserialize;

use crate::http;

/// A line that is longer than this has no status.
const LINE_BYTES_MAX: usize = 4_096;

/// The statuses in the answer that is being read.
#[derive(Debug, Default)]
pub(super) struct Results {
    statuses: Vec<u16>,
    /// The first refusal, to quote it.
    refusal: Option<String>,
    /// A line that is not whole.
    line: Vec<u8>,
}

#[derive(Deserialize)]
struct Line {
    status: u16,
}

impl Results {
    /// Another answer begins.
    pub(super) fn clear(&mut self) {
        self.statuses.clear();
        self.refusal = None;
        self.line.clear();
    }

    /// More of the body of an answer to `count` publications; further lines are not kept.
    pub(super) fn push(&mut self, mut bytes: &[u8], count: usize) {
        while let Some(at) = bytes.iter().position(|byte| *byte == b'\n') {
            self.keep(&bytes[..at]);
            self.end_line(count);
            bytes = &bytes[at + 1..];
        }
        self.keep(bytes);
    }

    /// The status of each publication of an answer to `count` of them, and a refusal to quote. 0 is
    /// no status: the answer is too short, or is no such answer.
    pub(super) fn finish(&mut self, count: usize) -> (&[u16], Option<&str>) {
        if !self.line.is_empty() {
            self.end_line(count);
        }
        if self.statuses.len() < count {
            let lines = self.statuses.len();
            let what = format!("{lines} of {count} results");
            self.refusal.get_or_insert(what);
            self.statuses.resize(count, 0);
        }
        (&self.statuses, self.refusal.as_deref())
    }

    fn keep(&mut self, bytes: &[u8]) {
        let room = LINE_BYTES_MAX.saturating_sub(self.line.len());
        self.line.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn end_line(&mut self, count: usize) {
        let is_wanted = self.statuses.len() < count && !self.line.trim_ascii().is_empty();
        if is_wanted {
            let status = serde_json::from_slice(&self.line).map_or(0, |Line { status }| status);
            if !(200..300).contains(&status) && self.refusal.is_none() {
                self.refusal = Some(http::refusal(status, &self.line));
            }
            self.statuses.push(status);
        }
        self.line.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = b"{\"status\":201,\"position\":\"a-1\"}\n\
        {\"status\":400,\"error\":{\"code\":\"bad_line\",\"message\":\"no such member\"}}\n\
        {\"status\":202}\n";

    #[test]
    fn lines_are_read_wherever_the_bytes_are_cut() {
        for cut in 0..BODY.len() {
            let mut results = Results::default();
            results.push(&BODY[..cut], 3);
            results.push(&BODY[cut..], 3);
            let (statuses, refusal) = results.finish(3);
            assert_eq!(statuses, [201, 400, 202], "{cut}");
            assert_eq!(refusal, Some("400: no such member"), "{cut}");
        }
    }

    #[test]
    fn a_last_line_needs_no_end_and_further_ones_are_not_kept() {
        let mut results = Results::default();
        results.push(b"{\"status\":201}\n\n{\"status\":202}\n{\"status\":500}", 2);
        assert_eq!(results.finish(2), (&[201, 202][..], None));
        results.clear();
        results.push(b"{\"status\":500}", 1);
        assert_eq!(results.finish(1), (&[500][..], Some("500: {\"status\":500}")));
    }

    #[test]
    fn what_is_missing_has_no_status() {
        let mut results = Results::default();
        results.push(b"{\"status\":201}\n", 3);
        assert_eq!(results.finish(3), (&[201, 0, 0][..], Some("1 of 3 results")));
        results.clear();
        results.push(b"ok", 2);
        assert_eq!(results.finish(2), (&[0, 0][..], Some("0: ok")));
        results.clear();
        results.push(&vec![b'x'; 3 * LINE_BYTES_MAX], 1);
        assert_eq!(results.line.len(), LINE_BYTES_MAX);
    }
}
