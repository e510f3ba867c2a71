//! The view while a run goes on: a few lines that redraw themselves on a terminal, one plain line a
//! second anywhere else. Everything goes to standard error, so that standard output stays clean.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, stderr};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::units;
use crate::record::{LatencyPoint, Snapshot};

/// Plain lines come this often, in seconds, whatever the rate of snapshots.
const PLAIN_INTERVAL_S: f64 = 1.0;

/// Finer than a bar of 32 characters can show.
const BAR_STEPS: u64 = 1000;

/// Shows snapshots while a run goes on.
#[derive(Debug)]
pub(crate) struct Live {
    view: View,
}

#[derive(Debug)]
enum View {
    Quiet,
    Plain { next_at_s: f64, phase: &'static str },
    Terminal(Terminal),
}

#[derive(Debug)]
struct Terminal {
    lines: MultiProgress,
    bar: ProgressBar,
    rates: ProgressBar,
    latency: ProgressBar,
    costs: ProgressBar,
}

impl Live {
    /// A view of what fits the standard error of this process; none at all when `quiet`.
    pub(crate) fn new(quiet: bool) -> Self {
        let view = if quiet {
            View::Quiet
        } else if stderr().is_terminal() {
            View::Terminal(Terminal::new())
        } else {
            View::Plain { next_at_s: 0.0, phase: "" }
        };
        Self { view }
    }

    /// Shows how things stand now.
    pub(crate) fn tick(&mut self, snapshot: &Snapshot) {
        match &mut self.view {
            View::Quiet => {}
            View::Terminal(terminal) => terminal.show(snapshot),
            View::Plain { next_at_s, phase } => {
                if snapshot.at_s < *next_at_s && *phase == snapshot.phase {
                    return;
                }
                *phase = snapshot.phase;
                *next_at_s = (snapshot.at_s / PLAIN_INTERVAL_S)
                    .floor()
                    .mul_add(PLAIN_INTERVAL_S, PLAIN_INTERVAL_S);
                // A closed standard error is no reason to end a measurement.
                let _ = io::Write::write_all(&mut stderr(), (plain(snapshot) + "\n").as_bytes());
            }
        }
    }

    /// Ends the view. On a terminal its lines are taken away, as the final table follows.
    pub(crate) fn finish(self) {
        if let View::Terminal(terminal) = self.view {
            for line in [&terminal.costs, &terminal.latency, &terminal.rates, &terminal.bar] {
                line.finish_and_clear();
            }
            let _ = terminal.lines.clear();
        }
    }
}

impl Terminal {
    fn new() -> Self {
        let lines = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        let bar = lines.add(ProgressBar::new(BAR_STEPS));
        bar.set_style(style("{spinner} {prefix:11} {bar:32.cyan/dim} {percent:>3} %  {msg}"));
        bar.enable_steady_tick(Duration::from_millis(200));
        let line = |template| {
            let line = lines.add(ProgressBar::new(0));
            line.set_style(style(template));
            line
        };
        let rates = line("  {msg}");
        let latency = line("  {msg}");
        let costs = line("  {msg:.dim}");
        Self { lines, bar, rates, latency, costs }
    }

    fn show(&self, snapshot: &Snapshot) {
        self.bar.set_prefix(snapshot.phase);
        self.bar.set_position(steps(progress(snapshot)));
        let at = units::significant(snapshot.at_s.round());
        self.bar.set_message(format!("{} open  {at} s", open(snapshot)));
        self.rates.set_message(format!("{}{}", rates(snapshot), errors(snapshot)));
        self.latency.set_message(snapshot.latency.as_ref().map(latency).unwrap_or_default());
        self.costs.set_message(costs(snapshot));
    }
}

/// The templates are constants of this file; one that does not parse would only look plain.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// How far the phase is: as the engine says, else by the connections.
fn progress(snapshot: &Snapshot) -> f64 {
    let by_connections =
        || snapshot.connections_open as f64 / (snapshot.connections_target.max(1)) as f64;
    snapshot.progress.unwrap_or_else(by_connections).clamp(0.0, 1.0)
}

/// The position of the bar for a share from 0 to 1.
#[allow(clippy::cast_sign_loss)] // a share is not negative
fn steps(share: f64) -> u64 {
    (share * BAR_STEPS as f64) as u64
}

/// One line for everything.
fn plain(snapshot: &Snapshot) -> String {
    let mut out = format!(
        "{:7.1} s  {:<11} {:>3.0} %  {} open  {}",
        snapshot.at_s,
        snapshot.phase,
        progress(snapshot) * 100.0,
        open(snapshot),
        rates(snapshot),
    );
    if let Some(point) = &snapshot.latency {
        out.push_str("  ");
        out.push_str(&latency(point));
    }
    out.push_str("  ");
    out.push_str(&costs(snapshot));
    out.push_str(&errors(snapshot));
    out
}

fn open(snapshot: &Snapshot) -> String {
    let open = units::count(snapshot.connections_open as f64);
    format!("{open} of {}", units::count(snapshot.connections_target as f64))
}

/// Only the rates that are not zero, so that a line says what is going on.
fn rates(snapshot: &Snapshot) -> String {
    let rates = [
        ("connects", snapshot.connects_per_s),
        ("sent", snapshot.sent_per_s),
        ("received", snapshot.received_per_s),
    ];
    let shown: Vec<String> = rates
        .into_iter()
        .filter(|(_, rate)| *rate >= 0.5)
        .map(|(name, rate)| format!("{name} {}/s", units::count(rate.round())))
        .collect();
    if shown.is_empty() { "quiet".into() } else { shown.join("  ") }
}

fn latency(point: &LatencyPoint) -> String {
    let micros = |us: u64| units::micros(us as f64);
    format!(
        "p50 {}  p99 {}  p99.9 {}  max {}",
        micros(point.p50_us),
        micros(point.p99_us),
        micros(point.p999_us),
        micros(point.max_us),
    )
}

fn costs(snapshot: &Snapshot) -> String {
    let mut out = format!("cpu client {:.2}", snapshot.client_cpu);
    if let Some(cpu) = snapshot.server_cpu {
        let _ = write!(out, " server {cpu:.2}");
    }
    if let Some(bytes) = snapshot.server_rss_bytes {
        let _ = write!(out, "  server rss {}", units::bytes(bytes as f64));
    }
    out
}

fn errors(snapshot: &Snapshot) -> String {
    match (snapshot.errors, &snapshot.error_example) {
        (0, _) => String::new(),
        (count, None) => format!("  errors {}", units::count(count as f64)),
        (count, Some(example)) => {
            format!("  errors {}, most of them: {example}", units::count(count as f64))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot() -> Snapshot {
        Snapshot {
            phase: "publishing",
            at_s: 3.0,
            progress: Some(0.62),
            connections_target: 10_000,
            connections_open: 9_998,
            received_per_s: 500_000.0,
            latency: Some(LatencyPoint {
                at_s: 3.0,
                p50_us: 1_200,
                p90_us: 2_000,
                p99_us: 4_800,
                p999_us: 9_000,
                max_us: 12_000,
                count: 500_000,
            }),
            errors: 2,
            error_example: Some("reset by peer".into()),
            client_cpu: 0.41,
            server_cpu: Some(0.98),
            server_rss_bytes: Some(12 << 20),
            ..Snapshot::default()
        }
    }

    #[test]
    fn a_plain_line_says_everything() {
        assert_eq!(
            plain(&snapshot()),
            "    3.0 s  publishing   62 %  9,998 of 10,000 open  received 500,000/s  p50 1.2 ms  \
             p99 4.8 ms  p99.9 9 ms  max 12 ms  cpu client 0.41 server 0.98  server rss 12 MiB  \
             errors 2, most of them: reset by peer"
        );
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let bare = Snapshot { phase: "connecting", ..Snapshot::default() };
        assert_eq!(
            plain(&bare),
            "    0.0 s  connecting    0 %  0 of 0 open  quiet  cpu client 0.00"
        );
    }

    #[test]
    fn progress_stays_within_its_bounds() {
        assert!((progress(&Snapshot { progress: Some(7.0), ..snapshot() }) - 1.0).abs() < 1e-9);
        let by_connections = Snapshot { progress: None, ..snapshot() };
        assert!((progress(&by_connections) - 0.9998).abs() < 1e-9);
    }

    #[test]
    fn a_quiet_view_takes_everything() {
        let mut live = Live::new(true);
        live.tick(&snapshot());
        live.finish();
    }
}
