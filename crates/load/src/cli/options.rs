//! The options of each mode.

use clap::Args;

use super::{Common, Publish, Span};
use crate::load::Sizes;
use crate::mode::{Backoff, Leaving, TRANSPORTS, Transport};

/// Options of `idle`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Idle {
    #[command(flatten)]
    pub(crate) common: Common,

    /// How long the connections are held once all are there
    #[arg(long, value_name = "TIME", default_value = "10s")]
    pub(crate) hold: Span,
}

/// Options of `fanout`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Fanout {
    #[command(flatten)]
    pub(crate) common: Common,

    #[command(flatten)]
    pub(crate) publish: Publish,

    /// Publications per second of all channels together, whatever happens; latency counts from
    /// when each was due
    #[arg(long, value_name = "PER_SECOND", default_value_t = 10.0)]
    pub(crate) rate: f64,

    /// Instead of a rate: this many publications under way in each channel; the next goes out when
    /// all subscribers have one
    #[arg(long, value_name = "N", conflicts_with = "rate", value_parser = clap::value_parser!(u32).range(1..=1_024))]
    pub(crate) window: Option<u32>,

    /// Instead of a rate: this many publications in flight in all channels together; when one was
    /// answered and all its subscribers have it, one goes out to a further channel. HTTP needs room
    /// for them: --publishers times --pipeline; with --publishers N --pipeline 1 each has a
    /// connection of its own. So do streams: --publishers times 64
    #[arg(long, value_name = "N", conflicts_with_all = ["rate", "window"], value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) in_flight: Option<u32>,

    /// How long publications go out
    #[arg(long, value_name = "TIME", default_value = "10s")]
    pub(crate) duration: Span,

    /// Publications at most
    #[arg(long, value_name = "N")]
    pub(crate) publications: Option<u64>,
}

/// Options of `echo`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Echo {
    #[command(flatten)]
    pub(crate) common: Common,

    /// Messages under way on each connection
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) in_flight: u32,

    /// Bytes of a message: 64, 64-1024, or 64:90%,4096:10%
    #[arg(long, value_name = "BYTES", default_value = "64")]
    pub(crate) size: Sizes,

    /// How long messages go out
    #[arg(long, value_name = "TIME", default_value = "10s")]
    pub(crate) duration: Span,

    /// How long stragglers are waited for
    #[arg(long, value_name = "TIME", default_value = "10s")]
    pub(crate) drain: Span,
}

/// Options of `storm`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Storm {
    #[command(flatten)]
    pub(crate) common: Common,

    #[command(flatten)]
    pub(crate) publish: Publish,

    /// Further connections that are not dropped, in a channel of their own; they are published to
    /// all the time. 0 publishes nothing
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(..=100_000))]
    pub(crate) survivors: u32,

    /// Publications per second to the survivors
    #[arg(long, value_name = "PER_SECOND", default_value_t = 100.0)]
    pub(crate) rate: f64,

    /// How clients wait before they come back: none, or jitter:MS for a random time up to that,
    /// doubled after each failure
    #[arg(long, default_value = "none")]
    pub(crate) backoff: Backoff,

    /// Handshakes under way at the same time when they come back; without it --connecting-max
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) returning_max: Option<u32>,

    /// How they are dropped: reset or fin
    #[arg(long, value_name = "HOW", default_value = "reset", value_parser = ["reset", "fin"])]
    pub(crate) drop: String,

    /// How long the survivors are measured before the drop, and after everyone is back
    #[arg(long, value_name = "TIME", default_value = "3s")]
    pub(crate) hold: Span,

    /// Longest time until everyone must be back
    #[arg(long, value_name = "TIME", default_value = "1m")]
    pub(crate) recovery_max: Span,
}

/// Options of `slow`.
#[allow(clippy::struct_field_names)] // they are the flags' names
#[derive(Debug, Clone, Args)]
pub(crate) struct Slow {
    #[command(flatten)]
    pub(crate) common: Common,

    #[command(flatten)]
    pub(crate) publish: Publish,

    /// Publications per second of all channels together
    #[arg(long, value_name = "PER_SECOND", default_value_t = 100.0)]
    pub(crate) rate: f64,

    /// How long publications go out
    #[arg(long, value_name = "TIME", default_value = "10s")]
    pub(crate) duration: Span,

    /// The share of subscribers that are slow
    #[arg(long, value_name = "PERCENT", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=99))]
    pub(crate) slow_percent: u32,

    /// How much each of them reads; 0 is nothing
    #[arg(long, value_name = "BYTES", default_value_t = 0)]
    pub(crate) slow_bytes_per_second: u64,
}

/// Options of `churn`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Churn {
    #[command(flatten)]
    pub(crate) common: Common,

    /// Clients that connect per second; --connections bounds how many are connected at a time
    #[arg(long, value_name = "PER_SECOND", default_value_t = 1_000.0)]
    pub(crate) rate: f64,

    /// How long clients come
    #[arg(long, value_name = "TIME", default_value = "10s")]
    pub(crate) duration: Span,

    /// How long each stays
    #[arg(long, value_name = "TIME", default_value = "0s")]
    pub(crate) stay: Span,

    /// How they leave: close, fin or reset
    #[arg(long, value_name = "HOW", default_value = "close")]
    pub(crate) leave: Leaving,
}

/// Options of `compare-transports`.
#[derive(Debug, Clone, Args)]
pub(crate) struct CompareTransports {
    #[command(flatten)]
    pub(crate) common: Common,

    #[command(flatten)]
    pub(crate) publish: Publish,

    /// Publications per second of all channels together
    #[arg(long, value_name = "PER_SECOND", default_value_t = 1.0)]
    pub(crate) rate: f64,

    /// How long publications go out, by each transport
    #[arg(long, value_name = "TIME", default_value = "10s")]
    pub(crate) duration: Span,

    /// What is compared, in this order: interval-poll, long-poll, event-stream, websocket; and
    /// centrifuge, where it is named
    #[arg(long, value_name = "LIST", value_delimiter = ',', default_values_t = TRANSPORTS)]
    pub(crate) transports: Vec<Transport>,

    /// Pause between two interval polls of a client
    #[arg(long, value_name = "TIME", default_value = "1s")]
    pub(crate) poll_interval: Span,

    /// What an answer to a poll has: `one` message, so that a client that polls at an interval asks
    /// again at once until there is none, or `all` that are new
    #[arg(long, value_name = "WHICH", default_value = "one", value_parser = ["one", "all"])]
    pub(crate) poll_answers: String,

    /// Where interval polls go, with the placeholders of the target; without it the target, by
    /// http and with `poll=1` in its query. May be repeated, as the target and the following
    #[arg(long, value_name = "URL")]
    pub(crate) interval_poll_url: Vec<String>,

    /// Where long polls go; without it the target, by http
    #[arg(long, value_name = "URL")]
    pub(crate) long_poll_url: Vec<String>,

    /// Where event streams come from; without it the target, by http
    #[arg(long, value_name = "URL")]
    pub(crate) event_stream_url: Vec<String>,

    /// Where clients of Centrifuge connect; without it /connection/websocket at the host of the
    /// target
    #[arg(long, value_name = "URL")]
    pub(crate) centrifuge_url: Vec<String>,
}
