//! `GET` and `DELETE /pub/{channel}`, and the name of the channel in the path.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use switchboard_hub::ChannelName;

use crate::clock::unix_ms;
use crate::error::ApiError;
use crate::info::ChannelInfo;
use crate::pending::{Answer, Held};
use crate::state::ApiState;

/// Exact counts, by asking every shard.
pub(crate) async fn report(
    State(state): State<Arc<ApiState>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let name = name_in(&uri, PUB, &state)?;
    let question = |shard, reply| state.inspect.report(shard, name.clone(), reply);
    let reports = state.ask_all(question).await?;
    let info = ChannelInfo::of_reports(&reports, unix_ms()).ok_or_else(unknown_channel)?;
    Ok(info.respond(StatusCode::OK, &headers))
}

/// Deletes the channel: its log goes, its subscribers are closed.
pub(crate) async fn delete(
    State(state): State<Arc<ApiState>>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let name = name_in(&uri, PUB, &state)?;
    let answer = Answer::ask(Held::default(), |reply| state.broker.delete(name, reply));
    if answer.by(state.deadline()).await? {
        Ok(StatusCode::OK.into_response())
    } else {
        Err(unknown_channel())
    }
}

/// The prefix of a channel's name in the path of most requests.
pub(crate) const PUB: &str = "/pub/";

/// The channel that a path names after its prefix, percent-decoded and checked.
pub(crate) fn name_in(uri: &Uri, prefix: &str, state: &ApiState) -> Result<ChannelName, ApiError> {
    let segment = uri.path().strip_prefix(prefix).unwrap_or("");
    if segment.contains(',') {
        // For listeners a comma separates channels; here it would silently name another one.
        return Err(ApiError::bad_request(
            "bad_channel",
            "name one channel at a time; a comma in a name is written %2C",
        ));
    }
    check_namespace(ChannelName::decode(segment)?, state)
}

/// Refuses names of unknown namespaces, when the configuration is strict.
pub(crate) fn check_namespace(
    name: ChannelName,
    state: &ApiState,
) -> Result<ChannelName, ApiError> {
    if state.config.namespaces.resolve(&name).is_some() {
        return Ok(name);
    }
    let namespace = name.namespace().unwrap_or_default();
    Err(ApiError::new(
        StatusCode::NOT_FOUND,
        "unknown_namespace",
        format!("no [namespace.NAME] is named {namespace:?} (strict_namespaces)"),
    ))
}

pub(crate) fn unknown_channel() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "unknown_channel", "no such channel")
}
