//! Lengths of time on the command line: `500ms`, `10s`, `1.5m`, `1h`, or plain seconds.

use std::fmt;
use std::str::FromStr;

/// Milliseconds; a year at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span(u64);

const MS_MAX: f64 = 365.0 * 86_400_000.0;

impl Span {
    pub(crate) const fn from_secs(seconds: u64) -> Self {
        Self(seconds * 1_000)
    }

    /// What is left after some of it has passed.
    pub(crate) fn less(self, passed: std::time::Duration) -> Self {
        let passed_ms = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX);
        Self(self.0.saturating_sub(passed_ms))
    }

    pub(crate) const fn ms(self) -> u64 {
        self.0
    }

    pub(crate) const fn ns(self) -> u64 {
        self.0 * 1_000_000
    }
}

impl FromStr for Span {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const ERROR: &str = "a time is a number with ms, s, m or h";
        let unit_at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
        let (number, unit) = text.split_at(unit_at);
        let scale_ms = match unit {
            "ms" => 1.0,
            "" | "s" => 1_000.0,
            "m" => 60_000.0,
            "h" => 3_600_000.0,
            _ => return Err(ERROR),
        };
        let ms = number.trim().parse::<f64>().map_err(|_| ERROR)? * scale_ms;
        if !(0.0..=MS_MAX).contains(&ms) {
            return Err(ERROR);
        }
        #[allow(clippy::cast_sign_loss)] // it was checked
        Ok(Self(ms.round() as u64))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_multiple_of(1_000) {
            write!(f, "{}s", self.0 / 1_000)
        } else {
            write!(f, "{}ms", self.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        for (text, ms) in [
            ("10s", 10_000),
            ("10", 10_000),
            ("250ms", 250),
            ("1.5m", 90_000),
            ("1h", 3_600_000),
            ("0s", 0),
        ] {
            assert_eq!(text.parse::<Span>(), Ok(Span(ms)), "{text}");
        }
        for wrong in ["", "s", "-1s", "10d", "1e99", "nan", "inf"] {
            assert!(wrong.parse::<Span>().is_err(), "{wrong}");
        }
        assert_eq!(
            (Span(1_500).to_string(), Span(2_000).to_string()),
            ("1500ms".into(), "2s".into())
        );
    }
}
