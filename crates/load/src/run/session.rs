//! The coordinator: starts the threads, waits for what is to happen, watches, and stops them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hdrhistogram::Histogram;
use signal_hook::consts::{SIGINT, SIGTERM};

use super::Failure;
use super::limits::Window;
use super::publisher::{PUBLISHER, Publishing};
use super::sampler::Sampler;
use super::setup::Setup;
use crate::cli::Span;
use crate::engine::clock::{NS_PER_MS, nanoseconds, now_ns, seconds};
use crate::engine::pool::Thread;
use crate::engine::stats::{Counter, Measure, Stats, histogram};
use crate::record::Snapshot;
use crate::report::live::Live;
use crate::target::Targets;
use crate::watch::Kernel;
use crate::watch::Memory;

/// Pause between two looks at the threads.
const LOOK: Duration = Duration::from_millis(20);
/// Pause between two snapshots for the view.
const TICK_NS: u64 = 200 * NS_PER_MS;
/// From here to the common begin of all threads.
const START_NS: u64 = 20 * NS_PER_MS;

/// Memory at one moment.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct MemoryNow {
    pub(super) server: Option<Memory>,
    pub(super) client: Memory,
    pub(super) kernel: Kernel,
    pub(super) open: u64,
}

/// How connecting went.
#[derive(Debug, Clone, Copy)]
pub(super) struct RampTime {
    pub(super) seconds: f64,
    pub(super) connected: u64,
}

/// A run under way.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) setup: Setup,
    workers: Vec<Thread>,
    publisher: Option<Thread>,
    /// Where publications go.
    pub(super) publish_targets: Option<Arc<Targets>>,
    /// What the workers measured, and the publishers.
    pub(super) stats: Stats,
    pub(super) published: Stats,
    /// The main latency since it was last taken.
    phase_latency: Histogram<u64>,
    pub(super) main: Measure,
    pub(super) sampler: Sampler,
    live: Option<Live>,
    interrupted: Arc<AtomicBool>,
    pub(super) start_ns: u64,
    pub(super) end_ns: u64,
    pub(super) started_unix_ms: u64,
    limit_ns: u64,
    next_tick_ns: u64,
    pub(super) memory_before: MemoryNow,
    pub(super) window: Option<Window>,
    /// The window goes on for as long as messages come.
    follows: bool,
    pub(super) ramp: Option<RampTime>,
    /// Why it did not pass.
    pub(super) reasons: Vec<String>,
}

impl Session {
    /// Takes over running threads. `expected` is how long the run should take without the ramp.
    pub(super) fn new(
        setup: Setup,
        workers: Vec<Thread>,
        publishing: Option<Publishing>,
        main: Measure,
        expected: Span,
    ) -> Result<Self, Failure> {
        let start_ns = now_ns();
        let (publisher, publish_targets) =
            publishing.map(|Publishing { thread, targets }| (thread, targets)).unzip();
        let tids = workers.iter().chain(&publisher).map(|thread| thread.tid).collect();
        let mut session = Self {
            sampler: Sampler::new(start_ns, &setup.common.pid, tids),
            live: Some(Live::new(setup.common.quiet)),
            limit_ns: start_ns + time_limit_ns(&setup, expected),
            setup,
            workers,
            publisher,
            publish_targets,
            stats: Stats::default(),
            published: Stats::default(),
            phase_latency: histogram(),
            main,
            interrupted: catch_signals()?,
            start_ns,
            end_ns: start_ns,
            started_unix_ms: unix_ms(),
            next_tick_ns: 0,
            memory_before: MemoryNow::default(),
            window: None,
            follows: false,
            ramp: None,
            reasons: Vec::new(),
        };
        session.memory_before = session.memory();
        session.sampler.sample(start_ns, &session.stats, 0);
        Ok(session)
    }

    /// Lets all threads connect, and waits until every connect has come to an end.
    pub(super) fn connect(&mut self) -> Result<(), Failure> {
        self.connect_all();
        if self.stats.count(Counter::Connected) == 0 && !self.is_interrupted() {
            let why = self.stats.main_error(Counter::Failed).unwrap_or("nothing happened");
            let why = format!("{}: no connection succeeded: {why}", self.setup.targets.urls());
            self.stop()?;
            return Err(Failure::Unavailable(why));
        }
        self.require_publisher()
    }

    /// As [`connect`](Self::connect), whatever comes of it.
    pub(super) fn connect_all(&mut self) {
        let begin_ns = now_ns() + START_NS;
        self.setup.orders.connect_from(begin_ns);
        self.wait("connecting", None, |session| session.stats.is_done);
        self.ramp = Some(RampTime {
            seconds: seconds(now_ns().saturating_sub(begin_ns)),
            connected: self.stats.count(Counter::Connected),
        });
    }

    /// Waits until publications can go out, if there are to be any.
    pub(super) fn require_publisher(&mut self) -> Result<(), Failure> {
        let patience_ns = self.setup.common.connect_timeout.ns();
        self.wait("connecting", Some(now_ns() + patience_ns), Self::publishers_are_ready);
        if self.publisher.is_some() && self.published.open == 0 && !self.is_interrupted() {
            let why = self.published.main_error(Counter::Failed).unwrap_or("nothing happened");
            let why = format!("the publisher: no connection succeeded: {why}");
            self.stop()?;
            return Err(Failure::Unavailable(why));
        }
        Ok(())
    }

    fn publishers_are_ready(&self) -> bool {
        // Of several that connect at the same time, the first to be refused is not the last word.
        let refused = self.published.error_count() > 0 && self.published.connecting == 0;
        self.publisher.is_none() || self.published.open > 0 || refused
    }

    /// Watches until `done`, or until a time, or until the run is over (Ctrl-C, the time limit).
    /// True when it was done.
    pub(super) fn wait(
        &mut self,
        phase: &'static str,
        until_ns: Option<u64>,
        done: impl Fn(&Self) -> bool,
    ) -> bool {
        let from_ns = now_ns();
        loop {
            let now_ns = now_ns();
            self.look(phase, now_ns, until_ns.map(|until_ns| (from_ns, until_ns)));
            if done(self) {
                return true;
            }
            if until_ns.is_some_and(|until_ns| now_ns >= until_ns) || self.is_over(now_ns) {
                return false;
            }
            thread::sleep(LOOK);
        }
    }

    /// As [`wait`](Self::wait), also after Ctrl-C: for what was begun to come to its end.
    pub(super) fn drain(&mut self, phase: &'static str, time: Span, done: impl Fn(&Self) -> bool) {
        let until_ns = now_ns() + time.ns();
        while now_ns() < until_ns && !self.a_thread_is_over() {
            self.look(phase, now_ns(), None);
            if done(self) {
                return;
            }
            thread::sleep(LOOK);
        }
    }

    /// Collects what the threads measured, and shows and notes it when it is time.
    fn look(&mut self, phase: &'static str, now_ns: u64, times: Option<(u64, u64)>) {
        self.collect();
        self.end_ns = now_ns;
        let sent = self.sent();
        self.sampler.sample(now_ns, &self.stats, sent);
        if now_ns < self.next_tick_ns {
            return;
        }
        self.next_tick_ns = now_ns + TICK_NS;
        if let Some(window) = self.window.as_mut().filter(|_| self.follows) {
            window.prolong(&self.stats);
        }
        let rates = self.sampler.look(now_ns, &self.stats, sent);
        let errors = self.stats.error_count() + self.stats.findings.total();
        let snapshot = Snapshot {
            phase,
            at_s: seconds(now_ns - self.start_ns),
            progress: times.map(|(from_ns, until_ns)| {
                (now_ns - from_ns) as f64 / (until_ns.saturating_sub(from_ns)).max(1) as f64
            }),
            connections_target: u64::from(self.setup.connections),
            connections_open: self.stats.open,
            connects_per_s: rates.connects,
            sent_per_s: rates.sent,
            received_per_s: rates.received,
            latency: self.sampler.last_latency,
            errors: errors + self.published.error_count(),
            error_example: self.error_example(),
            client_cpu: self.sampler.client_cpu,
            server_cpu: self.sampler.server_cpu,
            server_rss_bytes: self.sampler.server_rss_bytes,
        };
        if let Some(live) = &mut self.live {
            live.tick(&snapshot);
        }
    }

    fn sent(&self) -> u64 {
        self.stats.count(Counter::Sent) + self.published.count(Counter::Sent)
    }

    fn error_example(&self) -> Option<String> {
        let findings = self.stats.findings.sentences();
        let mut errors = self.stats.errors();
        errors.append(&mut self.published.errors());
        findings.into_iter().next().or_else(|| errors.into_iter().next().map(|(error, _)| error))
    }

    fn collect(&mut self) {
        let mut interval = Stats::default();
        interval.is_done = true;
        for worker in &self.workers {
            worker.shared.take(&mut interval);
        }
        let latencies = interval.histogram(self.main);
        if !latencies.is_empty() {
            self.sampler.add_latencies(latencies);
            let _ = self.phase_latency.add(latencies);
        }
        (self.stats.open, self.stats.connecting, self.stats.is_done) = (0, 0, true);
        self.stats.absorb(&mut interval);
        if let Some(publisher) = &self.publisher {
            let published = &mut self.published;
            (published.open, published.connecting, published.is_done) = (0, 0, true);
            publisher.shared.take(&mut self.published);
        }
    }

    /// The main latencies since the last call.
    pub(super) fn take_phase_latency(&mut self) -> Histogram<u64> {
        self.collect();
        std::mem::replace(&mut self.phase_latency, histogram())
    }

    /// The stretch of time begins over which CPU and rates are averaged.
    pub(super) fn begin_window(&mut self, begin_ns: u64) {
        self.collect();
        let tids = self.workers.iter().chain(&self.publisher).map(|thread| thread.tid).collect();
        self.window = Some(Window::begin(&self.setup.common.pid, tids, &self.stats, begin_ns));
    }

    /// It ends now, or when the last message has come that is still on its way.
    pub(super) fn end_window(&mut self) {
        self.collect();
        self.follows = true;
        if let Some(window) = &mut self.window {
            window.end(&self.stats);
            window.work_s = window.seconds();
        }
    }

    /// Memory of everyone, now.
    pub(super) fn memory(&mut self) -> MemoryNow {
        self.collect();
        MemoryNow {
            server: Memory::of_all(&self.setup.common.pid),
            client: Memory::read("self"),
            kernel: Kernel::read(),
            open: self.stats.open,
        }
    }

    /// Stops and joins the threads.
    pub(super) fn stop(&mut self) -> Result<(), Failure> {
        if self.workers.is_empty() {
            return Ok(());
        }
        if let Some(live) = self.live.take() {
            live.finish();
        }
        self.collect();
        let sent = self.sent();
        self.sampler.finish(now_ns(), &self.stats, sent);
        self.setup.orders.stop();
        let threads: Vec<Thread> = self.workers.drain(..).chain(self.publisher.take()).collect();
        let shared: Vec<_> = threads.iter().map(|thread| Arc::clone(&thread.shared)).collect();
        let is_publisher: Vec<_> = threads.iter().map(|thread| thread.name == PUBLISHER).collect();
        let mut outcome = Ok(());
        for thread in threads {
            outcome = outcome.and(thread.join());
        }
        self.stats.open = 0;
        for (shared, is_publisher) in shared.iter().zip(is_publisher) {
            shared.take(if is_publisher { &mut self.published } else { &mut self.stats });
        }
        Ok(outcome?)
    }

    pub(super) fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Acquire)
    }

    pub(super) fn is_over_time(&self) -> bool {
        self.end_ns >= self.limit_ns
    }

    fn is_over(&self, now_ns: u64) -> bool {
        self.is_interrupted() || now_ns >= self.limit_ns || self.a_thread_is_over()
    }

    fn a_thread_is_over(&self) -> bool {
        self.workers.iter().chain(&self.publisher).any(Thread::is_over)
    }
}

/// Milliseconds since 1970.
pub(super) fn unix_ms() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or_default()
}

/// Unless it was given: four times what the ramp should take, and what follows, and two minutes.
fn time_limit_ns(setup: &Setup, expected: Span) -> u64 {
    const SPARE: Span = Span::from_secs(120);
    if let Some(limit) = setup.common.time_limit {
        return limit.ns();
    }
    let ramp_s = f64::from(setup.connections) / setup.common.connect_rate;
    nanoseconds(ramp_s * 4.0) + expected.ns() + SPARE.ns()
}

/// The first SIGINT or SIGTERM ends the run with a report, a second one ends the program.
fn catch_signals() -> Result<Arc<AtomicBool>, Failure> {
    let interrupted = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        let flag = Arc::clone(&interrupted);
        signal_hook::flag::register_conditional_shutdown(signal, 1, flag)?;
        signal_hook::flag::register(signal, Arc::clone(&interrupted))?;
    }
    Ok(interrupted)
}
