//! A TCP proxy that behaves like a long line: it holds bytes back for a while, by a time that
//! wavers, and stalls now and then as TCP does when a segment was lost. For kernels without netem.
//!
//! It ends two TCP connections of its own, so no packet is ever lost: what a loss does to an
//! application is modelled, namely that nothing arrives until the segment was sent again. What loss
//! does to TCP itself (smaller windows, more packets) is not.
#![forbid(unsafe_code)]

mod forward;
mod line;
mod proxy;

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Parser;

use line::Line;
use proxy::Proxy;

/// Passes TCP connections on to another address, as if over a long line: late, unevenly, and with
/// the stalls that lost segments cause.
#[derive(Debug, Parser)]
#[command(name = "delay-proxy", version)]
struct Options {
    /// Where to listen; port 0 takes a free one, which is printed.
    #[arg(long, value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Where to pass connections on to.
    #[arg(long, value_name = "ADDRESS")]
    to: SocketAddr,
    /// Delay of each direction, so a round trip takes twice that.
    #[arg(long, value_name = "MS", default_value_t = 40, value_parser = clap::value_parser!(u32).range(0..=60_000))]
    delay_ms: u32,
    /// How much the delay of a segment differs from that at most, to either side. The order is kept,
    /// so an early one waits for a late one before it.
    #[arg(long, value_name = "MS", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=60_000))]
    jitter_ms: u32,
    /// How many of a hundred segments are lost and sent again: after a round trip when others
    /// follow that tell of the loss, else after a retransmission timeout.
    #[arg(long, value_name = "PERCENT", default_value_t = 0.0, value_parser = percent)]
    loss_percent: f64,
    /// Bytes that may be under way in each direction of a connection; beyond it the sender is not
    /// read. A direction carries at most so many bytes each delay.
    #[arg(long, value_name = "BYTES", default_value_t = 256 << 10, value_parser = clap::value_parser!(u32).range(1_448..=64 << 20))]
    window_bytes: u32,
    /// Makes delays and losses come in the same order in every run.
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

fn percent(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(value) if (0.0..=50.0).contains(&value) => Ok(value),
        _ => Err(format!("'{text}' is no number from 0 to 50")),
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    if options.jitter_ms > options.delay_ms {
        let (jitter, delay) = (options.jitter_ms, options.delay_ms);
        eprintln!("delay-proxy: --jitter-ms {jitter} must be at most --delay-ms, which is {delay}");
        return ExitCode::from(64);
    }
    let line = Line {
        delay_ms: options.delay_ms,
        jitter_ms: options.jitter_ms,
        loss: options.loss_percent / 100.0,
        window_bytes: options.window_bytes,
    };
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(..));
    let proxy = match Proxy::bind(options.listen, options.to, line, seed).await {
        Ok(proxy) => proxy,
        Err(error) => {
            eprintln!("delay-proxy: cannot listen on {}: {error}", options.listen);
            return ExitCode::from(69);
        }
    };
    println!("listening on {} with seed {seed}", proxy.local_addr());
    proxy.run().await
}
