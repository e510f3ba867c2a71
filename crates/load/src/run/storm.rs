//! `storm`: drop everyone at once, see how long it takes until they are back, and what the
//! survivors notice.

use std::ops::Range;
use std::sync::Arc;

use switchboard_plane::Close;

use super::Failure;
use super::figures::{self, Extra};
use super::idle::DEFAULT_URL;
use super::publisher::{self, Publication};
use super::publishing;
use super::session::Session;
use super::setup::{self, Setup};
use crate::cli::{Span, Storm};
use crate::engine::clock::{NS_PER_MS, now_ns};
use crate::engine::pool::{self, Launch, Thread};
use crate::engine::stats::{Counter, Measure};
use crate::engine::{Dialect, Ramp};
use crate::mode::{Rules, Subscribers};
use crate::publish::Schedule;
use crate::record::{Figure, Latency, Record, figure};
use crate::verify::{Excused, Progress};
use crate::watch::Threads;

/// From the order to the first publication.
const LEAD_NS: u64 = 50 * NS_PER_MS;

pub(super) fn run(options: &Storm) -> Result<Record, Failure> {
    let common = &options.common;
    setup::positive("--rate", options.rate)?;
    let connections = common.connections.saturating_add(options.survivors);
    let setup = Setup::new("storm", common, connections, DEFAULT_URL)?;
    let channels = common.channels + u32::from(options.survivors > 0);
    let progress = Arc::new(Progress::new(channels, 1));
    let excused = Arc::new(Excused::default());
    let returning_max = options.returning_max.unwrap_or(common.connecting_max);
    let rules = Rules {
        run: setup.run,
        targets: Arc::clone(&setup.targets),
        channels: common.channels,
        survivors: options.survivors,
        verify: true,
        slow_percent: 0,
        slow_bytes_per_s: 0,
        backoff: options.backoff,
        returning_max: returning_max.div_ceil(common.threads) as usize,
        drop: if options.drop == "fin" { Close::Fin } else { Close::Reset },
        progress: Arc::clone(&progress),
        excused: Arc::clone(&excused),
        orders: Arc::clone(&setup.orders),
    };
    let workers = workers(&setup, rules)?;
    let publisher = if options.survivors > 0 {
        // The survivors' channel is the first one.
        let schedule = Schedule::open(1, options.rate);
        let plan = Publication { schedule, left: u64::MAX, channels: 1 };
        Some(publisher::spawn(&setup, &options.publish, plan, &progress, &excused)?)
    } else {
        None
    };
    let longest = Span::from_secs((2 * options.hold.ms() + options.recovery_max.ms()) / 1_000 + 1);
    let mut session = Session::new(setup, workers, publisher, Measure::Delivery, longest)?;
    session.connect()?;
    let full = session.memory();
    let (latencies, back_figures) = storm(&mut session, options);
    publishing::finish(&mut session, options.publish.drain, &progress);
    session.stop()?;
    let mut figures = back_figures;
    if options.survivors > 0 {
        figures.extend(publishing::deliveries(&session, &progress));
    }
    let rate = ("rate", options.rate.to_string());
    let mut parameters = publishing::parameters(&options.publish, options.hold, rate);
    for (name, value) in [
        ("survivors", options.survivors.to_string()),
        ("backoff", options.backoff.to_string()),
        ("returning-max", returning_max.to_string()),
        ("drop", options.drop.clone()),
        ("recovery-max", options.recovery_max.to_string()),
    ] {
        parameters.push((name.to_owned(), value));
    }
    let extra = Extra {
        figures,
        latencies,
        parameters,
        memory: Some(full),
        verified: true,
        ..Extra::default()
    };
    figures::record(session, extra)
}

/// The threads: those of the clients that are dropped, and one of the survivors alone. On a thread
/// with the others they would wait for its connects, and their latency would not be the server's.
fn workers(setup: &Setup, rules: Rules) -> Result<Vec<Thread>, Failure> {
    let rules = Arc::new(rules);
    let common = &setup.common;
    let (survivors, threads) = (rules.survivors, common.threads);
    let ramp = |which, numbers: Range<u32>| {
        let share = f64::from(numbers.end - numbers.start) / f64::from(setup.connections);
        Ramp::new(which, numbers, common.connect_rate * share, common.connecting_max)
    };
    let mut workers = Vec::new();
    for thread in 0..threads {
        let ramp = ramp((thread, threads), survivors..setup.connections);
        let job = Subscribers::new(Arc::clone(&rules), ramp);
        workers.push(pool::spawn(setup.launch(thread), job)?);
    }
    if survivors > 0 {
        let job = Subscribers::new(rules, ramp((0, 1), 0..survivors));
        let launch = Launch { name: "load-survivors".to_owned(), ..setup.launch(threads) };
        workers.push(pool::spawn(launch, job)?);
    }
    Ok(workers)
}

/// Before, the drop, during, after.
fn storm(session: &mut Session, options: &Storm) -> (Vec<Latency>, Vec<Figure>) {
    let mut latencies = Vec::new();
    let mut part = |session: &mut Session, name: &str| {
        let histogram = session.take_phase_latency();
        if !histogram.is_empty() {
            latencies.push(Latency { name: format!("survivors, {name}"), histogram });
        }
    };
    let wanted = session.stats.open.saturating_sub(u64::from(options.survivors));
    let start_ns = now_ns() + LEAD_NS;
    session.begin_window(start_ns);
    session.setup.orders.work(start_ns, u64::MAX);
    session.wait("before", Some(start_ns + options.hold.ns()), |_| false);
    part(session, "before the drop");
    let failed_before = session.stats.count(Counter::Failed);
    let server_before = Threads::of_all(&session.setup.common.pid);
    session.setup.orders.drop_all();
    let all_back =
        session.wait("returning", Some(now_ns() + options.recovery_max.ns()), |session| {
            session.stats.count(Counter::Back) >= wanted
        });
    let server_now = Threads::of_all(&session.setup.common.pid);
    let server_cpu_s =
        server_now.zip(server_before).map(|(now, before)| now.cpu_seconds_since(&before));
    part(session, "until all are back");
    session.wait("after", Some(now_ns() + options.hold.ns()), |_| false);
    part(session, "after");
    let back = session.stats.count(Counter::Back);
    if !all_back && !session.is_interrupted() {
        session
            .reasons
            .push(format!("only {back} of {wanted} were back after {}", options.recovery_max));
    }
    let retries = session.stats.count(Counter::Failed) - failed_before;
    let mut figures = returned(session, wanted, back, retries);
    let server_cpu = |cpu_s| figure("Storm", "server CPU until all are back", cpu_s, "s");
    figures.extend(server_cpu_s.map(server_cpu));
    (latencies, figures)
}

/// How long it took until a part of them was back.
fn returned(session: &Session, wanted: u64, back: u64, retries: u64) -> Vec<Figure> {
    let times = session.stats.histogram(Measure::Back);
    let mut figures = vec![
        figure("Storm", "dropped", wanted as f64, ""),
        figure("Storm", "back", back as f64, ""),
        figure("Storm", "connects that failed meanwhile", retries as f64, ""),
    ];
    if session.setup.common.dialect == Dialect::Centrifuge {
        let count = |counter| session.stats.count(counter) as f64;
        figures.push(figure("Storm", "went on where they were", count(Counter::Recovered), ""));
        figures.push(figure("Storm", "could not", count(Counter::Unrecovered), ""));
    }
    for percent in [50_u64, 95, 100] {
        let needed = (wanted * percent).div_ceil(100);
        if needed == 0 || back < needed {
            continue;
        }
        let us = times.value_at_quantile(needed as f64 / back as f64);
        figures.push(figure("Storm", format!("{percent} % back after"), us as f64 / 1e6, "s"));
    }
    figures
}
