//! `compare-transports` drives all ways to listen, finds what goes wrong in each, and says which of
//! them a server does not have; every mode drives clients of Centrifuge: the program itself, against a small server.

#![allow(clippy::expect_used, clippy::unwrap_used)] // a test says what it missed by panicking

mod centrifuge;
mod server;

use std::process::Command;

use centrifuge::Mistake;
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

/// Drives a mode with ten clients of Centrifuge; returns the exit code, the record and what it said.
fn centrifuge(mode: &str, manners: Manners, more: &[&str]) -> (i32, Value, String) {
    let to = [&[mode, "/connection/websocket", "--dialect", "centrifuge"], more].concat();
    drive(manners, &to)
}

/// The same in some dialect: the mode, the path, and what else.
fn drive(manners: Manners, arguments: &[&str]) -> (i32, Value, String) {
    let [mode, path, more @ ..] = arguments else { panic!("a mode and a path are missing") };
    let address = server::start(manners);
    let publish = format!("http://{address}/pub/{{channel}}");
    let output = Command::new(env!("CARGO_BIN_EXE_switchboard-load"))
        .args([mode, &*format!("ws://{address}{path}"), "--publish-url", &publish])
        .args(["--connections", "10", "--json", "--quiet"])
        .args(["--pin", "none", "--drain", "1s"])
        .args(more)
        .output()
        .unwrap();
    let record = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().unwrap(), record, complaint)
}

const SHORT: [&str; 6] = ["--rate", "50", "--publications", "10", "--channels", "2"];

fn summary(record: &Value, group: &str, name: &str) -> f64 {
    let figures = record["summary"].as_array().unwrap();
    let found = figures.iter().find(|one| one["group"] == group && one["name"] == name);
    found.unwrap_or_else(|| panic!("{group}, {name}: {record:#}"))["value"].as_f64().unwrap()
}

#[test]
#[allow(clippy::float_cmp)]
fn clients_of_centrifuge_get_everything_and_answer_pings() {
    for plane in ["epoll", "io_uring"] {
        let (code, record, said) =
            centrifuge("fanout", GOOD, &[&SHORT[..], &["--plane", plane]].concat());
        assert_eq!(code, 0, "{record:#} {said}");
        // Ten publications, each to half of ten clients, with a ping before each.
        assert_eq!(summary(&record, "Deliveries", "delivered"), 50.0);
        assert_eq!(summary(&record, "Connections", "pings answered"), 50.0);
        // Texts are in quotes there.
        assert_eq!(summary(&record, "Deliveries", "payload"), 50.0 * 66.0);
    }
}

#[test]
#[allow(clippy::float_cmp)]
fn centrifuge_is_compared_where_it_is_named() {
    let ways = ["--transports", "websocket,centrifuge"];
    let (code, record) = compare(GOOD, &ways);
    assert_eq!(code, 0, "{record:#}");
    for way in ["WebSocket", "Centrifuge"] {
        assert_eq!(figure(&record, way, "delivered"), CLIENTS * NEWS / 2.0, "{way}");
        assert_eq!(figure(&record, way, "requests"), CLIENTS, "{way}");
    }
    for (fault, name) in [(Fault::Drop, "lost"), (Fault::Duplicate, "duplicated")] {
        let (code, record) = compare(Manners { fault, ..GOOD }, &ways);
        assert_eq!((code, figure(&record, "Centrifuge", name)), (1, CLIENTS), "{record:#}");
    }
}

#[test]
fn what_servers_of_centrifuge_do_wrong_is_found() {
    for (mistake, code, reason) in [
        (Mistake::RefuseConnect, 69, "connect: the server answered with error 101: unauthorized"),
        (
            Mistake::RefuseSubscribe,
            69,
            "subscribe: the server answered with error 103: permission denied",
        ),
        (Mistake::Close, 69, "closed by the server with 3500: invalid token"),
        (Mistake::Rename, 1, "50 deliveries foreign, for example: connection"),
        (Mistake::Repeat, 1, "offset 1 came after 1"),
        (Mistake::Unsubscribe, 1, "unsubscribed by the server with 2500: why"),
        (Mistake::Babble, 1, "the server broke the dialect: expected value"),
    ] {
        let (found, record, said) = centrifuge("fanout", Manners { mistake, ..GOOD }, &SHORT);
        let reasons = record["verdict"]["failed"].to_string() + &said;
        assert!(found == code && reasons.contains(reason), "{mistake:?}: {found} {reasons}");
    }
}

#[test]
#[allow(clippy::float_cmp)]
fn clients_of_centrifuge_go_on_where_they_were() {
    let storm = ["--survivors", "2", "--hold", "200ms", "--rate", "50"];
    let (code, record, said) = centrifuge("storm", GOOD, &storm);
    assert_eq!(code, 0, "{record:#} {said}");
    assert_eq!(summary(&record, "Storm", "went on where they were"), 10.0);
    let (code, record, _) =
        centrifuge("storm", Manners { mistake: Mistake::Forget, ..GOOD }, &storm);
    let reasons = record["verdict"]["failed"].to_string();
    assert_eq!((code, summary(&record, "Storm", "could not")), (1, 10.0), "{record:#}");
    assert!(reasons.contains("10 clients could not go on where they were"), "{reasons}");
}

#[test]
#[allow(clippy::float_cmp)]
fn what_stands_around_publications_in_v1_is_read() {
    let fanout = [&["fanout", "/sub/{channel}", "--dialect", "v1"], &SHORT[..]].concat();
    let (code, record, said) = drive(GOOD, &fanout);
    assert_eq!(code, 0, "{record:#} {said}");
    assert_eq!(summary(&record, "Deliveries", "delivered"), 50.0);
    let (code, record, _) = drive(Manners { mistake: Mistake::Forget, ..GOOD }, &fanout);
    let reasons = record["verdict"]["failed"].to_string();
    assert!(
        code == 1 && reasons.contains("10 deliveries lost, for example: connection"),
        "{reasons}"
    );
    assert!(reasons.contains("gap: e-1"), "{reasons}");
}

#[test]
fn what_makes_no_sense_for_centrifuge_is_refused() {
    let address = server::start(GOOD);
    let target = format!("ws://{address}/connection/websocket");
    for (arguments, reason) in [
        (&["echo"][..], "what comes back are plain messages"),
        (&["compare-transports"], "--transports says what is compared"),
        (&["fanout", "--publish-ws"], "name a URL that does"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_switchboard-load"))
            .args(arguments)
            .args(["--dialect", "centrifuge", "--quiet", "--pin", "none", "-c", "1"])
            .args((arguments[0] != "fanout").then_some(&target))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(64) && said.contains(reason), "{said}");
    }
}
