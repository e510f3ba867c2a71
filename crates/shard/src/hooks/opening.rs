//! A client wants to listen: who it is, and whether it may.

use switchboard_auth::Who;
use switchboard_dialects::Transport;
use switchboard_hooks::{Answer as Said, Client, Question, Refusal, Verdict};
use switchboard_hub::ChannelName;
use switchboard_plane::ConnId;

use super::ask::{ask_and_wait, limit_time};
use super::client::{self, Asker};
use crate::connection::{Asking, InputReason, Opening, Ticket};
use crate::core::Core;
use crate::http::Answer;

/// What backends said to a poll counts for the next ones with the same headers for so long, in seconds:
/// a client that asks once a second must not disturb them as often.
const CACHED_S: u64 = 60;

/// The client of a request that has been looked at before.
pub(crate) struct Known {
    pub(crate) who: Who,
    /// A backend has named it since the last look.
    pub(crate) is_new: bool,
}

/// The client of a request that has been looked at before; none at the first look.
///
/// # Errors
/// When a backend has refused it.
pub(crate) fn known(core: &mut Core, id: ConnId) -> Result<Option<Known>, Refusal> {
    if !core.config.hooks.ask_of_newcomers() {
        return Ok(None);
    }
    let Some(opening) = opening(core, id) else {
        return Ok(None);
    };
    if let Some(refusal) = opening.refusal.take() {
        return Err(refusal);
    }
    let is_new = std::mem::take(&mut opening.is_new);
    Ok(opening.who.clone().map(|who| Known { who, is_new }))
}

/// Who the client of a request without a token is.
///
/// # Errors
/// [`Answer::Asked`] when the backend is to say so first.
pub(crate) fn identify(
    core: &mut Core,
    id: ConnId,
    asker: Asker<'_, '_>,
    channels: &[ChannelName],
) -> Result<Who, Answer> {
    let Some(names) = &core.config.hooks.connect else {
        return Ok(None);
    };
    let client = client::of_request(core, id, asker, &None, names);
    let cache_key = is_poll(asker.transport).then(|| cache_key(b"connect", &client, channels));
    if let Some(key) = &cache_key
        && let Some(who) = core.identities.verdicts.get(key, core.unix_s())
    {
        return Ok(who);
    }
    let question = Question::Connect { client, channels: channels.to_vec(), data: None };
    let opening = Opening { is_asked: true, cache_key, ..Opening::default() };
    Err(hold(core, id, question, opening))
}

/// Whether the client of a request may listen to these channels, of which the backend decides.
///
/// # Errors
/// [`Answer::Asked`] when the backend is to say so first.
pub(crate) fn permit(
    core: &mut Core,
    id: ConnId,
    asker: Asker<'_, '_>,
    who: &Who,
    channels: Vec<ChannelName>,
) -> Result<(), Answer> {
    if channels.is_empty() || opening(core, id).is_some_and(|opening| opening.may_subscribe) {
        return Ok(());
    }
    let none = Vec::new();
    let names = core.config.hooks.subscribe.as_ref().unwrap_or(&none);
    let client = client::of_request(core, id, asker, who, names);
    let cache_key = is_poll(asker.transport).then(|| cache_key(b"subscribe", &client, &channels));
    if let Some(key) = &cache_key
        && core.identities.verdicts.get(key, core.unix_s()).is_some()
    {
        return Ok(());
    }
    let question = Question::Subscribe { client, channels, data: None };
    let opening =
        Opening { is_asked: true, who: Some(who.clone()), cache_key, ..Opening::default() };
    Err(hold(core, id, question, opening))
}

/// Takes down what a backend said of the request that the connection holds, and looks at it again.
pub(crate) fn note(core: &mut Core, id: ConnId, verdict: Verdict) {
    let now_s = core.unix_s();
    let Some(opening) = opening(core, id).filter(|opening| opening.is_asked) else {
        return;
    };
    opening.is_asked = false;
    let key = opening.cache_key.take();
    let cached = match verdict {
        Ok(Said::Connected(who)) => {
            opening.who = Some(who.clone());
            opening.is_new = true;
            Some(who)
        }
        Ok(Said::Subscribed(_)) => {
            opening.may_subscribe = true;
            Some(None)
        }
        Ok(_) => {
            opening.refusal = Some(Refusal::Unavailable);
            None
        }
        Err(refusal) => {
            opening.refusal = Some(refusal);
            None
        }
    };
    if let (Some(key), Some(who)) = (key, cached) {
        core.identities.verdicts.insert(&key, who, Some(now_s + CACHED_S));
    }
    core.limit_head_time(id);
    core.unpark_input(id, &[InputReason::Answer]);
    core.revisit(id);
}

/// The request is answered, in whatever way.
pub(crate) fn forget(core: &mut Core, id: ConnId) {
    if !core.config.hooks.ask_of_newcomers() {
        return;
    }
    let busy = core.slab.get_mut(id).and_then(|connection| connection.busy.as_mut());
    if let Some(busy) = busy
        && matches!(busy.asking.as_deref(), Some(Asking::Opening(_)))
    {
        busy.asking = None;
    }
}

fn opening(core: &mut Core, id: ConnId) -> Option<&mut Opening> {
    let busy = core.slab.get_mut(id)?.busy.as_mut()?;
    match busy.asking.as_deref_mut()? {
        Asking::Opening(opening) => Some(opening),
        Asking::Command | Asking::Presence(_) | Asking::Publishing { .. } => None,
    }
}

fn hold(core: &mut Core, id: ConnId, question: Question, opening: Opening) -> Answer {
    limit_time(core, id);
    ask_and_wait(core, id, (Ticket::Opening, question), Asking::Opening(opening));
    Answer::Asked
}

fn is_poll(transport: Transport) -> bool {
    matches!(transport, Transport::LongPoll | Transport::IntervalPoll)
}

/// All that a verdict depends on but the connection. No two requests that differ in it have the same: each part
/// has its length before it, and each list has its own.
fn cache_key(hook: &[u8], client: &Client, channels: &[ChannelName]) -> Box<[u8]> {
    let headers = client.headers.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_ref()]);
    let names = channels.iter().map(|name| name.as_str().as_bytes());
    let meta = client.meta.as_deref().unwrap_or_default();
    let mut key = Vec::new();
    for count in [client.headers.len(), channels.len()] {
        key.extend_from_slice(&count.to_le_bytes());
    }
    for part in [hook, client.user.as_bytes(), meta].into_iter().chain(headers).chain(names) {
        key.extend_from_slice(&part.len().to_le_bytes());
        key.extend_from_slice(part);
    }
    key.into()
}
