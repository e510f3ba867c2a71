//! The two text forms that Prometheus reads, and which of them a client wants.

use std::fmt;

use prometheus_client::encoding::{prometheus_text, text};
use prometheus_client::registry::Registry;

/// A form of the answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Format {
    /// `OpenMetrics` 1.0, which has units.
    OpenMetrics,
    /// Prometheus' own text, version 0.0.4, which everything reads.
    Prometheus,
}

const OPEN_METRICS: &str = "application/openmetrics-text";

impl Format {
    /// The form that a client with these values of `Accept` prefers; Prometheus' own where it does not
    /// say.
    pub(crate) fn accepted<'v>(values: impl Iterator<Item = &'v str>) -> Self {
        let (mut open, mut own) = (0.0, 0.0);
        for range in values.flat_map(|value| value.split(',')) {
            let (kind, quality) = read(range);
            if kind.eq_ignore_ascii_case(OPEN_METRICS) {
                open = quality.max(open);
            } else if kind.eq_ignore_ascii_case("text/plain") {
                own = quality.max(own);
            }
        }
        if open > 0.0 && open >= own { Self::OpenMetrics } else { Self::Prometheus }
    }

    /// What it is called in an answer.
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Prometheus => prometheus_text::CONTENT_TYPE,
        }
    }

    /// Writes all that the registry has.
    pub(crate) fn write(self, registry: &Registry) -> Result<String, fmt::Error> {
        let mut out = String::new();
        match self {
            Self::OpenMetrics => text::encode(&mut out, registry)?,
            Self::Prometheus => prometheus_text::encode(&mut out, registry)?,
        }
        Ok(out)
    }
}

/// A media range and its weight (RFC 9110 section 12.5.1), which is 0 where nobody can read it.
fn read(range: &str) -> (&str, f32) {
    let mut parts = range.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default();
    let weight = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
    (kind, weight.map_or(1.0, |weight| weight.parse().unwrap_or(0.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_get_the_form_that_they_prefer() {
        use Format::{OpenMetrics, Prometheus};
        for (accept, expected) in [
            ("", Prometheus),
            ("*/*", Prometheus),
            ("text/html, */*;q=0.1", Prometheus),
            ("text/plain;version=0.0.4;q=0.5,*/*;q=0.1", Prometheus),
            ("application/openmetrics-text;version=1.0.0;q=0", Prometheus),
            ("application/openmetrics-text;version=1.0.0;q=much", Prometheus),
            ("text/plain;q=0.6, application/openmetrics-text;q=0.5", Prometheus),
            ("application/openmetrics-text", OpenMetrics),
            ("Application/OpenMetrics-Text; q=0.1", OpenMetrics),
            // Prometheus 2.50 and later.
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
                 application/openmetrics-text;version=0.0.1;q=0.4,\
                 text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
                 text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
                OpenMetrics,
            ),
        ] {
            assert_eq!(Format::accepted(std::iter::once(accept)), expected, "{accept}");
        }
        let lines = ["text/plain;q=0.1", "application/openmetrics-text;q=0.2"];
        assert_eq!(Format::accepted(lines.into_iter()), OpenMetrics, "in two lines");
    }
}
