//! `docs/metrics.md` lists every metric. To write the list again after a change:
//! `UPDATE_DOCS=1 cargo test -p switchboard metrics_page`.

use std::fmt::Write as _;
use std::fs;

use switchboard_api::{Kind, Metric, Unit};
use switchboard_control::{ENGINE_METRICS, HOOK_METRICS, series_name};
use switchboard_shard::{Counters, SEND_DELAY};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/metrics.md");
const BEGIN: &str =
    "<!-- From here to the end the page is written by a test: metrics_page.rs. -->\n";

#[test]
fn the_page_lists_every_metric() {
    let page = fs::read_to_string(PAGE).unwrap();
    let (written, listed) = page.split_once(BEGIN).unwrap();
    let list = list();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(PAGE, format!("{written}{BEGIN}{list}")).unwrap();
    } else {
        assert!(listed == list, "docs/metrics.md is not up to date: see the head of this file");
    }
}

#[test]
fn names_are_not_used_twice() {
    let mut names: Vec<_> = of_shards()
        .chain(of_process())
        .chain(HOOK_METRICS)
        .chain(ENGINE_METRICS)
        .map(series_name)
        .collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

fn of_shards() -> impl Iterator<Item = &'static Metric> {
    Counters::METRICS.iter().chain([&SEND_DELAY])
}

fn of_process() -> impl Iterator<Item = &'static Metric> {
    switchboard_control::METRICS.iter().copied().flatten()
}

fn list() -> String {
    let mut list = "\n## Of each shard, with the label `shard`\n\n".to_owned();
    table(&mut list, of_shards());
    list.push_str("\n## Of the process\n\n");
    table(&mut list, of_process());
    list.push_str("\n## Of each backend that is asked, with the label `hook`\n\n");
    table(&mut list, HOOK_METRICS.iter());
    list.push_str("\n## Of the engine, where there is one\n\n");
    table(&mut list, ENGINE_METRICS.iter());
    list
}

fn table<'m>(out: &mut String, metrics: impl Iterator<Item = &'m Metric>) {
    out.push_str("| metric | kind | unit | meaning |\n|---|---|---|---|\n");
    for metric in metrics {
        let kind = match metric.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let unit = match metric.unit {
            None => "",
            Some(Unit::Bytes) => "bytes",
            Some(Unit::Seconds) => "seconds",
        };
        writeln!(out, "| `{}` | {kind} | {unit} | {} |", series_name(metric), metric.help).unwrap();
    }
}
