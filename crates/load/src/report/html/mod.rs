//! The page: one HTML file without outside assets and without script. It can be mailed, put on a web
//! server as it is, or printed.

mod axis;
mod bars;
mod chart;
mod charts;
mod colours;
mod compared;
mod kind;
mod latency;
mod markup;
mod memory;
mod tables;

use self::markup::Markup;
use super::headline::{self, Outcome};
use super::units;
use crate::record::Record;

const STYLE: &str = include_str!("page.css");

/// The whole page.
pub(crate) fn page(record: &Record) -> String {
    let mut m = Markup::default();
    m.verbatim("<!DOCTYPE html>\n");
    m.element("html", &[("lang", "en")], |m| {
        m.element("head", &[], |m| head(record, m));
        m.line_end();
        m.element("body", &[], |m| {
            m.element("main", &[], |m| {
                header(record, m);
                tiles(record, m);
                m.element("section", &[("class", "charts")], |m| {
                    for picture in charts::of(record) {
                        picture.write(m);
                    }
                });
                tables::write(record, m);
                footer(record, m);
            });
        });
    });
    m.line_end();
    m.finish()
}

fn head(record: &Record, m: &mut Markup) {
    m.void("meta", &[("charset", "utf-8")]);
    m.void("meta", &[("name", "viewport"), ("content", "width=device-width, initial-scale=1")]);
    m.void("meta", &[("name", "color-scheme"), ("content", "light dark")]);
    let title = format!("{}: {}", record.mode, headline::sentence(record));
    m.leaf("title", &[], &title);
    m.element("style", &[], |m| m.verbatim(STYLE));
}

fn header(record: &Record, m: &mut Markup) {
    let outcome = Outcome::of(record);
    m.element("header", &[], |m| {
        m.element("p", &[("class", "eyebrow")], |m| {
            m.leaf("span", &[("class", &format!("verdict {}", outcome.word()))], outcome.word());
            m.leaf("span", &[], &format!("switchboard-load {}", record.mode));
            m.leaf("span", &[], &units::moment(record.started_unix_ms));
            m.leaf("span", &[], &units::micros(record.duration_s * 1e6));
        });
        m.leaf("h1", &[], &headline::sentence(record));
        m.element("p", &[("class", "lead")], |m| {
            m.text(headline::about(record.mode));
            let machine = record.machine.in_short();
            match (&record.server, machine.is_empty()) {
                (Some(server), true) => m.text(&format!(" Measured: {server}.")),
                (Some(server), false) => m.text(&format!(" Measured: {server}, on {machine}.")),
                (None, true) => {}
                (None, false) => m.text(&format!(" Measured on {machine}.")),
            }
        });
        m.line_end();
        notices(record, m);
    });
}

/// What a reader must know before believing a figure.
fn notices(record: &Record, m: &mut Markup) {
    let reasons = headline::reasons(record);
    if !reasons.is_empty() {
        m.element("div", &[("class", "notice failed")], |m| {
            m.leaf("strong", &[], "Why it failed");
            m.element("ul", &[], |m| {
                for reason in reasons {
                    m.leaf("li", &[], reason);
                }
            });
        });
    }
    if record.interrupted {
        m.element("div", &[("class", "notice")], |m| {
            m.leaf("strong", &[], "Interrupted");
            m.leaf("p", &[], "The run was ended early. This is what was measured until then.");
        });
    }
    if let Some(limit) = &record.client_limited {
        m.element("div", &[("class", "notice")], |m| {
            m.leaf("strong", &[], "What limited this run");
            m.leaf("p", &[], limit);
        });
    }
}

fn tiles(record: &Record, m: &mut Markup) {
    let tiles = headline::tiles(record);
    if tiles.is_empty() {
        return;
    }
    m.element("dl", &[("class", "tiles")], |m| {
        for (label, value) in &tiles {
            m.element("div", &[("class", "card")], |m| {
                m.leaf("dt", &[], label);
                m.element("dd", &[], |m| match value.split_once(' ') {
                    Some((number, unit)) => {
                        m.text(number);
                        m.text(" ");
                        m.leaf("small", &[], unit);
                    }
                    None => m.text(value),
                });
            });
        }
    });
    m.line_end();
}

fn footer(record: &Record, m: &mut Markup) {
    m.element("section", &[], |m| {
        m.leaf("h2", &[], "Repeat it");
        m.element("pre", &[], |m| m.leaf("code", &[], &record.command));
    });
    m.element("footer", &[], |m| {
        m.text(
            "Latencies are percentiles of HdrHistograms with three significant digits. Sizes are \
             binary: 1 KiB is 1,024 B. The same figures are in record.json and in the CSV files \
             beside this page.",
        );
    });
}

#[cfg(test)]
mod tests {
    use roxmltree::{Document, ParsingOptions};

    use super::*;
    use crate::record::{Figure, Verdict};
    use crate::report::sample;

    /// The page without what XML does not know: it is well formed beside its doctype.
    fn parsed(page: &str) -> Document<'_> {
        let options = ParsingOptions { allow_dtd: true, ..ParsingOptions::default() };
        Document::parse_with_options(page, options).unwrap()
    }

    fn count(document: &Document<'_>, tag: &str) -> usize {
        document.descendants().filter(|node| node.tag_name().name() == tag).count()
    }

    #[test]
    fn the_page_is_well_formed_and_whole() {
        let page = page(&sample::fanout());
        let document = parsed(&page);
        assert_eq!(count(&document, "h1"), 1);
        assert_eq!(count(&document, "figure"), 10);
        assert_eq!(count(&document, "svg"), 20, "one wide and one narrow drawing each");
        assert!(count(&document, "td") > 20);
    }

    #[test]
    fn a_comparison_shows_its_ways_side_by_side() {
        let page = page(&sample::comparison());
        let document = parsed(&page);
        assert_eq!(count(&document, "figure"), 6);
        assert!(page.contains("not available: HTTP 426"));
    }

    #[test]
    fn several_targets_have_tables() {
        let page = page(&sample::several_targets());
        let document = parsed(&page);
        let titles: Vec<&str> = document
            .descendants()
            .filter(|node| node.tag_name().name() == "h2")
            .filter_map(|node| node.text())
            .collect();
        assert_eq!(titles[..3], ["Targets", "Published to", "All figures"]);
        assert!(page.contains("Switchboard 0.4.0 on epoll"));
    }

    #[test]
    fn nothing_is_fetched_and_nothing_runs() {
        let page = page(&sample::fanout());
        for word in ["<script", "src=", "url(", "@import", "<link", "href="] {
            assert!(!page.contains(word), "{word}");
        }
    }

    #[test]
    fn an_empty_record_makes_a_page() {
        let page = page(&sample::empty());
        let document = parsed(&page);
        assert_eq!(count(&document, "figure"), 0);
        assert!(page.contains("interrupted"));
    }

    #[test]
    fn what_strangers_send_stays_text() {
        let evil = "</style></title><script>alert(1)</script><img src=x onerror=alert(1)>\"'";
        let mut record = sample::several_targets();
        record.targets[0].name = evil.into();
        record.publish_targets[0].server = Some(evil.into());
        record.command = evil.into();
        record.server = Some(evil.into());
        record.target = evil.into();
        record.parameters.push((evil.into(), evil.into()));
        record.verdict = Verdict::Failed(vec![evil.into()]);
        record.client_limited = Some(evil.into());
        record.errors.push((evil.into(), 1));
        record.series[0].name = evil.into();
        record.latencies[0].name = evil.into();
        record.machine.kernel = Some(evil.into());
        record.summary.push(Figure { group: "Other", name: evil.into(), value: 1.0, unit: "" });
        let page = page(&record);
        let document = parsed(&page);
        assert_eq!(count(&document, "script") + count(&document, "img"), 0);
        assert!(page.matches("&lt;script&gt;").count() >= 10);
    }

    #[test]
    fn huge_and_missing_numbers_make_a_page() {
        let mut record = sample::fanout();
        record.duration_s = f64::NAN;
        for (i, figure) in record.summary.iter_mut().enumerate() {
            figure.value = [f64::NAN, f64::INFINITY, -1e30, 1e300][i % 4];
        }
        for series in &mut record.series {
            series.points.push((1e12, f64::MAX));
        }
        record.latency_series[0].max_us = u64::MAX;
        parsed(&page(&record));
    }
}
