//! Events to the backend that wants them: in their order, in batches, at least once.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use switchboard_hooks::{Debounce, Event, batch_body};
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use super::call::{Failure, ms_since, request};
use super::config::EventsConfig;
use super::stats::{FailureLog, TellStats, add};
use crate::client::{Connector, HttpClient};

/// Takes the events of all shards to the backend.
#[derive(Debug)]
pub(super) struct Teller {
    config: Arc<EventsConfig>,
    stats: Arc<TellStats>,
    /// Bounded by the number of those that wait.
    events: UnboundedSender<Vec<Event>>,
    stopping: watch::Sender<bool>,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// Events in one request.
const BATCH_MAX: usize = 1_000;
/// The answer says nothing but its status.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// How long before a batch is sent again: at first, and at most. Each time it doubles.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));
/// How often it is looked whether a channel has been held back long enough.
const TICK: Duration = Duration::from_millis(50);

impl Teller {
    pub(super) fn start(config: EventsConfig, connector: &Connector, runtime: &Handle) -> Self {
        let (config, stats) = (Arc::new(config), Arc::new(TellStats::default()));
        let (events, told) = unbounded_channel();
        let (stopping, is_stopping) = watch::channel(false);
        let debounce_ms = u64::try_from(config.debounce.as_millis()).unwrap_or(u64::MAX);
        let worker = Worker {
            client: HttpClient::new(connector, 1, config.endpoint.timeout),
            stats: Arc::clone(&stats),
            told,
            is_stopping,
            began: Instant::now(),
            debounce: Debounce::new(debounce_ms, config.queue_max),
            ready: VecDeque::new(),
            log: FailureLog::default(),
            config: Arc::clone(&config),
        };
        let task = Mutex::new(Some(runtime.spawn(worker.run())));
        Self { config, stats, events, stopping, task }
    }

    /// Those that do not fit are dropped: the backend hears of what was before them.
    pub(super) fn tell(&self, mut events: Vec<Event>) {
        events.retain(|event| self.config.is_wanted(event));
        let (count, max) = (events.len() as u64, self.config.queue_max as u64);
        let before = self.stats.queued.fetch_add(count, Ordering::Relaxed);
        let fit = max.saturating_sub(before).min(count);
        if fit < count {
            events.truncate(usize::try_from(fit).unwrap_or(usize::MAX));
            self.stats.queued.fetch_sub(count - fit, Ordering::Relaxed);
            add(&self.stats.dropped, count - fit);
        }
        if !events.is_empty() {
            // It is closed only when the server ends.
            let _ = self.events.send(events);
        }
    }

    /// Sends once more what waits, for so long at most.
    pub(super) async fn stop(&self, within: Duration) {
        self.stopping.send_replace(true);
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            // It may have sent everything, or not: the counters say so.
            let _ = timeout(within, task).await;
            let left = self.stats.queued.swap(0, Ordering::Relaxed);
            add(&self.stats.dropped, left);
            if left > 0 {
                tracing::warn!("hook events: {left} events were not told before the stop");
            }
        }
    }

    pub(super) fn stats(&self) -> Arc<TellStats> {
        Arc::clone(&self.stats)
    }
}

/// What became of a batch.
enum Delivery {
    /// The backend has it.
    Taken,
    /// The backend will never take it: it would say the same the next time.
    Refused(Failure),
    /// It is to be sent again.
    Failed(Failure),
}

struct Worker {
    config: Arc<EventsConfig>,
    client: HttpClient,
    stats: Arc<TellStats>,
    told: UnboundedReceiver<Vec<Event>>,
    is_stopping: watch::Receiver<bool>,
    began: Instant,
    debounce: Debounce,
    /// To be sent, in this order.
    ready: VecDeque<Event>,
    log: FailureLog,
}

impl Worker {
    async fn run(mut self) {
        while !*self.is_stopping.borrow() {
            self.gather().await;
            if !self.ready.is_empty() && !*self.is_stopping.borrow() {
                self.send_until_done().await;
            }
        }
        while let Ok(events) = self.told.try_recv() {
            self.take(events);
        }
        while let Some(event) = self.debounce.flush() {
            self.ready.push_back(event);
        }
        while !self.ready.is_empty() {
            if !self.send().await {
                return;
            }
        }
    }

    /// Waits for a batch: until it is full, or its first event has waited long enough.
    async fn gather(&mut self) {
        let mut deadline = None;
        while self.ready.len() < BATCH_MAX {
            if deadline.is_none() && !self.ready.is_empty() {
                deadline = Some(Instant::now() + self.config.batch);
            }
            if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return;
            }
            let tick = (!self.debounce.is_empty()).then(|| Instant::now() + TICK);
            let until = deadline.into_iter().chain(tick).min();
            tokio::select! {
                told = self.told.recv() => match told {
                    Some(events) => self.take(events),
                    None => return,
                },
                () = sleep_until(until) => {}
                _ = self.is_stopping.changed() => return,
            }
            self.release();
        }
    }

    /// Sorts out what is not told yet, or not at all.
    fn take(&mut self, events: Vec<Event>) {
        let now_ms = ms_since(self.began);
        for event in events {
            let held_before = self.debounce.len();
            match self.debounce.push(event, now_ms) {
                Some(event) => self.ready.push_back(event),
                None if self.debounce.len() > held_before => {}
                // This one and the one that it undoes, or this one alone.
                None => {
                    let gone = 1 + held_before - self.debounce.len();
                    self.stats.queued.fetch_sub(gone as u64, Ordering::Relaxed);
                }
            }
        }
    }

    fn release(&mut self) {
        let now_ms = ms_since(self.began);
        while let Some(event) = self.debounce.due(now_ms) {
            self.ready.push_back(event);
        }
    }

    /// Sends a batch until the backend takes or refuses it, or the server stops.
    async fn send_until_done(&mut self) {
        let (mut pause, longest) = BACKOFF;
        while !self.send().await {
            let until = Instant::now() + pause.mul_f64(0.5 + fastrand::f64() / 2.0);
            pause = (pause * 2).min(longest);
            if timeout_at(until, self.is_stopping.changed()).await.is_ok() {
                return;
            }
        }
    }

    /// Sends the oldest events; whether they are done with.
    async fn send(&mut self) -> bool {
        let count = self.ready.len().min(BATCH_MAX);
        let counter = match self.deliver(count).await {
            Delivery::Taken => &self.stats.sent,
            Delivery::Refused(failure) => {
                self.log.say("events", &failure);
                &self.stats.dropped
            }
            Delivery::Failed(failure) => {
                self.log.say("events", &failure);
                return false;
            }
        };
        add(counter, count as u64);
        self.ready.drain(..count);
        self.stats.queued.fetch_sub(count as u64, Ordering::Relaxed);
        true
    }

    async fn deliver(&self, count: usize) -> Delivery {
        let body = Bytes::from(batch_body(self.ready.iter().take(count)));
        let request = request(&self.config.endpoint, &[], body);
        let sent = Box::pin(self.client.send(request, ANSWER_BYTES_MAX));
        match timeout(self.config.endpoint.timeout, sent).await {
            Err(_) => Delivery::Failed(Failure::Timeout),
            Ok(Err(error)) => Delivery::Failed(error.into()),
            Ok(Ok((status, _))) => match status.as_u16() {
                200..=299 => Delivery::Taken,
                408 | 429 => Delivery::Failed(Failure::Status(status)),
                400..=499 => Delivery::Refused(Failure::Status(status)),
                _ => Delivery::Failed(Failure::Status(status)),
            },
        }
    }
}

/// For ever, where there is no end.
async fn sleep_until(until: Option<Instant>) {
    match until {
        Some(until) => tokio::time::sleep_until(until).await,
        None => std::future::pending().await,
    }
}
