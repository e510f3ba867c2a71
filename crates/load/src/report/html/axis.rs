//! Axes: where a value lies between two ends, and the round numbers to write along them.

use crate::report::units;

/// What an axis measures; it decides what is round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quantity {
    /// Whole things, such as connections.
    Count,
    /// Things a second.
    Rate,
    Bytes,
    Micros,
    Seconds,
    Percent,
    Cores,
    /// Anything else: plain numbers.
    Number,
}

impl Quantity {
    /// By the unit of a figure or a series. Times in other units than microseconds must be converted
    /// with [`Quantity::factor`].
    pub(super) fn of_unit(unit: &str) -> Self {
        match unit {
            "" => Self::Count,
            "/s" => Self::Rate,
            "B" | "B/s" => Self::Bytes,
            "us" | "µs" | "ms" | "s" => Self::Micros,
            "%" => Self::Percent,
            "cores" => Self::Cores,
            _ => Self::Number,
        }
    }

    /// What to multiply values of a unit with for the axis.
    pub(super) fn factor(unit: &str) -> f64 {
        match unit {
            "ms" => 1e3,
            "s" => 1e6,
            _ => 1.0,
        }
    }

    /// A value in full, for legends and tips.
    pub(super) fn show(self, value: f64) -> String {
        match self {
            Self::Count | Self::Number => units::count(value),
            Self::Rate => units::figure(value, "/s"),
            Self::Bytes => units::bytes(value),
            Self::Micros => units::micros(value),
            Self::Seconds => units::micros(value * 1e6),
            Self::Percent => units::figure(value, "%"),
            Self::Cores => units::cores(value),
        }
    }
}

/// One end to the other, with ticks in between.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    logarithmic: bool,
    /// Values and their labels, ascending.
    pub(super) ticks: Vec<(f64, String)>,
}

/// Beyond this, sums of two values could leave the range of `f64`.
const HIGHEST: f64 = 1e300;

impl Axis {
    /// From zero to the first round value at or above `high`, in about `wanted` steps.
    pub(super) fn from_zero(quantity: Quantity, high: f64, wanted: u32) -> Self {
        let high = if high.is_finite() { high.clamp(0.0, HIGHEST) } else { 0.0 };
        let high = if high > 0.0 { high } else { 1.0 };
        let step = step(quantity, high, wanted);
        let steps = (high / step - 1e-9).ceil().max(1.0);
        let high = steps * step;
        Self { low: 0.0, high, logarithmic: false, ticks: ticks(quantity, high, step) }
    }

    /// From zero to exactly `high`: for time, where a rounded end would leave a gap.
    pub(super) fn until(quantity: Quantity, high: f64, wanted: u32) -> Self {
        let mut axis = Self::from_zero(quantity, high, wanted);
        if high.is_finite() && high > 0.0 {
            axis.high = high.min(HIGHEST);
            axis.ticks.retain(|(value, _)| *value <= axis.high * (1.0 + 1e-9));
        }
        axis
    }

    /// A logarithmic axis that has room for both values. What is not positive counts as the lower
    /// end.
    pub(super) fn logarithmic(quantity: Quantity, low: f64, high: f64) -> Self {
        let high = if high.is_finite() && high > 0.0 { high.min(HIGHEST) } else { 1.0 };
        let low = if low.is_finite() && low > 0.0 { low.max(high / 1e12) } else { high / 1e3 };
        let low = round_down(low.min(high));
        let mut high = round_up(high);
        if high < low * 9.99 {
            high = low * 10.0;
        }
        let per_decade: &[f64] =
            if (high / low).log10() <= 2.5 { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
        let every = 1 + (last - first) / 7; // at most 8 decades are named
        let ticks = (first..=last)
            .filter(|exponent| (exponent - first) % every == 0)
            .flat_map(|exponent| per_decade.iter().map(move |m| m * 10f64.powi(exponent)))
            .filter(|value| *value >= low * 0.999 && *value <= high * 1.001)
            .map(|value| (value, tick_label(quantity, value, high)))
            .collect();
        Self { low, high, logarithmic: true, ticks }
    }

    /// The axis of a percentile plot: `x = log10(1 / (1 - share))`, so that each further nine takes
    /// the same room. It ends where the last of `count` values stands.
    pub(super) fn nines(count: u64) -> Self {
        let high = (count.max(10) as f64).log10().min(7.0);
        let marks = [
            (0.0, "0 %"),
            (0.5, "50 %"),
            (0.9, "90 %"),
            (0.99, "99 %"),
            (0.999, "99.9 %"),
            (0.9999, "99.99 %"),
            (0.99999, "99.999 %"),
            (0.999_999, "99.9999 %"),
        ];
        let ticks = marks
            .into_iter()
            .map(|(share, label)| (nines(share), label.to_owned()))
            .filter(|(x, _)| *x <= high + 1e-9)
            .collect();
        Self { low: 0.0, high, logarithmic: false, ticks }
    }

    /// Where a value lies, from 0 to 1; values beyond the ends lie on them.
    pub(super) fn place(&self, value: f64) -> f64 {
        let share = if self.logarithmic {
            (value.max(self.low) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 }
    }

    #[cfg(test)]
    fn values(&self) -> Vec<f64> {
        self.ticks.iter().map(|(value, _)| *value).collect()
    }

    #[cfg(test)]
    fn labels(&self) -> Vec<&str> {
        self.ticks.iter().map(|(_, label)| label.as_str()).collect()
    }
}

/// The place of a share on the axis of a percentile plot.
pub(super) fn nines(share: f64) -> f64 {
    -(1.0 - share).log10()
}

fn ticks(quantity: Quantity, high: f64, step: f64) -> Vec<(f64, String)> {
    const MOST: u32 = 20;
    (0..=MOST)
        .map(|i| f64::from(i) * step)
        .take_while(|value| *value <= high * (1.0 + 1e-9))
        .map(|value| (value, tick_label(quantity, value, high)))
        .collect()
}

/// The distance of the ticks: 1, 2 or 5 of the unit that fits, or what is round for a clock.
fn step(quantity: Quantity, high: f64, wanted: u32) -> f64 {
    const CLOCK_S: [f64; 9] = [60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 21_600.0];
    let rough = high / f64::from(wanted.max(1));
    match quantity {
        Quantity::Bytes => {
            let (unit, _) = binary_unit(high);
            (binary_step(rough / unit) * unit).max(1.0)
        }
        Quantity::Seconds if high > 300.0 => {
            let step = CLOCK_S.into_iter().find(|step| *step >= rough);
            step.unwrap_or_else(|| decimal_step(rough / 86_400.0) * 86_400.0)
        }
        Quantity::Count => decimal_step(rough).max(1.0),
        _ => decimal_step(rough),
    }
}

/// The smallest of 1, 2 or 5 times a power of ten that is not below `rough`.
fn decimal_step(rough: f64) -> f64 {
    let power = 10f64.powf(rough.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|m| m * power)
        .find(|step| *step >= rough * (1.0 - 1e-9))
        .unwrap_or(rough)
}

/// As [`decimal_step`], but what comes after 200 is 256 and 512, which end at the next unit.
fn binary_step(rough: f64) -> f64 {
    let larger = [256.0, 512.0, 1024.0];
    if rough > 200.0 {
        larger.into_iter().find(|step| *step >= rough).unwrap_or(1024.0)
    } else {
        decimal_step(rough)
    }
}

/// The largest unit that is not above `high`, and its name.
fn binary_unit(high: f64) -> (f64, &'static str) {
    const LARGER: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut unit = (1.0, "B");
    for name in LARGER {
        if high >= unit.0 * 1024.0 {
            unit = (unit.0 * 1024.0, name);
        }
    }
    unit
}

fn tick_label(quantity: Quantity, value: f64, high: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    match quantity {
        Quantity::Count | Quantity::Rate | Quantity::Number => units::short(value),
        Quantity::Bytes => {
            let (unit, name) = binary_unit(high);
            format!("{} {name}", units::significant(value / unit))
        }
        Quantity::Micros => units::micros(value),
        Quantity::Seconds if high > 300.0 => format!("{} min", units::significant(value / 60.0)),
        Quantity::Seconds => format!("{} s", units::significant(value)),
        Quantity::Percent => format!("{} %", units::significant(value)),
        Quantity::Cores => units::significant(value),
    }
}

fn round_down(value: f64) -> f64 {
    let power = 10f64.powf(value.log10().floor());
    let m = [5.0, 2.0, 1.0].into_iter().find(|m| m * power <= value * (1.0 + 1e-9));
    m.unwrap_or(1.0) * power
}

fn round_up(value: f64) -> f64 {
    decimal_step(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_ticks_are_round_and_cover_the_data() {
        let axis = Axis::from_zero(Quantity::Count, 9_400.0, 5);
        assert_eq!(axis.values(), [0.0, 2_000.0, 4_000.0, 6_000.0, 8_000.0, 10_000.0]);
        assert_eq!(axis.labels(), ["0", "2k", "4k", "6k", "8k", "10k"]);
        assert_eq!(Axis::from_zero(Quantity::Rate, 0.3, 5).labels(), ["0", "0.1", "0.2", "0.3"]);
    }

    #[test]
    fn counts_have_no_halves() {
        assert_eq!(Axis::from_zero(Quantity::Count, 1.0, 5).labels(), ["0", "1"]);
    }

    #[test]
    fn bytes_are_round_in_their_unit() {
        let axis = Axis::from_zero(Quantity::Bytes, 11.3 * 1024.0 * 1024.0, 4);
        assert_eq!(axis.labels(), ["0", "5 MiB", "10 MiB", "15 MiB"]);
        let axis = Axis::from_zero(Quantity::Bytes, 932.0 * 1024.0 * 1024.0, 4);
        assert_eq!(axis.labels(), ["0", "0.25 GiB", "0.5 GiB", "0.75 GiB", "1 GiB"]);
        let axis = Axis::from_zero(Quantity::Bytes, 700.0, 4);
        assert_eq!(axis.labels(), ["0", "200 B", "400 B", "600 B", "800 B"]);
    }

    #[test]
    fn time_ends_where_the_run_ended() {
        let axis = Axis::until(Quantity::Seconds, 14.2, 5);
        assert_eq!(axis.labels(), ["0", "5 s", "10 s"]);
        assert!((axis.place(14.2) - 1.0).abs() < 1e-9);
        let axis = Axis::until(Quantity::Seconds, 1_000.0, 5);
        assert_eq!(axis.labels(), ["0", "5 min", "10 min", "15 min"]);
    }

    #[test]
    fn logarithmic_ticks() {
        let axis = Axis::logarithmic(Quantity::Micros, 90.0, 34_000.0);
        assert_eq!(axis.labels(), ["100 µs", "1 ms", "10 ms"]);
        assert!(axis.place(90.0) > 0.0 && axis.place(34_000.0) < 1.0);
        let axis = Axis::logarithmic(Quantity::Micros, 1_500.0, 9_000.0);
        assert_eq!(axis.labels(), ["1 ms", "2 ms", "5 ms", "10 ms"]);
        assert!(axis.place(0.0).abs() < 1e-9, "what is not positive lies on the lower end");
    }

    #[test]
    fn strange_values_make_a_usable_axis() {
        for high in [0.0, -5.0, f64::NAN, f64::INFINITY, f64::MAX, f64::MIN_POSITIVE, 1e18, 1e-12] {
            for quantity in [
                Quantity::Count,
                Quantity::Rate,
                Quantity::Bytes,
                Quantity::Micros,
                Quantity::Seconds,
                Quantity::Percent,
                Quantity::Cores,
                Quantity::Number,
            ] {
                for axis in [
                    Axis::from_zero(quantity, high, 5),
                    Axis::until(quantity, high, 5),
                    Axis::logarithmic(quantity, high, high),
                    Axis::logarithmic(quantity, 1.0, high),
                ] {
                    assert!((1..=25).contains(&axis.ticks.len()), "{quantity:?} {high} {axis:?}");
                    for value in [high, 0.0, -1.0, f64::NAN, f64::INFINITY] {
                        assert!((0.0..=1.0).contains(&axis.place(value)), "{axis:?} {value}");
                    }
                }
            }
        }
    }

    #[test]
    fn nines_are_evenly_spaced() {
        let axis = Axis::nines(100_000);
        assert_eq!(axis.labels(), ["0 %", "50 %", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %"]);
        assert!((axis.place(nines(0.99)) - 2.0 * axis.place(nines(0.9))).abs() < 1e-9);
        assert_eq!(Axis::nines(0).labels(), ["0 %", "50 %", "90 %"]);
    }
}
