//! Wall time in heads.

use std::time::{Duration, UNIX_EPOCH};

use httpdate::HttpDate;

/// The last second in an HTTP date: the end of the year 9999.
const SECOND_MAX: u64 = 253_402_300_799;

/// Characters of an HTTP date (RFC 9110 section 5.6.7).
const CHARS: usize = 29;

/// An HTTP date as text, made once for all heads of its second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date([u8; CHARS]);

impl Date {
    /// Of a time in Unix milliseconds.
    pub fn of_unix_ms(unix_ms: u64) -> Self {
        let since = Duration::from_secs((unix_ms / 1000).min(SECOND_MAX));
        let text = HttpDate::from(UNIX_EPOCH + since).to_string();
        // All dates are of this length.
        Self(text.as_bytes().try_into().unwrap_or([b' '; CHARS]))
    }

    /// Appends it.
    pub fn push(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0);
    }

    /// Appends the header line that says when an answer was made (RFC 9110 section 6.6.1).
    pub fn push_line(self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"Date: ");
        self.push(out);
        out.extend_from_slice(b"\r\n");
    }
}

/// What the wall clock shows.
///
/// Publications are stamped by a clock that only grows, so that their ages are right whatever happens
/// to the wall clock. When that is corrected, so is what is shown of the stamps.
#[derive(Clone, Copy, Debug)]
pub struct WallTime {
    /// The current second.
    pub date: Date,
    /// How far the wall clock is ahead of the clock of the stamps, in whole seconds.
    pub ahead_s: i64,
}

impl WallTime {
    /// The wall time of a stamp, both in Unix milliseconds.
    pub fn of_stamp_ms(self, stamp_ms: u64) -> u64 {
        stamp_ms.saturating_add_signed(self.ahead_s.saturating_mul(1000))
    }

    /// The second of the stamps for a second of wall time.
    pub fn to_stamp_s(self, second: u64) -> u64 {
        second.saturating_sub_signed(self.ahead_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_date_has_the_same_length() {
        for (unix_ms, expected) in [
            (0, "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"),
            (784_111_777_999, "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"),
            (u64::MAX, "Date: Fri, 31 Dec 9999 23:59:59 GMT\r\n"),
        ] {
            let mut out = Vec::new();
            Date::of_unix_ms(unix_ms).push_line(&mut out);
            assert_eq!(out, expected.as_bytes());
        }
    }

    #[test]
    fn a_stamp_shows_the_corrected_time_and_back() {
        for ahead_s in [0, 3_600, -3_600] {
            let wall = WallTime { date: Date::of_unix_ms(0), ahead_s };
            let shown = wall.of_stamp_ms(784_111_777_999);
            assert_eq!(shown, 784_111_777_999_u64.saturating_add_signed(ahead_s * 1000));
            assert_eq!(wall.to_stamp_s(shown / 1000), 784_111_777);
        }
        let wall = WallTime { date: Date::of_unix_ms(0), ahead_s: -5 };
        assert_eq!((wall.of_stamp_ms(1_000), wall.to_stamp_s(0)), (0, 5));
    }
}
