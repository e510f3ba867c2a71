//! What is asked of users and of the server.

use std::sync::Arc;

use switchboard_api::centrifugo::{CallError, InfoResult, NodeResult, OfUser, ProcessResult};

use super::result::{Empty, json};
use crate::inspect::{Only, Refresh};
use crate::metrics::process;
use crate::state::ApiState;

pub(super) async fn disconnect(state: &ApiState, asked: &OfUser) -> Result<Vec<u8>, CallError> {
    let (who, ending) = (who(asked, asked.whitelist()), asked.ending()?.map(Arc::new));
    let end = |shard, reply| state.inspect.disconnect(shard, who.clone(), ending.clone(), reply);
    state.ask_all(end).await.map_err(|_| CallError::no_answer())?;
    json(&Empty {})
}

pub(super) async fn refresh(state: &ApiState, asked: &OfUser) -> Result<Vec<u8>, CallError> {
    let (who, news) =
        (who(asked, Vec::new()), Refresh { until_s: asked.until_s()?, info: asked.info()? });
    let refresh = |shard, reply| state.inspect.refresh(shard, who.clone(), news.clone(), reply);
    state.ask_all(refresh).await.map_err(|_| CallError::no_answer())?;
    json(&Empty {})
}

fn who(asked: &OfUser, but: Vec<Box<str>>) -> (Box<str>, Only) {
    (asked.user(), Only { client: asked.client(), session: asked.session(), but })
}

pub(super) fn info(state: &ApiState) -> Result<Vec<u8>, CallError> {
    let counters = state.inspect.counters();
    let up = state.started.elapsed();
    let sum = |names: &[&str]| {
        let all = counters.iter().flatten();
        all.filter(|(metric, _)| names.contains(&metric.name)).map(|(_, value)| value).sum()
    };
    let node = NodeResult {
        uid: state.uid.clone(),
        name: "switchboard",
        version: state.config.version,
        num_clients: sum(&[
            "websockets_open",
            "event_streams_open",
            "centrifuge_streams_open",
            "polls_held",
        ]),
        num_users: sum(&["users_open"]),
        num_subs: sum(&["subscriptions"]),
        num_channels: sum(&["channels"]),
        uptime: up.as_secs(),
        process: ProcessResult {
            cpu: process::cpu_s() / up.as_secs_f64().max(1.0) * 100.0,
            rss: process::resident_bytes().unwrap_or(0),
        },
    };
    json(&InfoResult { nodes: [node] })
}
