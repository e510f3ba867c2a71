//! Asks backends on behalf of clients, and tells them what happens, by HTTP.
//!
//! A shard hands a question over and goes on. Here it becomes a request, as soon as the backend has room for
//! one more, and its answer goes back. Whatever a backend does, it is waited for no longer than its time,
//! and what waits for it is bounded. All of it runs on a thread of its own, so that a backend that floods
//! or hangs slows neither the shards nor the internal API down.

mod asker;
mod call;
mod config;
mod events;
mod stats;
mod turns;
mod waiting;

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use switchboard_hooks::{Event, Hook, Question, Refusal, Verdict};
use tokio::runtime::Handle;

use crate::client::Connector;
use crate::reply::Reply;
use asker::Asker;
pub use config::{
    Endpoint, EventsConfig, HookConfig, HooksConfig, header_name, is_allowed_header, static_header,
};
use events::Teller;
pub(crate) use stats::EVENT_METRICS;
pub use stats::{HOOK_METRICS, HookStats};

/// The backends.
#[derive(Debug)]
pub struct Hooks {
    askers: BTreeMap<Hook, Asker>,
    teller: Option<Teller>,
}

impl Hooks {
    /// Starts what carries questions and events, on this runtime.
    ///
    /// # Errors
    /// When an address is https and the machine has no certificates.
    pub fn start(config: HooksConfig, runtime: &Handle) -> io::Result<Self> {
        let connector = Connector::new(config.urls().any(crate::client::Url::is_https))?;
        let HooksConfig { asked, events } = config;
        let start = |(hook, config)| (hook, Asker::start(hook, config, &connector, runtime));
        let askers = asked.into_iter().map(start).collect();
        let teller = events.map(|config| Teller::start(config, &connector, runtime));
        Ok(Self { askers, teller })
    }

    /// Takes a question and returns at once.
    pub fn ask(&self, question: Question, reply: Reply<Verdict>) {
        match self.askers.get(&question.hook()) {
            Some(asker) => asker.ask(question, reply),
            None => reply(Err(Refusal::Unavailable)),
        }
    }

    /// Takes events in the order in which they happened, and returns at once.
    pub fn tell(&self, events: Vec<Event>) {
        if let Some(teller) = &self.teller {
            teller.tell(events);
        }
    }

    /// Sends the events that wait once more, for so long at most, and none after that.
    pub async fn stop(&self, within: Duration) {
        if let Some(teller) = &self.teller {
            teller.stop(within).await;
        }
    }

    /// What was asked and told.
    pub fn stats(&self) -> HookStats {
        let asked = self.askers.iter().map(|(hook, asker)| (*hook, asker.stats())).collect();
        HookStats { asked, told: self.teller.as_ref().map(Teller::stats) }
    }
}
