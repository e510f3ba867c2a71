//! The options that several modes share.

use std::path::PathBuf;

use clap::Args;
use switchboard_plane::DescriptorChoice;
use switchboard_plane::choice::PlaneChoice;

use super::span::Span;
use crate::engine::Dialect;
use crate::load::Sizes;

/// What all modes have.
#[derive(Debug, Clone, Args)]
pub(crate) struct Common {
    /// Where to connect. `{i}` is the number of the connection, `{k}` that of its channel,
    /// `{channel}` the channel's name, `{run}` differs from run to run. Without it:
    /// `ws://127.0.0.1:8000/sub/{channel}`, `/echo` for `echo`, and `/connection/websocket` with
    /// `--dialect centrifuge`. Several targets, such as the nodes of one server, are loaded and
    /// verified as one: connections are dealt to them in turn
    #[arg(value_name = "URL")]
    pub(crate) urls: Vec<String>,

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

    /// What subscribers speak: `plain` messages; `v1`, the subprotocol `switchboard.v1`; or
    /// `centrifuge`, the JSON protocol of Centrifuge: they connect, subscribe to their channel,
    /// answer pings, and go on where they were when they come back. Every server that has the
    /// protocol can be measured
    #[arg(long, value_name = "DIALECT", default_value_t = Dialect::Plain)]
    pub(crate) dialect: Dialect,

    /// Subprotocol to offer; may be repeated
    #[arg(long, value_name = "NAME")]
    pub(crate) subprotocol: Vec<String>,

    /// Further header of the handshake, `Name: value`; may be repeated
    #[arg(long, value_name = "HEADER")]
    pub(crate) header: Vec<String>,

    /// A token (JWT) for each connection, one a line, shown as `Authorization: Bearer` by upgrades,
    /// polls and event streams, and by the publishers of --publish-ws, and in `connect` by clients
    /// that speak Centrifuge; `scripts/make_tokens.py` makes such a file
    #[arg(long, value_name = "FILE")]
    pub(crate) tokens: Option<PathBuf>,

    /// The server's processes, to watch their memory and CPU together, such as 12 or 12,15; may be
    /// repeated
    #[arg(long, value_name = "PID", value_delimiter = ',')]
    pub(crate) pid: Vec<u32>,

    /// What is measured, for the report. Without it, the version and plane that Switchboard gives at
    /// /counters beside --publish-url or --publish-stream
    #[arg(long, value_name = "TEXT")]
    pub(crate) label: Option<String>,

    /// The command that repeats this run, for the report, where a script started it
    #[arg(long, value_name = "COMMAND")]
    pub(crate) command: Option<String>,

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
    /// Publish by HTTP to this URL, with the placeholders of the target; may be repeated: the
    /// publications of each channel go to all of them in turn, each when the one before was answered
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8001/pub/{channel}")]
    pub(crate) publish_url: Vec<String>,

    /// Method of the request
    #[arg(long, value_name = "METHOD", default_value = "POST")]
    pub(crate) publish_method: String,

    /// Further header of the request, or of the handshake with --publish-stream, `Name: value`; may
    /// be repeated
    #[arg(long, value_name = "HEADER")]
    pub(crate) publish_header: Vec<String>,

    /// Body of the request, the message with --publish-ws, the payload with --publish-stream, or a
    /// line with --publish-batch; `{payload}`, which is all of it unless told otherwise, is what the
    /// subscribers must get, letters that need no quoting
    #[arg(long, value_name = "TEMPLATE")]
    pub(crate) publish_body: Option<String>,

    /// Publish by HTTP with so many lines in each request, which goes out when they are due:
    /// `{"channel":"{channel}","data":"{payload}"}`, answered by a line with a `status` for each
    /// (POST /pub of Switchboard). --publish-url names no channel then; where it is repeated, the
    /// channels are dealt to all URLs in turn
    #[arg(long, value_name = "LINES", conflicts_with = "publish_ws", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub(crate) publish_batch: Option<u32>,

    /// Publish on a publishing stream instead (GET /publish of Switchboard), to this URL, such as
    /// `ws://127.0.0.1:8001/publish`: a message for each publication, in the binary form, each answered
    /// in order with its status. --publishers says how many streams; each has at most 64 unanswered.
    /// May be repeated, as --publish-url
    #[arg(long, value_name = "URL", conflicts_with_all = ["publish_url", "publish_method", "publish_batch", "publish_ws", "pipeline"])]
    pub(crate) publish_stream: Vec<String>,

    /// Publish by WebSocket instead: one connection per channel, to this URL, or to the target
    /// without a value; may be repeated: the channels are dealt to all of them in turn
    #[arg(long, value_name = "URL", num_args = 0..=1, default_missing_value = "")]
    pub(crate) publish_ws: Vec<String>,

    /// HTTP connections or streams, to each URL; a channel always uses the same one there
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

impl Publish {
    /// The template of a body, a message or a line.
    pub(crate) fn body(&self) -> &str {
        match (&self.publish_body, self.publish_batch) {
            (Some(body), _) => body,
            (None, Some(_)) => r#"{"channel":"{channel}","data":"{payload}"}"#,
            (None, None) => "{payload}",
        }
    }
}
