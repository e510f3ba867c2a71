//! Figures as people read them: three significant digits, thousands apart, the unit beside.

/// A value with its unit. Units: nothing for a plain count, `B`, `us`, `ms`, `s`, `/s`, `B/s`, `%`,
/// `cores`; any other is put behind the number as it is.
pub(crate) fn figure(value: f64, unit: &str) -> String {
    match unit {
        "" => count(value),
        "B" => bytes(value),
        "B/s" => format!("{}/s", bytes(value)),
        "us" | "µs" => micros(value),
        "ms" => micros(value * 1e3),
        "s" => micros(value * 1e6),
        "/s" => format!("{} /s", count(value)),
        "%" => format!("{} %", significant(value)),
        "cores" => cores(value),
        other => format!("{} {other}", count(value)),
    }
}

/// A count: whole numbers in full, others with three significant digits.
pub(crate) fn count(value: f64) -> String {
    if !value.is_finite() {
        return "n/a".into();
    }
    let rounded = value.round();
    let whole = (value - rounded).abs() < 1e-9;
    match rounded.abs() {
        size if size >= 1e15 => format!("{value:.3e}"),
        size if whole || size >= 100.0 => grouped(rounded),
        _ => significant(value),
    }
}

/// Bytes: in full below 10,000, since what one connection costs is counted in bytes.
pub(crate) fn bytes(value: f64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if !value.is_finite() {
        return "n/a".into();
    }
    if value.abs() < 10_000.0 {
        return format!("{} B", grouped(value.round()));
    }
    let mut scaled = value / 1024.0;
    let mut unit = 0;
    while scaled.abs() >= 1023.5 && unit + 1 < UNITS.len() {
        scaled /= 1024.0;
        unit += 1;
    }
    format!("{} {}", significant(scaled), UNITS[unit])
}

/// A span of time, given in microseconds.
pub(crate) fn micros(value: f64) -> String {
    if !value.is_finite() {
        return "n/a".into();
    }
    // The bounds are those at which three digits would round up into the next unit.
    match value.abs() {
        size if size < 999.5 => format!("{} µs", significant(value)),
        size if size < 999.5e3 => format!("{} ms", significant(value / 1e3)),
        size if size < 600e6 => format!("{} s", significant(value / 1e6)),
        _ => format!("{} min", significant(value / 60e6)),
    }
}

/// CPU: 1 is a whole core.
pub(crate) fn cores(value: f64) -> String {
    if !value.is_finite() {
        return "n/a".into();
    }
    let word = if (value - 1.0).abs() < 0.005 { "core" } else { "cores" };
    format!("{value:.2} {word}")
}

/// Three significant digits, without zeros at the end of the fraction; 1,000 and more in full.
pub(crate) fn significant(value: f64) -> String {
    if !value.is_finite() {
        return "n/a".into();
    }
    let size = value.abs();
    let decimals = match size {
        _ if size >= 99.95 => return grouped(value.round()),
        _ if size >= 9.995 => 1,
        _ if size >= 0.9995 => 2,
        _ if size >= 0.01 => 3,
        _ if size < 1e-9 => return "0".into(),
        _ => return format!("{value:.1e}"),
    };
    let text = format!("{value:.decimals$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A short label for an axis: `20k`, `1.5M`.
pub(crate) fn short(value: f64) -> String {
    const SUFFIXES: [(f64, &str); 5] =
        [(1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    let size = value.abs();
    if size >= 1e18 {
        return format!("{value:.0e}");
    }
    let (scale, suffix) =
        SUFFIXES.into_iter().find(|(scale, _)| size >= *scale * 0.9999).unwrap_or((1.0, ""));
    format!("{}{suffix}", significant(value / scale))
}

/// A whole number with commas between the thousands.
fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut out = String::with_capacity(digits.len() * 4 / 3 + 1);
    if value < 0.0 && digits != "0" {
        out.push('-');
    }
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A moment as `2026-11-22 20:41:10 UTC`.
pub(crate) fn moment(unix_ms: u64) -> String {
    let seconds = unix_ms / 1000;
    let (year, month, day) = civil(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

/// Days since 1970-01-01 to a date of the Gregorian calendar. Years begin in March here, so that the
/// leap day is the last of its year; an era is the 400 years after which the calendar repeats.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468; // from 0000-03-01
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts() {
        assert_eq!(count(0.0), "0");
        assert_eq!(count(-0.0), "0");
        assert_eq!(count(10_000.0), "10,000");
        assert_eq!(count(1_234_567.0), "1,234,567");
        assert_eq!(count(-1_234.0), "-1,234");
        assert_eq!(count(0.125), "0.125");
        assert_eq!(count(99.96), "100");
        assert_eq!(count(184_233.4), "184,233");
        assert_eq!(count(2.5e18), "2.500e18");
        assert_eq!(count(f64::NAN), "n/a");
    }

    #[test]
    fn sizes() {
        assert_eq!(bytes(118.0), "118 B");
        assert_eq!(bytes(9_312.4), "9,312 B");
        assert_eq!(bytes(24.0 * 1024.0), "24 KiB");
        assert_eq!(bytes(23.5 * 1024.0 * 1024.0 * 1024.0), "23.5 GiB");
        assert_eq!(bytes(1024.0 * 1024.0 - 1.0), "1 MiB");
        assert_eq!(bytes(f64::INFINITY), "n/a");
    }

    #[test]
    fn times() {
        assert_eq!(micros(0.0), "0 µs");
        assert_eq!(micros(412.0), "412 µs");
        assert_eq!(micros(999.4), "999 µs");
        assert_eq!(micros(999.6), "1 ms");
        assert_eq!(micros(3_214.0), "3.21 ms");
        assert_eq!(micros(1_240_000.0), "1.24 s");
        assert_eq!(micros(90e6), "90 s");
        assert_eq!(micros(1_200e6), "20 min");
        assert_eq!(figure(1.5, "ms"), "1.5 ms");
        assert_eq!(figure(12.3, "s"), "12.3 s");
    }

    #[test]
    fn labels() {
        assert_eq!(short(0.0), "0");
        assert_eq!(short(20_000.0), "20k");
        assert_eq!(short(1_500_000.0), "1.5M");
        assert_eq!(short(0.2), "0.2");
        assert_eq!(figure(3.0, "apples"), "3 apples");
        assert_eq!(cores(0.5), "0.50 cores");
    }

    #[test]
    fn moments() {
        assert_eq!(moment(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(moment(951_782_400_000), "2000-02-29 00:00:00 UTC");
        assert_eq!(moment(1_795_380_070_459), "2026-11-22 20:41:10 UTC");
    }
}
