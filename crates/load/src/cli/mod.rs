//! The command line.

mod common;
mod options;
mod span;

pub(crate) use common::{Common, Publish};
pub(crate) use options::{Churn, CompareTransports, Echo, Fanout, Idle, Slow, Storm};
pub(crate) use span::Span;

use clap::{Parser, Subcommand};

/// Puts load on a WebSocket server and reports how it coped.
///
/// Every mode connects at a rate, measures, and ends with a table: exit code 0 when everything was
/// as it should be, 1 when something was lost, duplicated, reordered, foreign, dropped or refused,
/// 64 for a wrong command line, 69 when the server or the plane is not available. Ctrl-C ends a run
/// with what was measured so far.
#[derive(Debug, Parser)]
#[command(name = "switchboard-load", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) mode: Mode,
}

/// What is measured.
#[derive(Debug, Subcommand)]
pub(crate) enum Mode {
    /// Connect, hold, answer pings: what does a silent connection cost?
    Idle(Idle),
    /// Publish to subscribers and check every delivery.
    Fanout(Fanout),
    /// Send messages to a server that sends them back.
    Echo(Echo),
    /// Drop everyone at once and see how long it takes until they are back.
    Storm(Storm),
    /// Let a share of the subscribers read slowly or not at all, and measure the others.
    Slow(Slow),
    /// Connect and leave, at a rate.
    Churn(Churn),
    /// Send the same messages by interval poll, long poll, event stream and WebSocket in turn.
    CompareTransports(CompareTransports),
}

impl Mode {
    /// The options that all modes have.
    pub(crate) fn common(&self) -> &Common {
        match self {
            Self::Idle(idle) => &idle.common,
            Self::Fanout(fanout) => &fanout.common,
            Self::Echo(echo) => &echo.common,
            Self::Storm(storm) => &storm.common,
            Self::Slow(slow) => &slow.common,
            Self::Churn(churn) => &churn.common,
            Self::CompareTransports(compare) => &compare.common,
        }
    }

    /// How it publishes, if it does.
    pub(crate) fn publish(&self) -> Option<&Publish> {
        match self {
            Self::Fanout(fanout) => Some(&fanout.publish),
            Self::Storm(storm) => Some(&storm.publish),
            Self::Slow(slow) => Some(&slow.publish),
            Self::CompareTransports(compare) => Some(&compare.publish),
            Self::Idle(_) | Self::Echo(_) | Self::Churn(_) => None,
        }
    }

    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Idle(_) => "idle",
            Self::Fanout(_) => "fanout",
            Self::Echo(_) => "echo",
            Self::Storm(_) => "storm",
            Self::Slow(_) => "slow",
            Self::Churn(_) => "churn",
            Self::CompareTransports(_) => "compare-transports",
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;
    use switchboard_plane::choice::PlaneChoice;

    use super::*;
    use crate::mode::{TRANSPORTS, Transport};

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_long_line_is_read() {
        let line = "switchboard-load fanout ws://127.0.0.1:9/x/{k} -c 500 --channels 10 --window 4 \
                    --size 64:90%,4096:10% --publish-url http://127.0.0.1:9/p --duration 1500ms \
                    --plane epoll --header A:b --header C:d --pid 7,8 --pid 9 --json --report out";
        let Mode::Fanout(fanout) = parse(line).unwrap().mode else { panic!("another mode") };
        assert_eq!((fanout.common.connections, fanout.common.channels), (500, 10));
        assert_eq!((fanout.window, fanout.duration.ms()), (Some(4), 1_500));
        assert_eq!(fanout.common.header, ["A:b", "C:d"]);
        assert_eq!(fanout.common.pid, [7, 8, 9]);
        assert_eq!(fanout.common.plane, PlaneChoice::Epoll);
        assert_eq!(fanout.publish.publish_ws, [""; 0]);
    }

    #[test]
    fn targets_of_connections_and_of_publications_may_be_several() {
        for (line, urls, publish_urls) in [
            ("", &[][..], &["http://127.0.0.1:8001/pub/{channel}"][..]),
            ("ws://a/ --publish-url http://a/", &["ws://a/"], &["http://a/"]),
            (
                "ws://a/x,y --publish-url http://a/ ws://b/ --publish-url http://b/ -q",
                &["ws://a/x,y", "ws://b/"],
                &["http://a/", "http://b/"],
            ),
        ] {
            let line = format!("switchboard-load fanout {line}");
            let Mode::Fanout(fanout) = parse(&line).unwrap().mode else { panic!("another mode") };
            assert_eq!(fanout.common.urls, urls, "{line}");
            assert_eq!(fanout.publish.publish_url, publish_urls, "{line}");
        }
    }

    #[test]
    fn publishing_by_websocket_goes_to_the_target_unless_told_otherwise() {
        for (line, expected) in [
            ("--publish-ws", &[""][..]),
            ("--publish-ws ws://[::1]/", &["ws://[::1]/"]),
            ("--publish-ws ws://a/ --publish-ws ws://b/", &["ws://a/", "ws://b/"]),
        ] {
            let line = format!("switchboard-load storm {line}");
            let Mode::Storm(storm) = parse(&line).unwrap().mode else { panic!("another mode") };
            assert_eq!(storm.publish.publish_ws, expected);
        }
    }

    #[test]
    fn transports_are_a_list_and_all_of_them_when_none_is_named() {
        for (line, expected) in [
            ("", &TRANSPORTS[..]),
            ("--transports websocket,long-poll", &[Transport::WebSocket, Transport::LongPoll]),
            ("--transports centrifuge", &[Transport::Centrifuge]),
        ] {
            let line = format!("switchboard-load compare-transports {line}");
            let Mode::CompareTransports(compare) = parse(&line).unwrap().mode else {
                panic!("another mode")
            };
            assert_eq!(compare.transports, expected);
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "",
            "compare",
            "idle --connections 0",
            "idle --hold x",
            "idle --plane select",
            "idle --dialect esperanto",
            "idle --io-uring-descriptors fixed",
            "fanout --rate 5 --window 2",
            "fanout --rate 5 --in-flight 2",
            "fanout --window 2 --in-flight 2",
            "fanout --in-flight 0",
            "echo --size 3",
            "slow --slow-percent 100",
            "churn --leave slowly",
            "storm --backoff jitter",
            "compare-transports --transports websocket,carrier-pigeon",
        ] {
            assert!(parse(&format!("switchboard-load {line}")).is_err(), "{line}");
        }
    }
}
