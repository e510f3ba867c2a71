//! `fanout` and `slow`: publish to subscribers and check every delivery.

use std::sync::Arc;

use switchboard_plane::Close;

use super::Failure;
use super::figures::{self, Extra};
use super::idle::DEFAULT_URL;
use super::publisher::{self, Publication};
use super::session::Session;
use super::setup::{self, Setup, usage};
use crate::cli::{Fanout, Publish, Slow, Span};
use crate::engine::clock::{NS_PER_MS, now_ns};
use crate::engine::pool::{self, Thread};
use crate::engine::stats::{Counter, Measure};
use crate::mode::{Backoff, Rules, Subscribers};
use crate::publish::{STREAM_MESSAGES_MAX, Schedule};
use crate::record::{Figure, Record, figure};
use crate::verify::{Excused, Progress};

/// Publications in flight in all channels together.
const UNDER_WAY_MAX: u64 = 1 << 24;
/// For the slow ones to read what waits for them, and to see whether the server closed them.
const RELEASE: Span = Span::from_secs(2);
/// From the order to the first publication.
const LEAD_NS: u64 = 50 * NS_PER_MS;

pub(super) fn fanout(options: &Fanout) -> Result<Record, Failure> {
    let common = &options.common;
    setup::positive("--rate", options.rate)?;
    if options.window.is_some() && options.publish.publish_batch.is_some() {
        return Err(usage(
            "--publish-batch needs --in-flight or --rate: with --window none is full",
        ));
    }
    let window = options.window.unwrap_or(1);
    if u64::from(common.channels) * u64::from(window) > UNDER_WAY_MAX {
        return Err(usage("--window: that are too many publications under way for this tool"));
    }
    let (schedule, load) = load(options)?;
    let setup = Setup::new("fanout", common, common.connections, DEFAULT_URL)?;
    let work = Work {
        schedule,
        left: options.publications.unwrap_or(u64::MAX),
        duration: options.duration,
        window,
        slow_percent: 0,
        slow_bytes_per_s: 0,
    };
    publish_and_check(setup, &options.publish, work, load)
}

/// When publications go out, and the setting that says so.
fn load(options: &Fanout) -> Result<(Schedule, (&'static str, String)), Failure> {
    let (channels, connections) = (options.common.channels, options.common.connections);
    let (flag, schedule, setting) = match (options.window, options.in_flight) {
        (Some(window), _) => ("window", Schedule::closed(channels, window), window.to_string()),
        (None, Some(in_flight)) => {
            check_in_flight(in_flight, channels, &options.publish)?;
            ("in-flight", Schedule::in_flight(channels, in_flight), in_flight.to_string())
        }
        (None, None) => {
            let schedule = Schedule::open(channels, options.rate);
            return Ok((schedule, ("rate", options.rate.to_string())));
        }
    };
    if channels > connections {
        return Err(usage(format!(
            "--{flag}: every channel needs a subscriber, so --channels must not be more than \
             --connections"
        )));
    }
    Ok((schedule, (flag, setting)))
}

/// A channel has at most one publication in flight, a connection as many requests or messages as it
/// may have unanswered, and a batch goes out when it is full.
fn check_in_flight(in_flight: u32, channels: u32, publish: &Publish) -> Result<(), Failure> {
    if in_flight > channels {
        return Err(usage(format!(
            "--in-flight: a channel has one publication in flight at most, so {in_flight} need as \
             many --channels"
        )));
    }
    if !publish.publish_ws.is_empty() {
        return Ok(());
    }
    let streams = !publish.publish_stream.is_empty();
    let urls = if streams { &publish.publish_stream } else { &publish.publish_url };
    let publishers = match urls.len() {
        1 => format!("{} --publishers", publish.publishers),
        several => format!("{} --publishers at each of {several} URLs", publish.publishers),
    };
    let (batch, each) = (publish.publish_batch.unwrap_or(1), unanswered_max(publish));
    let full = u64::from(publish.publishers) * urls.len() as u64 * u64::from(batch);
    let room = full * u64::from(each);
    if u64::from(in_flight) > room {
        let each = if streams {
            format!("{each} messages on each stream")
        } else {
            format!("a --pipeline of {each}")
        };
        return Err(usage(format!(
            "--in-flight: {publishers} with {each} have {room} publications in flight at most"
        )));
    }
    if u64::from(in_flight) < full && publish.publish_batch.is_some() {
        return Err(usage(format!(
            "--in-flight: {publishers} with a --publish-batch of {batch} need {full} at least, or \
             a batch is never full"
        )));
    }
    Ok(())
}

/// Requests or messages under way on one connection.
fn unanswered_max(publish: &Publish) -> u32 {
    if publish.publish_stream.is_empty() { publish.pipeline } else { STREAM_MESSAGES_MAX }
}

pub(super) fn slow(options: &Slow) -> Result<Record, Failure> {
    let common = &options.common;
    setup::positive("--rate", options.rate)?;
    let setup = Setup::new("slow", common, common.connections, DEFAULT_URL)?;
    let work = Work {
        schedule: Schedule::open(common.channels, options.rate),
        left: u64::MAX,
        duration: options.duration,
        window: 1,
        slow_percent: options.slow_percent,
        slow_bytes_per_s: options.slow_bytes_per_second,
    };
    publish_and_check(setup, &options.publish, work, ("rate", options.rate.to_string()))
}

/// What is to be done.
#[derive(Debug)]
struct Work {
    schedule: Schedule,
    left: u64,
    duration: Span,
    /// Publications in flight in each channel at most, if that is bounded.
    window: u32,
    slow_percent: u32,
    slow_bytes_per_s: u64,
}

fn publish_and_check(
    setup: Setup,
    publish: &Publish,
    work: Work,
    load: (&str, String),
) -> Result<Record, Failure> {
    let channels = setup.common.channels;
    let progress = Arc::new(Progress::new(channels, work.window));
    let excused = Arc::new(Excused::default());
    let rules = Rules {
        run: setup.run,
        targets: Arc::clone(&setup.targets),
        channels,
        survivors: 0,
        verify: true,
        slow_percent: work.slow_percent,
        slow_bytes_per_s: work.slow_bytes_per_s,
        backoff: Backoff::None,
        returning_max: 0,
        drop: Close::Reset,
        progress: Arc::clone(&progress),
        excused: Arc::clone(&excused),
        orders: Arc::clone(&setup.orders),
    };
    let workers = subscribers(&setup, rules)?;
    let (duration, is_slow) = (work.duration, work.slow_percent > 0);
    let plan = Publication { schedule: work.schedule, left: work.left, channels };
    let publisher = publisher::spawn(&setup, publish, plan, &progress, &excused)?;
    let expected = Span::from_secs((duration.ms() + publish.drain.ms()) / 1_000 + 1);
    let mut session = Session::new(setup, workers, Some(publisher), Measure::Delivery, expected)?;
    session.connect()?;
    let full = session.memory();
    let start_ns = now_ns() + LEAD_NS;
    session.begin_window(start_ns);
    session.setup.orders.work(start_ns, start_ns + duration.ns());
    session.wait("publishing", Some(start_ns + duration.ns()), |session| session.published.is_done);
    let after = session.memory();
    finish(&mut session, publish.drain, &progress);
    if is_slow {
        session.setup.orders.release_slow();
        session.drain("slow read on", RELEASE, |session| session.stats.open == 0);
    }
    session.stop()?;
    let mut figures = deliveries(&session, &progress);
    if is_slow {
        figures.extend(held_for_slow(&session, &full, &after));
    }
    let extra = Extra {
        figures,
        memory: Some(full),
        verified: true,
        parameters: parameters(publish, duration, load),
        ..Extra::default()
    };
    figures::record(session, extra)
}

/// Ends publishing, and waits for answers and stragglers.
pub(super) fn finish(session: &mut Session, drain: Span, progress: &Progress) {
    session.setup.orders.end_work(now_ns());
    session.end_window();
    let everything = |session: &Session| {
        let (published, completed) = progress.totals();
        session.published.is_done && completed >= published
    };
    session.drain("draining", drain, everything);
    session.setup.orders.abandon();
    session.drain("draining", Span::from_secs(1), |session| session.published.is_done);
}

/// Starts the threads of subscribers.
pub(super) fn subscribers(setup: &Setup, rules: Rules) -> Result<Vec<Thread>, Failure> {
    let rules = Arc::new(rules);
    let mut workers = Vec::new();
    for thread in 0..setup.common.threads {
        let ramp = setup.ramp(thread, setup.connections, setup.common.connect_rate);
        let job = Subscribers::new(Arc::clone(&rules), ramp);
        workers.push(pool::spawn(setup.launch(thread), job)?);
    }
    Ok(workers)
}

/// Counts and rates of deliveries.
pub(super) fn deliveries(session: &Session, progress: &Progress) -> Vec<Figure> {
    let count = |counter| session.published.count(counter) as f64;
    let (published, completed) = progress.totals();
    let delivered = session.stats.histogram(Measure::Delivery).len() as f64;
    let mut figures = vec![
        figure("Publications", "sent", count(Counter::Sent), ""),
        figure("Publications", "acknowledged", count(Counter::Acknowledged), ""),
        figure("Publications", "refused or unanswered", count(Counter::Refused), ""),
        figure("Publications", "delivered to everyone", completed.min(published) as f64, ""),
        figure("Deliveries", "delivered", delivered, ""),
        figure("Deliveries", "payload", session.stats.count(Counter::ReceivedBytes) as f64, "B"),
    ];
    if session.published.count(Counter::Unheard) > 0 {
        let name = "answered with 202, nobody listens";
        figures.push(figure("Publications", name, count(Counter::Unheard), ""));
    }
    if let Some(window) = &session.window {
        let seconds = window.seconds().max(1e-3);
        let per_s = count(Counter::Sent) / window.work_s.max(1e-3);
        figures.push(figure("Publications", "per second", per_s, "/s"));
        figures.push(figure("Deliveries", "per second", window.received as f64 / seconds, "/s"));
    }
    figures.sort_by_key(|figure| figure.group != "Publications");
    figures
}

/// What the kernel holds for subscribers that do not read, and what the server does.
fn held_for_slow(
    session: &Session,
    before: &super::session::MemoryNow,
    after: &super::session::MemoryNow,
) -> Vec<Figure> {
    let setup = &session.setup;
    let grown = |now: u64, then: u64| now as f64 - then as f64;
    let (now, then) = (&after.kernel, &before.kernel);
    let mut figures = vec![
        figure("Slow", "closed by the server", session.stats.count(Counter::SlowClosed) as f64, ""),
        figure("Slow", "kernel TCP buffers, growth", grown(now.tcp_bytes, then.tcp_bytes), "B"),
        figure("Slow", "kernel slab, growth", grown(now.slab_bytes, then.slab_bytes), "B"),
    ];
    if let (Some(now), Some(then)) = (&after.server, &before.server) {
        let bytes = grown(now.rss_bytes, then.rss_bytes);
        figures.push(figure("Slow", "server resident (RSS), growth", bytes, "B"));
    }
    let open = f64::from(setup.connections);
    figures.push(figure("Slow", "subscribers in all", open, ""));
    figures
}

/// The settings of publishing.
pub(super) fn parameters(
    publish: &Publish,
    duration: Span,
    (name, value): (&str, String),
) -> Vec<(String, String)> {
    let by = match (&publish.publish_ws[..], &publish.publish_stream[..]) {
        ([], []) => format!("{} {}", publish.publish_method, publish.publish_url.join(" ")),
        ([], urls) => format!("stream {}", urls.join(" ")),
        ([url], _) if url.is_empty() => "WebSocket, to the target".to_owned(),
        (urls, _) => urls.join(" "),
    };
    let mut all: Vec<(String, String)> = [
        ("publish", by),
        ("publish-body", publish.body().to_owned()),
        ("publishers", publish.publishers.to_string()),
        ("pipeline", unanswered_max(publish).to_string()),
        ("size", publish.size.to_string()),
        ("duration", duration.to_string()),
        ("drain", publish.drain.to_string()),
        (name, value),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    if let Some(batch) = publish.publish_batch {
        all.push(("publish-batch".to_owned(), batch.to_string()));
    }
    all
}
