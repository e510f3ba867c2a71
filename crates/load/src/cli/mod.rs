//! The command line.

mod options;
mod span;

pub(crate) use options::{Churn, CompareTransports, Echo, Fanout, Idle, Slow, Storm};
pub(crate) use span::Span;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use switchboard_plane::DescriptorChoice;
use switchboard_plane::choice::PlaneChoice;

use crate::load::Sizes;

/// Puts load on a WebSocket server and says how it bore it.
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
    /// The same news by interval poll, long poll, event stream and WebSocket in turn.
    CompareTransports(CompareTransports),
}

/// What all modes have.
#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    /// Where to connect. `{i}` is the number of the connection, `{k}` that of its channel,
    /// `{channel}` the channel's name, `{run}` differs from run to run. Without it:
    /// `ws://127.0.0.1:8000/sub/{channel}`, and `/echo` for `echo`
    pub(crate) url: Option<String>,

    /// Connections to hold
    #[arg(short, long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=4_000_000))]
    pub(crate) connections: u32,

    /// Channels that they are spread over
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) channels: u32,

    /// The name of a channel
    #[arg(long, value_name = "TEMPLATE", default_value = "load-{run}-{k}")]
    pub(crate) channel: String,

    /// Connects per second
    #[arg(long, value_name = "PER_SECOND", default_value_t = 10_000.0)]
    pub(crate) connect_rate: f64,

    /// Handshakes under way at the same time
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) connecting_max: u32,

    /// Time for a connect and its handshake
    #[arg(long, value_name = "TIME", default_value = "10s")]
    pub(crate) connect_timeout: Span,

    /// Threads, each with its own plane, on its own core
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) threads: u32,

    /// Cores to stay on, such as 1 or 0,2-3, or `none`. Without it the last ones, because servers
    /// tend to take the first
    #[arg(long, value_name = "CORES")]
    pub(crate) pin: Option<String>,

    /// How bytes move: `auto`, `io_uring` or `epoll`
    #[arg(long, default_value_t = PlaneChoice::Auto)]
    pub(crate) plane: PlaneChoice,

    /// What names connections to `io_uring`: `direct` descriptors, which `ulimit -n` does not bound,
    /// descriptors of the `process`, or `auto`, which takes direct ones where the kernel releases a
    /// closed one at once
    #[arg(long, value_name = "CHOICE", default_value_t = DescriptorChoice::Auto)]
    pub(crate) io_uring_descriptors: DescriptorChoice,

    /// Local addresses, such as 127.0.0.2-127.0.0.9,127.0.1.1. Without it as many from 127.0.0.2 on
    /// as the count needs, 10,000 connections each; for `::1`, and for other machines, one
    #[arg(long, value_name = "ADDRESSES")]
    pub(crate) sources: Option<String>,

    /// Subprotocol to offer; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) subprotocol: Vec<String>,

    /// Further header of the handshake, `Name: value`; may be repeated
    #[arg(long, value_name = "HEADER")]
    pub(crate) header: Vec<String>,

    /// The server's process, to watch its memory and CPU
    #[arg(long)]
    pub(crate) pid: Option<u32>,

    /// Longest time for the whole run; without it, what the settings should take and some more
    #[arg(long, value_name = "TIME")]
    pub(crate) time_limit: Option<Span>,

    /// Print the result as JSON instead of a table
    #[arg(long)]
    pub(crate) json: bool,

    /// Write a page with charts, JSON and CSV into this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) report: Option<PathBuf>,

    /// Allow targets that are not on this machine. Only load what is yours
    #[arg(long)]
    pub(crate) allow_remote: bool,

    /// Show nothing while the run goes on
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

/// How publications go out.
#[allow(clippy::struct_field_names)] // they are the flags' names
#[derive(Debug, Clone, Args)]
pub(crate) struct Publish {
    /// Publish by HTTP to this URL, with the placeholders of the target
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8001/pub/{channel}")]
    pub(crate) publish_url: String,

    /// Method of the request
    #[arg(long, value_name = "METHOD", default_value = "POST")]
    pub(crate) publish_method: String,

    /// Further header of the request, `Name: value`; may be repeated
    #[arg(long, value_name = "HEADER")]
    pub(crate) publish_header: Vec<String>,

    /// Body of the request, or the message with --publish-ws; `{payload}` is what the subscribers
    /// must get, letters that need no quoting
    #[arg(long, value_name = "TEMPLATE", default_value = "{payload}")]
    pub(crate) publish_body: String,

    /// Publish by WebSocket instead: one connection per channel, to this URL, or to the target
    /// without a value
    #[arg(long, value_name = "URL", num_args = 0..=1, default_missing_value = "")]
    pub(crate) publish_ws: Option<String>,

    /// HTTP connections; a channel always uses the same one
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) publishers: u32,

    /// Requests under way on one HTTP connection
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=1_024))]
    pub(crate) pipeline: u32,

    /// Bytes of a publication or message: 64, 64-1024, or 64:90%,4096:10%
    #[arg(long, value_name = "BYTES", default_value = "64")]
    pub(crate) size: Sizes,

    /// How long stragglers are waited for
    #[arg(long, value_name = "TIME", default_value = "10s")]
    pub(crate) drain: Span,
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
                    --plane epoll --header A:b --header C:d --pid 7 --json --report out";
        let Mode::Fanout(fanout) = parse(line).unwrap().mode else { panic!("another mode") };
        assert_eq!((fanout.common.connections, fanout.common.channels), (500, 10));
        assert_eq!((fanout.window, fanout.duration.ms()), (Some(4), 1_500));
        assert_eq!(fanout.common.header, ["A:b", "C:d"]);
        assert_eq!(fanout.common.plane, PlaneChoice::Epoll);
        assert_eq!(fanout.publish.publish_ws, None);
    }

    #[test]
    fn publishing_by_websocket_goes_to_the_target_unless_told_otherwise() {
        for (line, expected) in [("--publish-ws", ""), ("--publish-ws ws://[::1]/", "ws://[::1]/")]
        {
            let line = format!("switchboard-load storm {line}");
            let Mode::Storm(storm) = parse(&line).unwrap().mode else { panic!("another mode") };
            assert_eq!(storm.publish.publish_ws.as_deref(), Some(expected));
        }
    }

    #[test]
    fn transports_are_a_list_and_all_of_them_when_none_is_named() {
        for (line, expected) in [
            ("", &TRANSPORTS[..]),
            ("--transports websocket,long-poll", &[Transport::WebSocket, Transport::LongPoll]),
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
            "idle --io-uring-descriptors fixed",
            "fanout --rate 5 --window 2",
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
