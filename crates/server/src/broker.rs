//! The control side's access to the shards, and theirs to it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use switchboard_api::centrifugo::{Ending, GivenChannel};
use switchboard_api::{HistogramCounts, Metric, Phase};
use switchboard_auth::Verifier;
use switchboard_control::{
    Broker, Control, EngineStats, HookStats, Hooks, HooksConfig, Inspect, Only, Refresh, Reply,
};
use switchboard_hooks::{Event, Question, Verdict};
use switchboard_hub::{
    ChannelName, Condition, Draft, History, HistoryQuery, ListenedTo, Published, Router,
    ShardReport, SlowClient, SubscriberInfo, Unpublished,
};
use switchboard_shard::{
    ApiRequest, ApiResponse, Chosen, Command, Counters, Handle as Shard, Phases, RequestHandler,
    SEND_DELAY,
};
use tokio::runtime::Handle;

/// Finds the right shard for each request and passes it on.
#[derive(Debug)]
pub(crate) struct Shards {
    router: Router,
    handles: Vec<Shard>,
    /// The home of all channels, where no shard is, and whether it can be used.
    gateway: Option<(Shard, EngineStats)>,
    phases: Arc<Phases>,
}

impl Shards {
    pub(crate) fn new(
        router: Router,
        handles: Vec<Shard>,
        gateway: Option<(Shard, EngineStats)>,
    ) -> Self {
        // They all have the same.
        let phases = handles.first().map(|handle| Arc::clone(handle.phases())).unwrap_or_default();
        Self { router, handles, gateway, phases }
    }

    /// All of them run.
    pub(crate) fn started(&self) {
        self.phases.advance(Phase::Serving);
    }

    /// Tells every shard to send its clients away, and to stop then.
    pub(crate) fn drain(&self) {
        self.phases.advance(Phase::Draining);
        for handle in &self.handles {
            handle.send(Command::Drain);
        }
    }

    /// Tells every shard to stop.
    pub(crate) fn stop(&self) {
        self.phases.advance(Phase::Stopping);
        for handle in &self.handles {
            handle.send(Command::Stop);
        }
    }

    /// None of them runs any more.
    pub(crate) fn ended(&self) {
        self.phases.advance(Phase::Ended);
    }

    /// Has every shard check tokens with other keys.
    pub(crate) fn set_verifier(&self, verifier: &Arc<Verifier>) {
        for handle in &self.handles {
            handle.send(Command::Verifier(Arc::clone(verifier)));
        }
    }

    fn home(&self, name: &ChannelName) -> &Shard {
        self.reporter(usize::from(self.router.home(name).0))
    }

    /// One of those who know of channels: the shards, and behind them the gateway.
    fn reporter(&self, number: usize) -> &Shard {
        match &self.gateway {
            Some((gateway, _)) if number >= self.handles.len() => gateway,
            _ => &self.handles[number],
        }
    }
}

impl Broker for Shards {
    fn publish(
        &self,
        name: ChannelName,
        draft: Draft,
        condition: Condition,
        reply: Reply<Published>,
    ) {
        let home = self.home(&name);
        home.send(Command::PublishIf { name, draft, condition, reply });
    }

    fn remove_history(&self, name: ChannelName, reply: Reply<Result<bool, Unpublished>>) {
        self.home(&name).send(Command::RemoveHistory { name, reply });
    }

    fn delete(&self, name: ChannelName, reply: Reply<Result<bool, Unpublished>>) {
        self.home(&name).send(Command::Delete { name, reply });
    }
}

fn chosen(Only { client, session, but }: Only) -> Chosen {
    Chosen { only: client, session, but }
}

impl Inspect for Shards {
    fn phase(&self) -> Phase {
        self.phases.get()
    }

    fn has_engine(&self) -> bool {
        self.gateway.as_ref().is_none_or(|(_, engine)| engine.is_ready())
    }

    fn shards(&self) -> usize {
        self.handles.len()
    }

    fn reporters(&self) -> usize {
        self.handles.len() + usize::from(self.gateway.is_some())
    }

    fn report(&self, reporter: usize, name: ChannelName, reply: Reply<ShardReport>) {
        self.reporter(reporter).send(Command::Report { name, reply });
    }

    fn subscribers(
        &self,
        shard: usize,
        name: ChannelName,
        max: usize,
        reply: Reply<Vec<SubscriberInfo>>,
    ) {
        self.handles[shard].send(Command::Subscribers { name, max, reply });
    }

    fn of_user(
        &self,
        shard: usize,
        user: Box<str>,
        max: usize,
        reply: Reply<(u64, Vec<SubscriberInfo>)>,
    ) {
        self.handles[shard].send(Command::OfUser { user, max, reply });
    }

    fn disconnect(
        &self,
        shard: usize,
        (user, only): (Box<str>, Only),
        ending: Option<Arc<Ending>>,
        reply: Reply<u64>,
    ) {
        let only = chosen(only);
        self.handles[shard].send(Command::Disconnect { user, only, ending, reply });
    }

    fn refresh(
        &self,
        shard: usize,
        (user, only): (Box<str>, Only),
        Refresh { until_s, info }: Refresh,
        reply: Reply<u64>,
    ) {
        let only = chosen(only);
        self.handles[shard].send(Command::Refresh { user, only, until_s, info, reply });
    }

    fn give(
        &self,
        shard: usize,
        (user, only): (Box<str>, Only),
        given: Arc<GivenChannel>,
        reply: Reply<u64>,
    ) {
        self.handles[shard].send(Command::Give { user, only: chosen(only), given, reply });
    }

    fn take_away(
        &self,
        shard: usize,
        (user, only): (Box<str>, Only),
        name: ChannelName,
        reply: Reply<()>,
    ) {
        self.handles[shard].send(Command::TakeAway { user, only: chosen(only), name, reply });
    }

    fn history(&self, name: ChannelName, query: HistoryQuery, reply: Reply<Option<History>>) {
        self.home(&name).send(Command::History { name, query, reply });
    }

    fn channels(&self, shard: usize, from: u32, reply: Reply<ListenedTo>) {
        self.handles[shard].send(Command::Channels { from, reply });
    }

    fn slow(&self, shard: usize, max: usize, reply: Reply<Vec<SlowClient>>) {
        self.handles[shard].send(Command::Slow { max, reply });
    }

    fn counters(&self) -> Vec<Vec<(Metric, u64)>> {
        let described = |values: Vec<(&str, u64)>| {
            Counters::METRICS
                .iter()
                .zip(values)
                .map(|(metric, (_, value))| (*metric, value))
                .collect()
        };
        self.handles.iter().map(Shard::counters).map(described).collect()
    }

    fn histograms(&self) -> Vec<Vec<(Metric, HistogramCounts)>> {
        self.handles.iter().map(|shard| vec![(SEND_DELAY, shard.send_delays())]).collect()
    }
}

/// The backends, as the shards know them.
#[derive(Debug)]
pub(crate) struct Backends {
    hooks: Hooks,
    runtime: Handle,
}

impl Backends {
    /// Starts what talks to them, on this runtime.
    pub(crate) fn start(config: HooksConfig, runtime: &Handle) -> io::Result<Self> {
        Ok(Self { hooks: Hooks::start(config, runtime)?, runtime: runtime.clone() })
    }

    /// What is asked and told.
    pub(crate) fn stats(&self) -> HookStats {
        self.hooks.stats()
    }

    /// Tells the backend what is not told yet, if that can be done within this time.
    pub(crate) fn stop(&self, within: Duration) {
        self.runtime.block_on(self.hooks.stop(within));
    }
}

impl switchboard_shard::Backends for Backends {
    fn ask(&self, question: Question, reply: Reply<Verdict>) {
        self.hooks.ask(question, reply);
    }

    fn tell(&self, events: Vec<Event>) {
        self.hooks.tell(events);
    }
}

/// The control side, as the shards know it.
#[derive(Debug)]
pub(crate) struct Requests(pub(crate) Control);

impl RequestHandler for Requests {
    fn handle(&self, request: ApiRequest, reply: Reply<ApiResponse>) {
        self.0.handle(request, reply);
    }
}
