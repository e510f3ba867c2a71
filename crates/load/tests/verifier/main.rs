//! The tool finds everything that goes wrong, and says what it was: the program itself, against a
//! server that drops, duplicates, reorders and corrupts on purpose.

#![allow(clippy::expect_used, clippy::unwrap_used)] // a test says what it missed by panicking

mod nodes;
mod server;

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use server::{Fault, NTH};

const CONNECTIONS: u64 = 20;
const CHANNELS: u64 = 2;

fn tool(arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_switchboard-load"))
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn output(arguments: &[&str]) -> Output {
    tool(arguments).wait_with_output().unwrap()
}

/// Runs a mode with JSON; returns the exit code and the record.
fn run(arguments: &[&str]) -> (i32, Value) {
    let output = output(&[arguments, &["--json", "--quiet", "--pin", "none"]].concat());
    let record = serde_json::from_slice(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().unwrap(), record.expect(&complaint))
}

/// How long stragglers are waited for: those of a server that loses messages never come.
fn drain(fault: Fault) -> &'static str {
    match fault {
        Fault::Drop | Fault::DropTail | Fault::Corrupt | Fault::Silent => "1s",
        _ => "30s",
    }
}

/// Publishes to a faulty server on a plane, in some loop.
fn fanout(fault: Fault, plane: &str, load: &[&str]) -> (i32, Value) {
    let address = server::start(fault);
    let target = format!("ws://{address}/sub/{{channel}}");
    let publish = format!("http://{address}/pub/{{channel}}");
    run(&[
        &["fanout", &target, "--publish-url", &publish, "--plane", plane],
        &["--connections", "20", "--channels", "2", "--duration", "20s"][..],
        &["--publications", "60", "--drain", drain(fault)],
        load,
    ]
    .concat())
}

#[allow(clippy::cast_sign_loss)] // all these figures are counts
fn figure(record: &Value, group: &str, name: &str) -> u64 {
    let figures = record["summary"].as_array().unwrap();
    let found = figures.iter().find(|figure| figure["group"] == group && figure["name"] == name);
    found.unwrap_or_else(|| panic!("{group} {name} is missing"))["value"].as_f64().unwrap() as u64
}

/// Lost, duplicated, reordered, foreign.
fn findings(record: &Value) -> [u64; 4] {
    ["lost", "duplicated", "reordered", "foreign"].map(|kind| figure(record, "Verification", kind))
}

const RATE: &[&str] = &["--rate", "200"];
const STREAM: &str = "--publish-stream";
/// Each publication on a connection of its own.
const IN_FLIGHT: &[&str] = &["--in-flight", "2", "--publishers", "2", "--pipeline", "1"];

#[test]
fn a_good_server_passes_on_both_planes_and_in_all_loops() {
    for plane in ["auto", "epoll"] {
        for load in [RATE, &["--window", "4"], IN_FLIGHT] {
            let (code, record) = fanout(Fault::None, plane, load);
            assert_eq!((code, findings(&record)), (0, [0; 4]), "{plane} {load:?} {record:#}");
            assert_eq!(figure(&record, "Publications", "sent"), 60);
            assert_eq!(figure(&record, "Publications", "delivered to everyone"), 60);
            assert_eq!(figure(&record, "Deliveries", "delivered"), 60 * CONNECTIONS / CHANNELS);
        }
    }
}

#[test]
fn every_fault_is_found_and_called_by_its_name() {
    // Thirty publications in each of two channels, each to ten subscribers.
    let tail = 30 - (NTH as u64 - 1);
    for (fault, expected) in [
        (Fault::Drop, [20, 0, 0, 0]),
        (Fault::DropTail, [20 * tail, 0, 0, 0]),
        (Fault::Duplicate, [0, 20, 0, 0]),
        (Fault::Reorder, [0, 0, 20, 0]),
        (Fault::Corrupt, [20, 0, 0, 20]),
    ] {
        let (code, record) = fanout(fault, "auto", RATE);
        assert_eq!((code, findings(&record)), (1, expected), "{fault:?} {record:#}");
        let reasons = record["verdict"]["failed"].to_string();
        assert!(reasons.contains("for example: connection"), "{reasons}");
    }
}

#[test]
fn a_publication_in_the_wrong_channel_is_foreign() {
    let (code, record) = fanout(Fault::Misroute, "epoll", RATE);
    let [lost, duplicated, reordered, foreign] = findings(&record);
    assert_eq!((code, lost, reordered), (1, 0, 0), "{record:#}");
    // Those in the right channel get it a second time.
    assert_eq!((duplicated, foreign), (20, 20), "{record:#}");
}

#[test]
fn a_closed_loop_goes_on_after_a_loss() {
    for load in [&["--window", "1"], IN_FLIGHT] {
        let (code, record) = fanout(Fault::Drop, "auto", load);
        assert_eq!((code, findings(&record)), (1, [20, 0, 0, 0]), "{load:?} {record:#}");
        assert_eq!(figure(&record, "Publications", "sent"), 60);
    }
}

#[test]
fn a_closed_loop_goes_on_after_a_refusal() {
    for load in [&["--window", "1"], IN_FLIGHT] {
        let (code, record) = fanout(Fault::Refuse, "auto", load);
        assert_eq!((code, findings(&record)), (1, [0; 4]), "{load:?} {record:#}");
        assert_eq!(figure(&record, "Publications", "sent"), 60);
        assert_eq!(figure(&record, "Publications", "refused or unanswered"), CHANNELS);
    }
}

#[test]
fn publications_in_flight_go_to_all_channels_in_turn() {
    let address = server::start(Fault::None);
    let target = format!("ws://{address}/sub/{{channel}}");
    let publish = format!("http://{address}/pub/{{channel}}");
    for (in_flight, publishers) in [("1", "1"), ("7", "7"), ("50", "3")] {
        let (code, record) = run(&[
            &["fanout", &target, "--publish-url", &publish, "--connections", "50"][..],
            &["--channels", "50", "--publications", "120", "--duration", "20s"],
            &["--in-flight", in_flight, "--publishers", publishers, "--pipeline", "17"],
        ]
        .concat());
        assert_eq!((code, findings(&record)), (0, [0; 4]), "{in_flight} {record:#}");
        assert_eq!(figure(&record, "Publications", "acknowledged"), 120);
        assert_eq!(figure(&record, "Deliveries", "delivered"), 120);
    }
}

#[test]
fn a_disconnected_subscriber_fails_the_run_but_has_lost_nothing_else() {
    let (code, record) = fanout(Fault::Disconnect, "auto", RATE);
    assert_eq!((code, findings(&record)), (1, [0; 4]), "{record:#}");
    assert_eq!(figure(&record, "Connections", "dropped"), CHANNELS);
    assert_eq!(figure(&record, "Publications", "delivered to everyone"), 60);
}

#[test]
fn a_refused_publication_fails_the_run_and_is_not_called_lost() {
    let (code, record) = fanout(Fault::Refuse, "auto", RATE);
    assert_eq!((code, findings(&record)), (1, [0; 4]), "{record:#}");
    assert_eq!(figure(&record, "Publications", "refused or unanswered"), CHANNELS);
    assert!(record["errors"].to_string().contains("answered with 500"));
}

/// Publishes batches of seven to ten channels.
fn batches(fault: Fault, load: &[&str]) -> (i32, Value) {
    let address = server::start(fault);
    let target = format!("ws://{address}/sub/{{channel}}");
    let publish = format!("http://{address}/pub");
    run(&[
        &["fanout", &target, "--publish-url", &publish, "--publish-batch", "7"][..],
        &["--connections", "20", "--channels", "10", "--duration", "20s", "--drain", drain(fault)],
        &["--publications", "150"],
        load,
    ]
    .concat())
}

#[test]
fn batches_are_verified_in_open_and_closed_loops() {
    for load in [RATE, &["--in-flight", "10"]] {
        // The last batch is not full.
        let (code, record) = batches(Fault::None, load);
        assert_eq!((code, findings(&record)), (0, [0; 4]), "{load:?} {record:#}");
        assert_eq!(figure(&record, "Publications", "acknowledged"), 150);
        assert_eq!(figure(&record, "Deliveries", "delivered"), 300);
    }
}

#[test]
fn a_refused_line_is_not_the_others_fault() {
    for load in [RATE, &["--in-flight", "10"]] {
        let (code, record) = batches(Fault::Refuse, load);
        assert_eq!((code, findings(&record)), (1, [0; 4]), "{load:?} {record:#}");
        assert_eq!(figure(&record, "Publications", "refused or unanswered"), 10);
        assert_eq!(figure(&record, "Publications", "acknowledged"), 140);
        assert!(record["errors"].to_string().contains("500: no such line"), "{record:#}");
    }
}

/// Publishes to ten channels on streams.
fn stream(fault: Fault, load: &[&str]) -> (i32, Value) {
    let address = server::start(fault);
    let target = format!("ws://{address}/sub/{{channel}}");
    let publish = format!("ws://{address}/publish");
    run(&[
        &["fanout", &target, "--publish-stream", &publish][..],
        &["--connections", "20", "--channels", "10", "--drain", drain(fault)],
        load,
    ]
    .concat())
}

const SOME: &[&str] = &["--publications", "150", "--duration", "20s"];

#[test]
fn what_streams_publish_is_verified_in_all_loops() {
    let in_flight = ["--in-flight", "10", "--publishers", "3"];
    for plane in ["auto", "epoll"] {
        for load in [RATE, &["--window", "4"], &["--in-flight", "1"], &in_flight] {
            let (code, record) = stream(Fault::None, &[SOME, load, &["--plane", plane]].concat());
            assert_eq!((code, findings(&record)), (0, [0; 4]), "{plane} {load:?} {record:#}");
            assert_eq!(figure(&record, "Publications", "acknowledged"), 150);
            assert_eq!(figure(&record, "Deliveries", "delivered"), 300);
        }
    }
}

#[test]
fn what_a_stream_publishes_and_nobody_gets_is_lost() {
    let (code, record) = stream(Fault::Drop, &[SOME, RATE].concat());
    assert_eq!((code, findings(&record)), (1, [20, 0, 0, 0]), "{record:#}");
    assert_eq!(figure(&record, "Publications", "acknowledged"), 150);
}

#[test]
fn answers_of_a_stream_belong_to_its_messages_in_order() {
    // Were another publication taken for the refused one, that one would be lost.
    for load in [RATE, &["--window", "4"], &["--in-flight", "10"]] {
        let (code, record) = stream(Fault::Refuse, &[SOME, load].concat());
        assert_eq!((code, findings(&record)), (1, [0; 4]), "{load:?} {record:#}");
        assert_eq!(figure(&record, "Publications", "refused or unanswered"), 10);
        assert_eq!(figure(&record, "Publications", "acknowledged"), 140);
        assert!(record["errors"].to_string().contains("500: no such line"), "{record:#}");
    }
}

#[test]
fn a_stream_has_64_messages_unanswered_at_most() {
    let load = ["--rate", "5000", "--publications", "300", "--duration", "1s", "--publishers", "2"];
    let (code, record) = stream(Fault::Silent, &load);
    assert_eq!((code, figure(&record, "Publications", "sent")), (1, 2 * 64), "{record:#}");
    assert_eq!(figure(&record, "Publications", "refused or unanswered"), 2 * 64);
    assert_eq!(figure(&record, "Publications", "acknowledged"), 0);
}

#[test]
fn an_answer_to_nothing_fails_the_run() {
    let (code, record) = stream(Fault::AnswerTwice, &["--publications", "5", "--rate", "20"]);
    let reasons = record["verdict"]["failed"].to_string();
    let sentence = "publishing streams were dropped (publisher: the server answered a message that";
    assert!(code == 1 && reasons.contains(sentence), "{record:#}");
}

#[test]
fn echoes_are_verified() {
    for (fault, code, expected) in [
        (Fault::None, 0, [0; 4]),
        (Fault::Drop, 1, [5, 0, 0, 0]),
        (Fault::Duplicate, 1, [0, 5, 0, 0]),
        (Fault::Corrupt, 1, [0, 0, 0, 5]),
    ] {
        let url = format!("ws://{}/echo", server::start(fault));
        let time = ["--duration", "600ms", "--drain", "2s", "--in-flight", "3"];
        let (exit, record) = run(&[&["echo", &url, "-c", "5"], &time[..]].concat());
        assert_eq!((exit, findings(&record)), (code, expected), "{fault:?} {record:#}");
    }
}

#[test]
fn what_is_not_there_or_not_allowed_has_its_exit_code() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let closed = format!("ws://{closed}/");
    for (arguments, code, text) in [
        (&["idle", &closed, "-q"][..], 69, "Connection refused"),
        (&["idle", "ws://192.0.2.1/"], 64, "--allow-remote"),
        (
            &["fanout", "ws://127.0.0.1/", "--publish-url", "http://192.0.2.1/"],
            64,
            "--allow-remote",
        ),
        (&["idle", "http://127.0.0.1/"], 64, "ws://"),
        (&["idle", "-c", "0"], 64, "invalid value"),
        (&["idle", "ws://127.0.0.1/", "ws://127.0.0.1/"], 64, "is there twice"),
        (&["idle", "ws://127.0.0.1/", "ws://192.0.2.1/"], 64, "ws://192.0.2.1/ is not on this"),
        (&["idle", "ws://127.0.0.1/", "ws://127.0.0.2/", "-c", "1"], 64, "each of 2 targets"),
        (
            &["fanout", "--publish-url", "http://127.0.0.1/", "--publish-url", "ws://127.0.0.1/"],
            64,
            "ws://127.0.0.1/: the URL must begin with http://",
        ),
        (
            &[
                &["fanout", "-c", "200", "--channels", "200", "--in-flight", "129"][..],
                &[STREAM, "ws://127.0.0.1/", STREAM, "ws://127.0.0.2/"],
            ]
            .concat(),
            64,
            "1 --publishers at each of 2 URLs with 64 messages on each stream have 128",
        ),
        (&["fanout", "-c", "2", "--channels", "3", "--window", "1"], 64, "needs a subscriber"),
        (&["fanout", "-c", "2", "--channels", "3", "--in-flight", "1"], 64, "needs a subscriber"),
        (&["fanout", "--channels", "3", "--in-flight", "4"], 64, "as many --channels"),
        (&["fanout", "--publish-batch", "2"], 64, "must be in --publish-body"),
        (
            &["fanout", "-c", "9", "--channels", "9", "--publish-batch", "9", "--in-flight", "8"],
            64,
            "need 9 at least",
        ),
        (&["fanout", "--publish-batch", "9", "--window", "1"], 64, "none is full"),
        (&["fanout", "--publish-batch", "9", "--publish-ws"], 64, "cannot be used with"),
        (
            &["fanout", "--channels", "9", "--in-flight", "9"],
            64,
            "8 publications in flight at most",
        ),
        (&["fanout", STREAM, "ws://192.0.2.1/"], 64, "--allow-remote"),
        (&["fanout", STREAM, "http://127.0.0.1/"], 64, "ws://"),
        (&["fanout", STREAM, "ws://127.0.0.1/pub/{channel}"], 64, "have no place in its URL"),
        (&["fanout", STREAM, "ws://127.0.0.1/", "--publish-batch", "9"], 64, "cannot be used with"),
        (&["fanout", STREAM, "ws://127.0.0.1/", "--publish-ws"], 64, "cannot be used with"),
        (&["fanout", STREAM, "ws://127.0.0.1/", "--pipeline", "9"], 64, "cannot be used with"),
        (&["fanout", STREAM, "ws://127.0.0.1/", "--publish-body", "x"], 64, "must be in it"),
        (
            &["fanout", "--channels", "65", "--in-flight", "65", STREAM, "ws://127.0.0.1/"],
            64,
            "64 messages on each stream have 64 publications in flight at most",
        ),
        (&["idle", "ws://127.0.0.1/", "--pid", "4294967295"], 64, "no process"),
        (&["--help"], 0, ""),
    ] {
        let output = output(arguments);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {complaint}");
        assert!(complaint.contains(text), "{arguments:?}: {complaint}");
    }
}

#[test]
fn an_interrupted_run_reports_what_it_has() {
    let url = format!("ws://{}/sub/x", server::start(Fault::None));
    let mut child = tool(&["idle", &url, "-c", "10", "--hold", "60s", "--json"]);
    // Something is said all the time, so its standard error is read to the end.
    let mut progress = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(progress.any(|line| line.contains("10 of 10 open")));
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    progress.for_each(drop);
    let output = child.wait_with_output().unwrap();
    let record: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &record["interrupted"]), (Some(0), &Value::Bool(true)));
    assert_eq!(figure(&record, "Connections", "connected"), 10);
    assert!(record["duration_s"].as_f64().unwrap() < 30.0);
}
