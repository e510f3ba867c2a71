//! Several targets, loaded and verified as one: nodes that share their channels.

use std::net::SocketAddr;

use serde_json::Value;

use super::server::{self, Fault};
use super::{RATE, figure, findings, run};

const CONNECTIONS: u64 = 20;
const PUBLICATIONS: u64 = 60;

/// Publishes to all of some nodes, by one way or another.
fn fanout(
    nodes: &[SocketAddr],
    channels: &str,
    publish: (&str, &str),
    more: &[&str],
) -> (i32, Value) {
    let (flag, url) = publish;
    let targets = nodes.iter().map(|node| format!("ws://{node}/sub/{{channel}}"));
    let publish =
        nodes.iter().flat_map(|node| [flag.to_owned(), url.replace("NODE", &node.to_string())]);
    let urls: Vec<String> = targets.chain(publish).collect();
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    run(&[
        &["fanout"],
        &urls[..],
        &["--connections", "20", "--channels", channels, "--publications", "60"],
        &["--duration", "20s", "--drain", "2s"],
        more,
    ]
    .concat())
}

const BY_HTTP: (&str, &str) = ("--publish-url", "http://NODE/pub/{channel}");
const BY_BATCH: (&str, &str) = ("--publish-url", "http://NODE/pub");
const BY_STREAM: (&str, &str) = ("--publish-stream", "ws://NODE/publish");

/// A figure of each target, or of each that was published to.
#[allow(clippy::cast_sign_loss)] // all these figures are counts
fn each(record: &Value, list: &str, name: &str) -> Vec<u64> {
    let rows = record[list].as_array().unwrap_or_else(|| panic!("{list} is missing: {record:#}"));
    let value = |row: &Value| {
        let figures = row["figures"].as_array().unwrap();
        let found = figures.iter().find(|figure| figure["name"] == name);
        found.unwrap_or_else(|| panic!("{name} is missing"))["value"].as_f64().unwrap() as u64
    };
    rows.iter().map(value).collect()
}

#[test]
fn every_subscriber_at_every_node_gets_everything_in_one_order() {
    let nodes = server::start_nodes(Fault::None, 3);
    for (channels, publish, load) in [
        ("1", BY_HTTP, RATE),
        ("2", BY_HTTP, &["--window", "4"]),
        ("20", BY_HTTP, &["--in-flight", "8", "--publishers", "2"]),
        ("3", BY_STREAM, RATE),
        ("6", BY_STREAM, &["--in-flight", "6"]),
        ("10", BY_BATCH, &["--rate", "200", "--publish-batch", "4"]),
        ("20", BY_BATCH, &["--in-flight", "20", "--publish-batch", "5"]),
    ] {
        for plane in ["auto", "epoll"] {
            let more = [load, &["--plane", plane]].concat();
            let (code, record) = fanout(&nodes, channels, publish, &more);
            assert_eq!((code, findings(&record)), (0, [0; 4]), "{load:?} {record:#}");
            assert_eq!(figure(&record, "Publications", "acknowledged"), PUBLICATIONS);
            assert_eq!(each(&record, "targets", "connected"), [7, 7, 6]);
            let delivered = each(&record, "targets", "delivered");
            let total = figure(&record, "Deliveries", "delivered");
            assert_eq!(delivered.iter().sum::<u64>(), total, "{load:?} {record:#}");
            let of_channel = CONNECTIONS / channels.parse::<u64>().unwrap();
            assert!(total >= PUBLICATIONS * of_channel, "{load:?} {record:#}");
            let sent = each(&record, "publish_targets", "sent");
            assert_eq!(sent.iter().sum::<u64>(), PUBLICATIONS, "{load:?} {record:#}");
            assert!(sent.iter().all(|sent| *sent >= 5), "{load:?} {sent:?}");
        }
    }
}

#[test]
fn the_publications_of_one_channel_go_to_all_in_turn() {
    let nodes = server::start_nodes(Fault::None, 3);
    let (code, record) = fanout(&nodes, "1", BY_HTTP, RATE);
    assert_eq!((code, each(&record, "publish_targets", "acknowledged")), (0, vec![20; 3]));
    assert_eq!(each(&record, "targets", "delivered"), [7 * 60, 7 * 60, 6 * 60]);
}

#[test]
fn the_next_publication_of_a_channel_waits_for_the_answer_to_the_one_before() {
    let nodes = server::start_nodes(Fault::Silent, 2);
    let (code, record) = fanout(&nodes, "2", BY_STREAM, RATE);
    // One channel begins at the first node, which answers nothing, the other one comes there next.
    assert_eq!((code, findings(&record)), (1, [0; 4]), "{record:#}");
    assert_eq!(each(&record, "publish_targets", "sent"), [2, 1]);
    assert_eq!(each(&record, "publish_targets", "acknowledged"), [0, 1]);
    assert_eq!(each(&record, "publish_targets", "refused or unanswered"), [2, 0]);
    let not_sent = each(&record, "publish_targets", "not sent");
    assert_eq!(not_sent.iter().sum::<u64>(), PUBLICATIONS - 3, "{record:#}");
}

#[test]
fn what_is_lost_is_found_wherever_it_was_published() {
    // The tenth publication of the channel goes to the first node of three, and of two to the second.
    for (count, lost) in [(3, 20), (2, 0)] {
        let nodes = server::start_nodes(Fault::Drop, count);
        let (code, record) = fanout(&nodes, "1", BY_HTTP, RATE);
        assert_eq!((code, findings(&record)[0]), (i32::from(lost > 0), lost), "{record:#}");
        assert_eq!(each(&record, "targets", "lost").iter().sum::<u64>(), lost);
    }
}

#[test]
fn a_closed_loop_goes_on_after_a_refusal_of_one_node() {
    for load in [&["--window", "1"], &["--window", "3"]] {
        let nodes = server::start_nodes(Fault::Refuse, 3);
        let (code, record) = fanout(&nodes, "1", BY_HTTP, load);
        assert_eq!((code, findings(&record)), (1, [0; 4]), "{load:?} {record:#}");
        assert_eq!(each(&record, "publish_targets", "refused or unanswered"), [1, 0, 0]);
        let sentence = format!("{}: publish: the server answered with 500", nodes[0]);
        assert!(record["errors"].to_string().contains(&sentence), "{record:#}");
    }
}

#[test]
fn nodes_that_are_not_there_do_not_hold_up_the_others() {
    let mut nodes = server::start_nodes(Fault::None, 2);
    // Of an address that no other test has, so that none is given the port meanwhile.
    let closed = std::net::TcpListener::bind("127.0.0.77:0").unwrap().local_addr().unwrap();
    nodes.insert(1, closed);
    for load in [RATE, &["--window", "2"], &["--in-flight", "1"]] {
        let (code, record) = fanout(&nodes, "1", BY_HTTP, load);
        assert_eq!((code, findings(&record)), (1, [0; 4]), "{load:?} {record:#}");
        assert_eq!(each(&record, "targets", "connected"), [7, 0, 6]);
        assert_eq!(each(&record, "targets", "failed"), [0, 7, 0]);
        assert_eq!(each(&record, "targets", "delivered"), [7 * 40, 0, 6 * 40]);
        assert_eq!(each(&record, "publish_targets", "acknowledged"), [20, 0, 20]);
        assert_eq!(each(&record, "publish_targets", "not sent"), [0, 20, 0]);
        let reasons = record["verdict"]["failed"].to_string();
        for (what, who) in
            [("7 connections failed", "subscriber"), ("20 publications could", "publisher")]
        {
            let why = format!("({closed}: {who}: Connection refused");
            assert!(reasons.contains(what) && reasons.contains(&why), "{reasons}");
        }
    }
}

#[test]
fn echoes_of_several_targets_are_verified() {
    for (faults, code, lost) in
        [([Fault::None; 2], 0, [0, 0]), ([Fault::None, Fault::Drop], 1, [0, 5])]
    {
        let urls = faults.map(|fault| format!("ws://{}/echo", server::start(fault)));
        let time = ["--duration", "600ms", "--drain", "2s", "--in-flight", "3"];
        let (exit, record) = run(&[&["echo", &urls[0], &urls[1], "-c", "10"], &time[..]].concat());
        assert_eq!((exit, each(&record, "targets", "lost")), (code, lost.to_vec()), "{record:#}");
        assert_eq!(each(&record, "targets", "connected"), [5, 5]);
        let trips = each(&record, "targets", "round trips");
        assert_eq!(
            trips.iter().sum::<u64>(),
            figure(&record, "Messages", "received"),
            "{record:#}"
        );
    }
}

#[test]
fn one_target_has_no_rows_of_its_own() {
    let nodes = server::start_nodes(Fault::None, 1);
    let (code, record) = fanout(&nodes, "1", BY_HTTP, RATE);
    assert_eq!(
        (code, &record["targets"], &record["publish_targets"]),
        (0, &Value::Null, &Value::Null)
    );
}
