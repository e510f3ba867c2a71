//! `compare-transports`: the same messages to the same number of clients, by one way to listen after
//! another.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::Failure;
use super::figures;
use super::idle::DEFAULT_URL;
use super::limits::Window;
use super::places;
use super::publisher::{self, Publication};
use super::publishing;
use super::session::Session;
use super::setup::{self, Setup, client_targets, usage};
use super::targets;
use crate::cli::{CompareTransports, Span};
use crate::engine::clock::{NS_PER_MS, now_ns};
use crate::engine::stats::{Counter, Measure};
use crate::engine::{Dialect, Endpoint, pool};
use crate::machine::Machine;
use crate::mode::{Asking, Deliveries, Listeners, Terms, Transport};
use crate::publish::Schedule;
use crate::record::{Figure, Latency, Record, Row, TargetRow, Verdict, figure};
use crate::target::Template;
use crate::verify::{Excused, Findings, KINDS, Kind, Progress};

/// From the order to the first publication.
const LEAD_NS: u64 = 50 * NS_PER_MS;
/// For the threads to hand over what they have counted.
const SETTLE_NS: u64 = 100 * NS_PER_MS;
/// For the server to be done with the clients of one way before those of the next come.
const REST: Duration = Duration::from_millis(500);

/// What came of one way.
#[derive(Debug)]
struct Measured {
    row: Row,
    targets: Vec<TargetRow>,
    publish_targets: Vec<TargetRow>,
    latency: Option<Latency>,
    findings: Findings,
    reasons: Vec<String>,
    limited: Option<String>,
    errors: Vec<(String, u64)>,
    parameters: Vec<(String, String)>,
    interrupted: bool,
}

pub(super) fn run(options: &CompareTransports) -> Result<Record, Failure> {
    check(options)?;
    let started_unix_ms = super::session::unix_ms();
    let begun = Instant::now();
    let mut all: Vec<Measured> = Vec::new();
    for transport in &options.transports {
        if !all.is_empty() {
            thread::sleep(REST);
        }
        let measured = measure(options, *transport, begun.elapsed())?;
        let interrupted = measured.interrupted;
        all.push(measured);
        if interrupted {
            break;
        }
    }
    Ok(record(options, all, started_unix_ms, begun.elapsed()))
}

fn check(options: &CompareTransports) -> Result<(), Failure> {
    setup::positive("--rate", options.rate)?;
    if options.poll_interval.ms() == 0 {
        return Err(usage("--poll-interval must be above 0"));
    }
    if options.common.dialect != Dialect::Plain {
        return Err(usage("--dialect: --transports says what is compared, such as centrifuge"));
    }
    let channel = Template::strict(&options.common.channel).map_err(usage)?;
    if !channel.tells_runs_apart() {
        return Err(usage(
            "--channel: {run} must be in it, so that each transport has channels without the \
             messages of the one before",
        ));
    }
    Ok(())
}

/// One transport, from the first connect to the last message.
fn measure(
    options: &CompareTransports,
    transport: Transport,
    elapsed: Duration,
) -> Result<Measured, Failure> {
    let mut common = options.common.clone();
    common.time_limit = common.time_limit.map(|limit| limit.less(elapsed));
    let mut setup = Setup::new("compare-transports", &common, common.connections, DEFAULT_URL)?;
    let endpoint = endpoint(options, &setup, transport)?;
    let progress = Arc::new(Progress::new(common.channels, 1));
    let excused = Arc::new(Excused::default());
    let workers = listeners(options, &setup, (transport, &endpoint), &progress, &excused)?;
    let schedule = Schedule::open(common.channels, options.rate);
    let plan = Publication { schedule, left: u64::MAX, channels: common.channels };
    let publisher = publisher::spawn(&setup, &options.publish, plan, &progress, &excused)?;
    setup.targets = Arc::clone(&endpoint.targets);
    let expected = options.duration.ms() + options.publish.drain.ms();
    let expected = Span::from_secs(expected / 1_000 + 1);
    let mut session = Session::new(setup, workers, Some(publisher), Measure::Delivery, expected)?;
    // Connects and handshakes are a part of what a way costs.
    session.begin_window(now_ns());
    session.connect_all();
    session.require_publisher()?;
    let nobody = session.stats.count(Counter::Joined) == 0;
    if nobody && !session.is_interrupted() {
        let why = session.stats.main_error(Counter::Failed).unwrap_or("no answer").to_owned();
        session.stop()?;
        return Ok(unavailable(options, transport, why, &session));
    }
    let start_ns = now_ns() + LEAD_NS;
    session.setup.orders.work(start_ns, start_ns + options.duration.ns());
    let until_ns = Some(start_ns + options.duration.ns());
    session.wait(transport.name(), until_ns, |session| session.published.is_done);
    publishing::finish(&mut session, options.publish.drain, &progress);
    session.wait("settling", Some(now_ns() + SETTLE_NS), |_| false);
    session.end_window();
    let mut row = row(transport, &session);
    session.stop()?;
    row.figures.extend(verified(transport, &session));
    Ok(Measured { row, ..measured(options, transport, &session) })
}

/// Starts the threads of clients.
fn listeners(
    options: &CompareTransports,
    setup: &Setup,
    (transport, endpoint): (Transport, &Arc<Endpoint>),
    progress: &Arc<Progress>,
    excused: &Arc<Excused>,
) -> Result<Vec<pool::Thread>, Failure> {
    let common = &setup.common;
    let terms = Arc::new(Terms {
        asking: Asking {
            transport,
            targets: Arc::clone(&endpoint.targets),
            channel_names: setup.channel_names(common.channels),
            run_name: setup.run_name.clone(),
            headers: setup::headers("--header", &common.header)?,
            tokens: setup.endpoint.upgrade.as_ref().and_then(|upgrade| upgrade.tokens.clone()),
        },
        channels: common.channels,
        threads: common.threads,
        poll_interval_ns: options.poll_interval.ns(),
        answers_have_all: options.poll_answers == "all",
        orders: Arc::clone(&setup.orders),
    });
    let mut workers = Vec::new();
    for thread in 0..common.threads {
        let mut launch = setup.launch(thread);
        launch.endpoint = Arc::clone(endpoint);
        let targets = Arc::clone(&endpoint.targets);
        let (progress, excused) = (Arc::clone(progress), Arc::clone(excused));
        let deliveries = Deliveries::new(setup.run, targets, progress, excused);
        let ramp = setup.ramp(thread, setup.connections, common.connect_rate);
        workers.push(pool::spawn(launch, Listeners::new(Arc::clone(&terms), ramp, deliveries))?);
    }
    Ok(workers)
}

/// Where the clients of a way connect, and what they say first.
fn endpoint(
    options: &CompareTransports,
    setup: &Setup,
    transport: Transport,
) -> Result<Arc<Endpoint>, Failure> {
    let common = &setup.common;
    let urls = places::urls(options, &setup.targets, transport);
    let scheme = if transport.is_websocket() { "ws" } else { "http" };
    let upgrade = setup.endpoint.upgrade.clone();
    let upgrade = match transport {
        Transport::WebSocket => return Ok(Arc::clone(&setup.endpoint)),
        Transport::Centrifuge => {
            upgrade.map(|upgrade| upgrade.with_dialect(Dialect::Centrifuge, common.channels))
        }
        // TCP alone: the requests are the clients' own.
        _ => None,
    };
    let targets = Arc::new(client_targets(common, &urls, scheme, setup.connections)?);
    Ok(Arc::new(Endpoint { targets, upgrade }))
}

/// What one transport costs, and how old its messages are.
fn row(transport: Transport, session: &Session) -> Row {
    let name = transport.name();
    let count = |counter| session.stats.count(counter) as f64;
    let ages = session.stats.histogram(Measure::Delivery);
    let (received, sent) = (count(Counter::SocketIn), count(Counter::SocketOut));
    let mut figures = vec![
        figure(name, "clients", count(Counter::Joined), ""),
        figure(name, "requests", count(Counter::Requests), ""),
        figure(name, "received", received, "B"),
        figure(name, "sent", sent, "B"),
    ];
    if !ages.is_empty() {
        let each = (received + sent) / ages.len() as f64;
        figures.push(figure(name, "per delivery", each, "B"));
    }
    let window = session.window.as_ref();
    if let Some(cpu_s) = window.and_then(|window| window.server_cpu_s) {
        figures.push(figure(name, "server CPU", cpu_s, "s"));
    }
    if !ages.is_empty() {
        for (label, us) in [
            ("age p50", ages.value_at_percentile(50.0)),
            ("age p99", ages.value_at_percentile(99.0)),
            ("age max", ages.max()),
        ] {
            figures.push(figure(name, label, us as f64, "us"));
        }
    }
    Row { name, unavailable: None, figures }
}

/// What became of the messages.
fn verified(transport: Transport, session: &Session) -> Vec<Figure> {
    let name = transport.name();
    let findings = &session.stats.findings;
    let delivered = session.stats.histogram(Measure::Delivery).len();
    vec![
        figure(name, "delivered", delivered as f64, ""),
        figure(name, "lost", findings.count(Kind::Lost) as f64, ""),
        figure(name, "duplicated", findings.count(Kind::Duplicated) as f64, ""),
    ]
}

fn unavailable(
    options: &CompareTransports,
    transport: Transport,
    why: String,
    session: &Session,
) -> Measured {
    let row = Row { name: transport.name(), unavailable: Some(why), figures: Vec::new() };
    // That nobody was taken is in the row, and no failure of the others.
    Measured {
        row,
        reasons: Vec::new(),
        limited: None,
        errors: Vec::new(),
        ..measured(options, transport, session)
    }
}

/// Everything but the row, of a session that has been stopped.
fn measured(options: &CompareTransports, transport: Transport, session: &Session) -> Measured {
    let name = transport.name();
    let ages = session.stats.histogram(Measure::Delivery);
    let rate = ("rate", options.rate.to_string());
    let mut more = publishing::parameters(&options.publish, options.duration, rate);
    let transports: Vec<String> = options.transports.iter().map(ToString::to_string).collect();
    more.push(("transports".to_owned(), transports.join(",")));
    more.push(("poll-interval".to_owned(), options.poll_interval.to_string()));
    more.push(("poll-answers".to_owned(), options.poll_answers.clone()));
    let prefixed = |text: String| format!("{name}: {text}");
    let of_way = |row: TargetRow| TargetRow { name: format!("{name}, {}", row.name), ..row };
    let mut reasons = figures::reasons(session);
    if session.is_over_time() {
        reasons.push("the time limit was reached".to_owned());
    }
    let errors = session.stats.errors().into_iter().chain(session.published.errors());
    Measured {
        row: Row { name, unavailable: None, figures: Vec::new() },
        targets: targets::connected(session).into_iter().map(of_way).collect(),
        publish_targets: targets::published(session).into_iter().map(of_way).collect(),
        latency: (!ages.is_empty())
            .then(|| Latency { name: format!("{AGE}, {name}"), histogram: ages.clone() }),
        findings: session.stats.findings.clone(),
        reasons: reasons.into_iter().map(prefixed).collect(),
        limited: session.window.as_ref().and_then(Window::verdict).map(prefixed),
        errors: errors.map(|(error, count)| (prefixed(error), count)).collect(),
        parameters: figures::parameters(session, more),
        interrupted: session.is_interrupted(),
    }
}

/// What is timed.
const AGE: &str = "message age";

fn record(
    options: &CompareTransports,
    all: Vec<Measured>,
    started_unix_ms: u64,
    elapsed: Duration,
) -> Record {
    let interrupted = all.iter().any(|measured| measured.interrupted);
    let mut findings = Findings::default();
    let mut reasons = Vec::new();
    if all.iter().all(|measured| measured.row.unavailable.is_some()) {
        reasons.push("none of the transports is available".to_owned());
    }
    let mut record = Record {
        mode: "compare-transports",
        command: String::new(),
        server: None,
        target: if options.common.urls.is_empty() {
            DEFAULT_URL.to_owned()
        } else {
            options.common.urls.join(" ")
        },
        started_unix_ms,
        duration_s: elapsed.as_secs_f64(),
        interrupted,
        parameters: Vec::new(),
        verdict: Verdict::Passed,
        client_limited: None,
        summary: Vec::new(),
        targets: Vec::new(),
        publish_targets: Vec::new(),
        comparison: Vec::new(),
        latencies: Vec::new(),
        series: Vec::new(),
        latency_series: Vec::new(),
        errors: Vec::new(),
        machine: Machine::read(),
    };
    for mut measured in all {
        findings.merge(&measured.findings);
        reasons.append(&mut measured.reasons);
        record.client_limited = record.client_limited.or(measured.limited);
        record.parameters = measured.parameters;
        record.latencies.extend(measured.latency);
        record.errors.append(&mut measured.errors);
        record.targets.append(&mut measured.targets);
        record.publish_targets.append(&mut measured.publish_targets);
        record.comparison.push(measured.row);
    }
    // Each transport was a run with channels of its own.
    record.parameters.retain(|(name, _)| name != "run");
    record.errors.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let count = |kind: Kind| findings.count(kind) as f64;
    record.summary = KINDS.map(|kind| figure("Verification", kind.name(), count(kind), "")).into();
    if !reasons.is_empty() {
        record.verdict = Verdict::Failed(reasons);
    }
    record
}
