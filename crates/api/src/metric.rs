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

    /// The same, in this unit.
    #[must_use]
    pub const fn in_unit(self, unit: Unit) -> Self {
        Self { unit: Some(unit), ..self }
    }
}
