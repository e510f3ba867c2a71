//! The times that the engine gives to messages.

/// Reads the engine's `Nats-Time-Stamp`, a time of RFC 3339 (section 5.6) in UTC, as Unix milliseconds. None
/// for anything else, and for times before 1970.
pub(crate) fn parse_time_stamp(text: &str) -> Option<u64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let (year, month, day) = three(date, '-')?;
    let (whole, fraction) = time.split_once('.').unwrap_or((time, ""));
    let (hour, minute, second) = three(whole, ':')?;
    let is_possible = year >= 1970
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60;
    if !is_possible || fraction.len() > 9 {
        return None;
    }
    let seconds = days(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    Some(seconds * 1_000 + milliseconds(fraction)?)
}

/// Three numbers.
fn three(text: &str, separator: char) -> Option<(u64, u64, u64)> {
    let mut parts = text.split(separator).map(digits);
    let three = (parts.next()??, parts.next()??, parts.next()??);
    parts.next().is_none().then_some(three)
}

fn digits(text: &str) -> Option<u64> {
    let is_number = (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}

/// The first three digits after the point; the engine leaves out zeros at the end.
fn milliseconds(fraction: &str) -> Option<u64> {
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits = fraction.bytes().chain(std::iter::repeat(b'0')).take(3);
    Some(digits.fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
}

/// The days from 1970-01-01 to a day of the Gregorian calendar. Years are counted from March, so that the
/// leap day is the last of its year.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let before_year = year * 365 + year / 4 - year / 100 + year / 400;
    before_year + (month * 153 + 2) / 5 + day - 1 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_to_the_millisecond() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:30:15.5Z", 951_827_415_500),
            ("2026-11-27T15:31:50.380120786Z", 1_795_793_510_380),
            ("2024-12-31T23:59:59.999999999Z", 1_735_689_599_999),
            ("9999-12-31T23:59:59Z", 253_402_300_799_000),
        ] {
            assert_eq!(parse_time_stamp(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn anything_else_is_no_time() {
        for text in [
            "",
            "Z",
            "2026-11-27",
            "2026-11-27T15:31:50",
            "2026-11-27T15:31:50+00:00",
            "2026-11-27 15:31:50Z",
            "1969-12-31T23:59:59Z",
            "2026-13-27T15:31:50Z",
            "2026-00-27T15:31:50Z",
            "2026-11-32T15:31:50Z",
            "2026-11-27T24:31:50Z",
            "2026-11-27T15:60:50Z",
            "2026-11-27T15:31:61Z",
            "2026-11-27T15:31:50.Zx",
            "2026-11-27T15:31:50.-1Z",
            "2026-11-27T15:31:50.1234567890Z",
            "2026-11-27-1T15:31:50Z",
            "99999999999999999999-11-27T15:31:50Z",
            "+026-11-27T15:31:50Z",
        ] {
            assert_eq!(parse_time_stamp(text), None, "{text}");
        }
    }
}
