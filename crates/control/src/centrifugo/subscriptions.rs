//! Channels that a backend gives to the connections of a user, and takes away.

use std::sync::Arc;

use switchboard_api::centrifugo::{CallError, OfSubscription};
use switchboard_hub::ChannelName;

use super::result::{Empty, json};
use crate::inspect::Only;
use crate::state::ApiState;

pub(super) async fn subscribe(
    state: &ApiState,
    asked: &OfSubscription,
) -> Result<Vec<u8>, CallError> {
    let given = Arc::new(asked.given()?);
    is_known(state, &given.name)?;
    let who = who(asked);
    let give = |shard, reply| state.inspect.give(shard, who.clone(), Arc::clone(&given), reply);
    let full = state.ask_all(give).await.map_err(|_| CallError::no_answer())?;
    match full.into_iter().sum() {
        0 => json(&Empty {}),
        full => Err(CallError::too_many_channels(full)),
    }
}

pub(super) async fn unsubscribe(
    state: &ApiState,
    asked: &OfSubscription,
) -> Result<Vec<u8>, CallError> {
    let name = asked.name()?;
    is_known(state, &name)?;
    let who = who(asked);
    let take = |shard, reply| state.inspect.take_away(shard, who.clone(), name.clone(), reply);
    state.ask_all(take).await.map_err(|_| CallError::no_answer())?;
    json(&Empty {})
}

fn who(asked: &OfSubscription) -> (Box<str>, Only) {
    let (client, session) = (asked.client(), asked.session());
    (asked.user(), Only { client, session, ..Only::default() })
}

fn is_known(state: &ApiState, name: &ChannelName) -> Result<(), CallError> {
    let rules = state.config.namespaces.of(name);
    rules.map(|_| ()).ok_or_else(|| CallError::unknown_channel(name))
}
