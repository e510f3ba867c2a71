//! `compare-transports` drives four ways to listen, finds what goes wrong in each, and says which
//! of them a server does not have: the program itself, against a small server.

#![allow(clippy::expect_used, clippy::unwrap_used)] // a test says what it missed by panicking

mod server;

use std::process::Command;

use serde_json::Value;
use server::{Fault, GOOD, Manners};

const WAYS: [&str; 4] = ["interval poll", "long poll", "event stream", "WebSocket"];
const CLIENTS: f64 = 20.0;
/// Ten a second for 1.2 s.
const NEWS: f64 = 12.0;

fn compare(manners: Manners, more: &[&str]) -> (i32, Value) {
    let address = server::start(manners);
    let target = format!("ws://{address}/sub/{{channel}}");
    let publish = format!("http://{address}/pub/{{channel}}");
    let output = Command::new(env!("CARGO_BIN_EXE_switchboard-load"))
        .args(["compare-transports", &target, "--publish-url", &publish])
        .args(["--connections", "20", "--channels", "2", "--rate", "10", "--duration", "1200ms"])
        .args(["--drain", "1s", "--poll-interval", "200ms", "--json", "--quiet", "--pin", "none"])
        .args(more)
        .output()
        .unwrap();
    let record = serde_json::from_slice(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().unwrap(), record.expect(&complaint))
}

fn row<'a>(record: &'a Value, way: &str) -> &'a Value {
    let rows = record["comparison"].as_array().unwrap();
    rows.iter().find(|row| row["name"] == way).unwrap_or_else(|| panic!("{way} is missing"))
}

fn figure(record: &Value, way: &str, name: &str) -> f64 {
    let figures = row(record, way)["figures"].as_array().unwrap();
    let found = figures.iter().find(|figure| figure["name"] == name);
    found.unwrap_or_else(|| panic!("{way}: {name} is missing"))["value"].as_f64().unwrap()
}

#[test]
#[allow(clippy::float_cmp)] // counts are exact
fn every_way_brings_all_news_and_costs_what_it_costs() {
    let (code, record) = compare(GOOD, &["--threads", "2", "--plane", "epoll"]);
    assert_eq!(code, 0, "{record:#}");
    let delivered = CLIENTS * NEWS / 2.0;
    for way in WAYS {
        assert_eq!(figure(&record, way, "clients"), CLIENTS, "{way}");
        assert_eq!(figure(&record, way, "delivered"), delivered, "{way}");
        assert_eq!(figure(&record, way, "lost") + figure(&record, way, "duplicated"), 0.0);
    }
    // Who is pushed to asks once; who polls long asks once for each piece of news and once more;
    // who polls at an interval asks also when there is none.
    assert_eq!(figure(&record, "WebSocket", "requests"), CLIENTS);
    assert_eq!(figure(&record, "event stream", "requests"), CLIENTS);
    assert!(figure(&record, "long poll", "requests") >= delivered + CLIENTS, "{record:#}");
    assert!(figure(&record, "interval poll", "requests") >= delivered + 4.0 * CLIENTS);
    for (dear, cheap) in [(0, 2), (1, 2), (0, 3), (1, 3)] {
        for name in ["received", "sent"] {
            let (dear, cheap) = (WAYS[dear], WAYS[cheap]);
            assert!(figure(&record, dear, name) > figure(&record, cheap, name), "{dear} {cheap}");
        }
    }
    let (poll, push) = ("interval poll", "WebSocket");
    assert!(figure(&record, poll, "age p50") > figure(&record, push, "age p50"), "{record:#}");
    assert!(figure(&record, poll, "age max") <= 1e6, "{record:#}");
    // The bytes of a WebSocket can be counted by hand: frames have two bytes beside the payload.
    let head = figure(&record, push, "received") - delivered * 66.0;
    assert!((100.0..300.0).contains(&(head / CLIENTS)), "{head}");
}

#[test]
#[allow(clippy::float_cmp)]
fn what_is_lost_or_repeated_is_found_in_every_way() {
    for (fault, name) in [(Fault::Drop, "lost"), (Fault::Duplicate, "duplicated")] {
        let (code, record) = compare(Manners { fault, ..GOOD }, &[]);
        assert_eq!(code, 1, "{record:#}");
        for way in WAYS {
            assert_eq!(figure(&record, way, name), CLIENTS, "{way} {fault:?} {record:#}");
            let reasons = record["verdict"]["failed"].to_string();
            assert!(reasons.contains(&format!("{way}: 20 deliveries {name}")), "{reasons}");
        }
    }
}

#[test]
#[allow(clippy::float_cmp)]
fn answers_may_be_chunked_and_end_their_connection() {
    let manners = Manners { chunked_and_closed: true, ..GOOD };
    let ways = "interval-poll,long-poll,event-stream";
    let (code, record) = compare(manners, &["--transports", ways]);
    assert_eq!(code, 0, "{record:#}");
    for way in &WAYS[..3] {
        assert_eq!(figure(&record, way, "delivered"), CLIENTS * NEWS / 2.0, "{way}");
    }
}

#[test]
#[allow(clippy::float_cmp)]
fn a_way_that_the_server_does_not_have_is_no_failure_of_the_others() {
    let (code, record) = compare(Manners { websocket_only: true, ..GOOD }, &[]);
    assert_eq!(code, 0, "{record:#}");
    for way in &WAYS[..3] {
        assert_eq!(row(&record, way)["unavailable"], "HTTP 426: no", "{record:#}");
    }
    assert_eq!(row(&record, "WebSocket")["unavailable"], Value::Null);
    assert_eq!(figure(&record, "WebSocket", "delivered"), CLIENTS * NEWS / 2.0);
}

#[test]
fn a_server_that_has_none_of_them_fails_the_run() {
    let (code, record) = compare(Manners { deaf: true, ..GOOD }, &[]);
    assert_eq!(code, 1, "{record:#}");
    for way in WAYS {
        assert_eq!(row(&record, way)["unavailable"], "HTTP 404: no", "{record:#}");
    }
    let reasons = record["verdict"]["failed"].to_string();
    assert!(reasons.contains("none of the transports is available"), "{reasons}");
}
