//! What was asked and told, as numbers.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, NoLabelSet};
use prometheus_client::metrics::histogram::Histogram;
use serde_json::{Map, Value, json};
use switchboard_api::{Kind, Metric, Unit};
use switchboard_hooks::{Hook, Refusal, Verdict};

use super::call::Failure;
use crate::metrics::name::{kind, stem, unit};

const ASKED: Metric = Metric::counter("hook_asked", "Questions that shards had for the backend.");
const REFUSED: Metric = Metric::counter(
    "hook_refused",
    "Questions to which the backend said no, by `answer`: `error` or `disconnect`.",
);
const FAILED: Metric = Metric::counter(
    "hook_failed",
    "Questions without an answer, by `reason`: `queue` (too many waited), `breaker` (the backend is left \
     alone after failures), `timeout`, `connection`, `status` (not 200) or `garbage` (not what it must be).",
);
const OPEN: Metric = Metric::gauge(
    "hook_breaker_open",
    "1 while the backend is left alone after failures, but for one question at a time.",
);
const TIME: Metric = Metric::histogram(
    "hook",
    "Time from a question of a shard to its verdict, waiting and a second try included.",
)
.in_unit(Unit::Seconds);

/// Those of each hook, which have the label `hook`.
pub const HOOK_METRICS: &[Metric] = &[ASKED, REFUSED, FAILED, OPEN, TIME];

const SENT: Metric = Metric::counter("events_sent", "Events that the backend has taken.");
const DROPPED: Metric = Metric::counter(
    "events_dropped",
    "Events that the backend was not told: too many waited, it refused them (status 4xx), or the server \
     stopped.",
);
const QUEUED: Metric = Metric::gauge("events_queued", "Events that wait to be told.");

/// Those of events.
pub(crate) const EVENT_METRICS: &[Metric] = &[SENT, DROPPED, QUEUED];

const BOUNDS_S: [f64; 12] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

const ANSWERS: [&str; 2] = ["error", "disconnect"];
const REASONS: [&str; 6] = ["queue", "breaker", "timeout", "connection", "status", "garbage"];

/// How often at most the log says that a backend fails.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// The numbers of one hook.
#[derive(Debug)]
pub(super) struct AskStats {
    asked: AtomicU64,
    refused: [AtomicU64; ANSWERS.len()],
    failed: [AtomicU64; REASONS.len()],
    is_open: AtomicBool,
    time: Histogram,
    log: FailureLog,
}

impl Default for AskStats {
    fn default() -> Self {
        Self {
            asked: AtomicU64::default(),
            refused: Default::default(),
            failed: Default::default(),
            is_open: AtomicBool::default(),
            time: Histogram::new(BOUNDS_S),
            log: FailureLog::default(),
        }
    }
}

impl AskStats {
    pub(super) fn asked(&self) {
        add(&self.asked, 1);
    }

    pub(super) fn set_open(&self, is_open: bool) {
        self.is_open.store(is_open, Ordering::Relaxed);
    }

    /// A question has its verdict.
    pub(super) fn answered(&self, verdict: &Verdict, after: Duration) {
        self.time.observe(after.as_secs_f64());
        match verdict {
            Err(Refusal::Error { .. }) => add(&self.refused[0], 1),
            Err(Refusal::Disconnect { .. }) => add(&self.refused[1], 1),
            Ok(_) | Err(Refusal::Unavailable) => {}
        }
    }

    /// A question has no answer.
    pub(super) fn failed(&self, hook: Hook, failure: &Failure) {
        let reason = match failure {
            Failure::Queue => 0,
            Failure::Breaker => 1,
            Failure::Timeout => 2,
            Failure::NotConnected(_) | Failure::Broken(_) => 3,
            Failure::Status(_) => 4,
            Failure::Garbage(_) => 5,
        };
        add(&self.failed[reason], 1);
        if !matches!(failure, Failure::Queue | Failure::Breaker) {
            self.log.say(hook.name(), failure);
        }
    }

    fn json(&self) -> Value {
        let mut all = Map::new();
        all.insert("asked".to_owned(), get(&self.asked).into());
        let refused = ANSWERS.iter().map(|answer| format!("refused_{answer}")).zip(&self.refused);
        let failed = REASONS.iter().map(|reason| format!("failed_{reason}")).zip(&self.failed);
        all.extend(refused.chain(failed).map(|(name, count)| (name, get(count).into())));
        all.into()
    }
}

/// Says that a backend fails, but not each time.
#[derive(Debug, Default)]
pub(super) struct FailureLog(Mutex<Option<Instant>>);

impl FailureLog {
    pub(super) fn say(&self, hook: &str, failure: &Failure) {
        let Ok(mut last) = self.0.lock() else {
            return;
        };
        if last.is_none_or(|last| last.elapsed() >= LOG_EVERY) {
            *last = Some(Instant::now());
            tracing::warn!("hook {hook}: the backend fails: {}", failure.describe());
        }
    }
}

/// The numbers of events.
#[derive(Debug, Default)]
pub(super) struct TellStats {
    pub(super) sent: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) queued: AtomicU64,
}

/// The numbers of all backends, none by default.
#[derive(Clone, Debug, Default)]
pub struct HookStats {
    pub(super) asked: Vec<(Hook, Arc<AskStats>)>,
    pub(super) told: Option<Arc<TellStats>>,
}

impl HookStats {
    /// For `/counters`: an object for each hook; none without hooks.
    pub(crate) fn json(&self) -> Option<Value> {
        let mut all: Map<String, Value> =
            self.asked.iter().map(|(hook, stats)| (hook.name().to_owned(), stats.json())).collect();
        if let Some(told) = &self.told {
            let events = json!({
                "sent": get(&told.sent), "dropped": get(&told.dropped), "queued": get(&told.queued),
            });
            all.insert("events".to_owned(), events);
        }
        (!all.is_empty()).then_some(Value::Object(all))
    }

    fn encode_by(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        metric: &Metric,
        label: &str,
        names: &[&str],
        counts: impl Fn(&AskStats) -> &[AtomicU64],
    ) -> fmt::Result {
        let name = stem(metric);
        let mut family = encoder.encode_descriptor(&name, metric.help, None, kind(metric))?;
        for (hook, stats) in &self.asked {
            for (name, count) in names.iter().zip(counts(stats)) {
                let labels = [("hook", hook.name()), (label, *name)];
                let series = family.encode_family(&labels)?;
                encode_number(series, metric.kind, get(count))?;
            }
        }
        Ok(())
    }

    fn encode_each(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        metric: &Metric,
        value: impl Fn(&AskStats) -> u64,
    ) -> fmt::Result {
        let name = stem(metric);
        let mut family = encoder.encode_descriptor(&name, metric.help, None, kind(metric))?;
        for (hook, stats) in &self.asked {
            encode_number(
                family.encode_family(&[("hook", hook.name())])?,
                metric.kind,
                value(stats),
            )?;
        }
        Ok(())
    }
}

impl Collector for HookStats {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        if !self.asked.is_empty() {
            self.encode_each(&mut encoder, &ASKED, |stats| get(&stats.asked))?;
            self.encode_by(&mut encoder, &REFUSED, "answer", &ANSWERS, |stats| &stats.refused)?;
            self.encode_by(&mut encoder, &FAILED, "reason", &REASONS, |stats| &stats.failed)?;
            self.encode_each(&mut encoder, &OPEN, |stats| {
                u64::from(stats.is_open.load(Ordering::Relaxed))
            })?;
            let (name, unit) = (stem(&TIME), unit(&TIME));
            let mut family =
                encoder.encode_descriptor(&name, TIME.help, unit.as_ref(), kind(&TIME))?;
            for (hook, stats) in &self.asked {
                stats.time.encode(family.encode_family(&[("hook", hook.name())])?)?;
            }
        }
        let Some(told) = &self.told else {
            return Ok(());
        };
        for (metric, count) in
            [(SENT, &told.sent), (DROPPED, &told.dropped), (QUEUED, &told.queued)]
        {
            let name = stem(&metric);
            let series = encoder.encode_descriptor(&name, metric.help, None, kind(&metric))?;
            encode_number(series, metric.kind, get(count))?;
        }
        Ok(())
    }
}

fn encode_number(
    mut series: prometheus_client::encoding::MetricEncoder<'_>,
    kind: Kind,
    value: u64,
) -> fmt::Result {
    match kind {
        Kind::Counter => series.encode_counter::<NoLabelSet, u64, f64>(&value, None),
        _ => series.encode_gauge(&value),
    }
}

pub(super) fn add(count: &AtomicU64, more: u64) {
    count.fetch_add(more, Ordering::Relaxed);
}

fn get(count: &AtomicU64) -> u64 {
    count.load(Ordering::Relaxed)
}
