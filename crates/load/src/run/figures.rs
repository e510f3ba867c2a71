//! The record of a run, from what the session has seen.

use hdrhistogram::Histogram;

use super::session::{MemoryNow, Session};
use super::targets;
use crate::engine::Dialect;
use crate::engine::clock::seconds;
use crate::engine::stats::{Counter, MEASURES, Measure};
use crate::machine::Machine;
use crate::record::{Figure, Latency, Record, Verdict, figure};
use crate::verify::{KINDS, Kind};
use crate::watch::Kernel;

/// What a mode adds to the record.
#[derive(Debug, Default)]
pub(super) struct Extra {
    pub(super) figures: Vec<Figure>,
    /// Latencies of parts of the run.
    pub(super) latencies: Vec<Latency>,
    pub(super) parameters: Vec<(String, String)>,
    /// Memory while all connections were there.
    pub(super) memory: Option<MemoryNow>,
    /// Why less was done than was asked for, if the client is the reason.
    pub(super) limited: Option<String>,
    /// Deliveries were checked.
    pub(super) verified: bool,
}

/// Stops the session and writes its record.
pub(super) fn record(mut session: Session, mut extra: Extra) -> Result<Record, super::Failure> {
    let machine = Machine::read();
    let interrupted = session.is_interrupted();
    let over_time = session.is_over_time();
    session.stop()?;
    if over_time {
        session.reasons.push("the time limit was reached".to_owned());
    }
    let mut summary = connections(&session);
    if let Some(memory) = extra.memory {
        summary.extend(memory_figures(&session, &memory));
    }
    summary.append(&mut extra.figures);
    if extra.verified {
        let count = |kind: Kind| session.stats.findings.count(kind) as f64;
        summary.extend(KINDS.map(|kind| figure("Verification", kind.name(), count(kind), "")));
    }
    summary.extend(cpu(&session));
    let mut latencies = extra.latencies;
    latencies.extend(MEASURES.into_iter().filter_map(|measure| latency(&session, measure)));
    let mut errors = session.stats.errors();
    errors.append(&mut session.published.errors());
    errors.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let reasons = reasons(&session);
    let verdict = if reasons.is_empty() { Verdict::Passed } else { Verdict::Failed(reasons) };
    Ok(Record {
        mode: session.setup.mode,
        command: String::new(),
        server: None,
        target: session.setup.targets.urls(),
        started_unix_ms: session.started_unix_ms,
        duration_s: seconds(session.end_ns - session.start_ns),
        interrupted,
        parameters: parameters(&session, extra.parameters),
        verdict,
        client_limited: extra.limited.or_else(|| session.window.as_ref()?.verdict()),
        summary,
        targets: targets::connected(&session),
        publish_targets: targets::published(&session),
        comparison: Vec::new(),
        latencies,
        series: std::mem::take(&mut session.sampler.series),
        latency_series: std::mem::take(&mut session.sampler.latencies),
        errors,
        machine,
    })
}

fn latency(session: &Session, measure: Measure) -> Option<Latency> {
    let from = |histogram: &Histogram<u64>| {
        (!histogram.is_empty())
            .then(|| Latency { name: measure.name().to_owned(), histogram: histogram.clone() })
    };
    // The publishers' handshakes are no figures of the run.
    let published = match measure {
        Measure::Acknowledge | Measure::SendDelay => from(session.published.histogram(measure)),
        _ => None,
    };
    published.or_else(|| from(session.stats.histogram(measure)))
}

/// Everything that is wrong in any mode.
pub(super) fn reasons(session: &Session) -> Vec<String> {
    let mut reasons = session.reasons.clone();
    reasons.extend(session.stats.findings.sentences());
    let (stats, published) = (&session.stats, &session.published);
    for (from, counter, what) in [
        (stats, Counter::Failed, "connections failed"),
        (stats, Counter::Dropped, "connections were dropped"),
        (stats, Counter::Unrecovered, "clients could not go on where they were"),
        (published, Counter::Dropped, "publishing streams were dropped"),
        (published, Counter::Refused, "publications were refused or not answered"),
        (published, Counter::Unsent, "publications could not be sent in time"),
    ] {
        let count = from.count(counter);
        if count > 0 {
            // What was not sent had no connection, or no time.
            let no_connection = (counter == Counter::Unsent).then_some(Counter::Failed);
            let why = from.main_error(counter).or_else(|| from.main_error(no_connection?));
            let why = why.map_or(String::new(), |why| format!(" ({why})"));
            reasons.push(format!("{count} {what}{why}"));
        }
    }
    // Many servers always answer with 202, so it says something only where messages were lost.
    let unheard = published.count(Counter::Unheard);
    if unheard > 0 && stats.findings.count(Kind::Lost) > 0 {
        reasons.push(format!(
            "{unheard} publications were answered with 202: nobody listens there. Are the target \
             and the publish URL the same channel of the same server?"
        ));
    }
    reasons
}

fn connections(session: &Session) -> Vec<Figure> {
    let count = |counter| session.stats.count(counter) as f64;
    let wanted = if session.setup.mode == "churn" { "at the same time at most" } else { "wanted" };
    let mut figures = vec![
        figure("Connections", wanted, f64::from(session.setup.connections), ""),
        figure("Connections", "connected", count(Counter::Connected), ""),
        figure("Connections", "failed", count(Counter::Failed), ""),
        figure("Connections", "dropped", count(Counter::Dropped), ""),
        figure("Connections", "open at the end", session.stats.open as f64, ""),
    ];
    if let Some(ramp) = session.ramp {
        figures.push(figure("Connections", "time to connect all", ramp.seconds, "s"));
        let rate = ramp.connected as f64 / ramp.seconds.max(1e-3);
        figures.push(figure("Connections", "connects per second", rate, "/s"));
    }
    let pings = session.stats.count(Counter::Pings);
    if pings > 0 {
        figures.push(figure("Connections", "pings answered", pings as f64, ""));
    }
    figures
}

/// Memory by connection, and what it is the memory of.
fn memory_figures(session: &Session, full: &MemoryNow) -> Vec<Figure> {
    let before = &session.memory_before;
    let mut figures = Vec::new();
    let mut add = |name: &str, now: u64, then: u64| {
        let grown = now as f64 - then as f64;
        figures.push(figure("Memory", format!("{name}, growth"), grown, "B"));
        if let Some(each) = per_connection(grown, full.open) {
            figures.push(figure("Memory", format!("{name}, per connection"), each, "B"));
        }
    };
    if let (Some(now), Some(then)) = (&full.server, &before.server) {
        add("server resident (RSS)", now.rss_bytes, then.rss_bytes);
        if now.pss_bytes > 0 {
            add("server proportional (PSS)", now.pss_bytes, then.pss_bytes);
            add("server private dirty", now.dirty_bytes, then.dirty_bytes);
        }
    }
    let (now, then) = (&full.kernel, &before.kernel);
    let ends = if session.setup.targets.are_loopback() { "both ends" } else { "our end" };
    add(&format!("kernel slab, {ends}"), now.slab_bytes, then.slab_bytes);
    add(&format!("kernel TCP buffers, {ends}"), now.tcp_bytes, then.tcp_bytes);
    add("client resident (RSS)", full.client.rss_bytes, before.client.rss_bytes);
    figures.push(figure("Memory", "TCP sockets in our namespace", now.tcp_sockets as f64, ""));
    // Processes of one server are in one namespace.
    if let Some(sockets) = session.setup.common.pid.first().copied().and_then(Kernel::sockets_of) {
        figures.push(figure("Memory", "TCP sockets in the server's", sockets as f64, ""));
    }
    for (name, count) in
        [("TCP sockets in TIME-WAIT", now.time_wait), ("TCP sockets of nobody", now.orphans)]
    {
        if count > 0 {
            figures.push(figure("Memory", name, count as f64, ""));
        }
    }
    figures
}

/// What each of the connections adds that were open when memory was measured. When they are gone,
/// as at the end of a churn, or only a few, the growth is of what is made once.
fn per_connection(grown: f64, open: u64) -> Option<f64> {
    const OPEN_MIN: u64 = 100;
    (open >= OPEN_MIN).then(|| grown / open as f64)
}

fn cpu(session: &Session) -> Vec<Figure> {
    let Some(window) = &session.window else { return Vec::new() };
    let mut figures = vec![figure("CPU", "measured for", window.seconds(), "s")];
    for thread in &window.client {
        figures.push(figure("CPU", format!("client {}", thread.name), thread.cpu, "cores"));
        if thread.waiting >= 0.01 {
            let name = format!("client {}, waiting for a core", thread.name);
            figures.push(figure("CPU", name, thread.waiting, "cores"));
        }
    }
    for thread in window.server.iter().flatten().take(4).filter(|thread| thread.cpu >= 0.005) {
        figures.push(figure("CPU", format!("server {}", thread.name), thread.cpu, "cores"));
    }
    if let Some(cpu_s) = window.server_cpu_s {
        let all = cpu_s / window.seconds().max(1e-3);
        figures.push(figure("CPU", "server, all threads", all, "cores"));
        if window.received > 0 {
            let each_us = cpu_s * 1e6 / window.received as f64;
            figures.push(figure("CPU", "server, per message received by us", each_us, "us"));
        }
        // In other modes the server has more to do meanwhile.
        let published = session.published.count(Counter::Sent);
        if session.setup.mode == "fanout" && published > 0 {
            let each_us = cpu_s * 1e6 / published as f64;
            figures.push(figure("CPU", "server, per publication", each_us, "us"));
        }
    }
    figures
}

pub(super) fn parameters(session: &Session, more: Vec<(String, String)>) -> Vec<(String, String)> {
    let setup = &session.setup;
    let common = &setup.common;
    let mut all: Vec<(String, String)> = [
        ("connections", setup.connections.to_string()),
        ("channels", common.channels.to_string()),
        ("channel", common.channel.clone()),
        ("connect-rate", common.connect_rate.to_string()),
        ("connecting-max", common.connecting_max.to_string()),
        ("connect-timeout", common.connect_timeout.to_string()),
        ("threads", common.threads.to_string()),
        ("plane", setup.plane_reason.clone()),
        ("sources", setup.targets.sources()),
        ("run", setup.run_name.clone()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    if !common.pid.is_empty() {
        let pids: Vec<String> = common.pid.iter().map(u32::to_string).collect();
        all.push(("pid".to_owned(), pids.join(",")));
    }
    if common.dialect != Dialect::Plain {
        all.push(("dialect".to_owned(), common.dialect.to_string()));
    }
    all.extend(more);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_divided_by_connections_that_are_there() {
        assert_eq!(per_connection(4e6, 10_000), Some(400.0));
        for open in [0, 1, 99] {
            assert_eq!(per_connection(4e6, open), None, "{open}");
        }
    }
}
