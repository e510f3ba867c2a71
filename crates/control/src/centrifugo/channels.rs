//! What is asked of channels.

use std::collections::HashSet;
use std::num::NonZeroU64;

use switchboard_api::centrifugo::{
    CallError, ChannelsResult, ClientResult, HistoryResult, OfChannel, OfChannels, OfHistory,
    PresenceResult, PresenceStatsResult, PublicationResult,
};
use switchboard_hub::{ChannelName, HistoryQuery, SubscriberInfo};

use super::pattern::is_like;
use super::result::{Empty, json};
use crate::clients::SUBSCRIBERS;
use crate::config::ApiRules;
use crate::question::Answer;
use crate::state::ApiState;

/// Bytes of payloads in one answer.
const HISTORY_BYTES_MAX: usize = 16 << 20;

/// Channels in one answer.
const CHANNELS_MAX: usize = 65_536;

pub(super) async fn history(state: &ApiState, asked: OfHistory) -> Result<Vec<u8>, CallError> {
    let name = asked.name()?;
    with_history(state, &name)?;
    let query = HistoryQuery {
        since: asked.since.as_ref().map(|since| since.offset),
        limit: usize::try_from(asked.limit.unwrap_or(0)).unwrap_or(usize::MAX),
        reverse: asked.reverse.unwrap_or(false),
        bytes_max: HISTORY_BYTES_MAX,
    };
    let answer = Answer::ask(|reply| state.inspect.history(name, query, reply));
    let history = answer.by(state.deadline()).await.map_err(|_| CallError::no_answer())?;
    let (epoch, offset) = match &history {
        Some(history) => (history.position.epoch.as_str(), history.position.offset),
        None => ("", 0),
    };
    if let Some(since) = &asked.since {
        let is_same = since.epoch.is_empty() || since.epoch == epoch;
        if !is_same || since.offset > offset {
            return Err(CallError::unrecoverable_position());
        }
    }
    let publications = history.iter().flat_map(|history| &history.publications);
    let publications = publications.map(|publication| PublicationResult::new(publication));
    json(&HistoryResult {
        publications: publications.collect(),
        epoch,
        offset: NonZeroU64::new(offset),
    })
}

pub(super) async fn remove_history(
    state: &ApiState,
    asked: &OfChannel,
) -> Result<Vec<u8>, CallError> {
    let name = asked.name()?;
    with_history(state, &name)?;
    let answer = Answer::ask(|reply| state.broker.remove_history(name, reply));
    let removed = answer.by(state.deadline()).await.map_err(|_| CallError::no_answer())?;
    removed.map_err(CallError::unpublished)?;
    json(&Empty {})
}

pub(super) async fn presence(state: &ApiState, asked: &OfChannel) -> Result<Vec<u8>, CallError> {
    let (list, _) = listeners(state, &asked.name()?).await?;
    let named = list.into_iter().map(|who| (who.connection.clone(), ClientResult::from(who)));
    json(&PresenceResult { presence: named.collect() })
}

pub(super) async fn presence_stats(
    state: &ApiState,
    asked: &OfChannel,
) -> Result<Vec<u8>, CallError> {
    let name = asked.name()?;
    let (list, hidden) = listeners(state, &name).await?;
    let report = |shard, reply| state.inspect.report(shard, name.clone(), reply);
    let reports = state.ask_all(report).await.map_err(|_| CallError::no_answer())?;
    let users: HashSet<_> = list.iter().map(|who| who.user.as_deref().unwrap_or("")).collect();
    let subscribers: u64 = reports.iter().map(|report| report.subscribers).sum();
    json(&PresenceStatsResult {
        num_clients: subscribers.saturating_sub(hidden),
        num_users: users.len() as u64,
    })
}

/// Those who listen, as many as are listed elsewhere, and how many of them do not show.
async fn listeners(
    state: &ApiState,
    name: &ChannelName,
) -> Result<(Vec<SubscriberInfo>, u64), CallError> {
    if !rules(state, name)?.presence_list {
        return Err(CallError::not_available("the namespace has no presence_list"));
    }
    let max = SUBSCRIBERS.max;
    let list = |shard, reply| state.inspect.subscribers(shard, name.clone(), max, reply);
    let lists = state.ask_all(list).await.map_err(|_| CallError::no_answer())?;
    let all = lists.into_iter().flatten();
    let (hidden, shown): (Vec<_>, Vec<_>) = all.partition(|who| who.is_hidden);
    Ok((shown.into_iter().take(max).collect(), hidden.len() as u64))
}

pub(super) async fn channels(state: &ApiState, asked: &OfChannels) -> Result<Vec<u8>, CallError> {
    let pattern = asked.pattern.as_deref().filter(|pattern| !pattern.is_empty()).unwrap_or("*");
    let mut result = ChannelsResult::default();
    for shard in 0..state.inspect.shards() {
        let mut from = Some(0);
        while let Some(at) = from {
            let answer = Answer::ask(|reply| state.inspect.channels(shard, at, reply));
            let part = answer.by(state.deadline()).await.map_err(|_| CallError::no_answer())?;
            from = part.next;
            for (name, subscribers) in part.channels {
                if is_like(name.as_str(), pattern) {
                    let channel = result.channels.entry(name.to_string()).or_default();
                    channel.num_clients += subscribers;
                }
            }
            if result.channels.len() > CHANNELS_MAX {
                let why = format!("more than {CHANNELS_MAX} channels; narrow the pattern");
                return Err(CallError::not_available(why));
            }
        }
    }
    json(&result)
}

fn with_history(state: &ApiState, name: &ChannelName) -> Result<(), CallError> {
    if rules(state, name)?.has_history {
        return Ok(());
    }
    Err(CallError::not_available("the namespace has no history (history_publications = 0)"))
}

fn rules(state: &ApiState, name: &ChannelName) -> Result<ApiRules, CallError> {
    let rules = state.config.namespaces.of(name).copied();
    rules.ok_or_else(|| CallError::unknown_channel(name))
}
