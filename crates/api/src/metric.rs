//! What a number that the server counts is, for those who read it.

/// A number with a name: what `/counters`, `/metrics` and the documentation say of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Metric {
    /// Its name in `/counters`: lower-case words joined by `_`.
    pub name: &'static str,
    /// Whether it only grows.
    pub kind: Kind,
    /// What it counts, unless that is things.
    pub unit: Option<Unit>,
    /// What exactly it counts, in a sentence.
    pub help: &'static str,
}

/// How a number moves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// It counts from the start of the server and only grows.
    Counter,
    /// It says how many there are now.
    Gauge,
    /// It counts values by their size, from the start of the server.
    Histogram,
}

/// What a number is a number of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Seconds.
    Seconds,
}

impl Metric {
    /// A number that only grows.
    pub const fn counter(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: Kind::Counter, unit: None, help }
    }

    /// A number that says how many there are now.
    pub const fn gauge(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: Kind::Gauge, unit: None, help }
    }

    /// Values, counted by their size.
    pub const fn histogram(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: Kind::Histogram, unit: None, help }
    }

    /// The same, in this unit.
    #[must_use]
    pub const fn in_unit(self, unit: Unit) -> Self {
        Self { unit: Some(unit), ..self }
    }
}

/// What a histogram has counted.
#[derive(Clone, Debug, PartialEq)]
pub struct HistogramCounts {
    /// The largest value of each bucket, which is infinite in the last one, and how many values are in
    /// it and in no smaller one.
    pub buckets: Vec<(f64, u64)>,
    /// All values together.
    pub sum: f64,
}

impl HistogramCounts {
    /// How many values there are.
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|(_, count)| count).sum()
    }
}
