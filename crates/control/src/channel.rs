//! `GET` and `DELETE /pub/{channel}`, and the name of the channel in the path.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use switchboard_api::{ApiError, ChannelInfo, accepts_json, channel_in};
use switchboard_hub::ChannelName;

use crate::clock::unix_ms;
use crate::error::Refused;
use crate::nodes::target_of;
use crate::question::Answer;
use crate::state::ApiState;

/// Exact counts, by asking every shard.
pub(crate) async fn report(
    State(state): State<Arc<ApiState>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    let name = name_in(&uri, PUB, &state)?;
    let question = |reporter, reply| state.inspect.report(reporter, name.clone(), reply);
    let (reports, others) = tokio::join!(
        state.ask_each(state.inspect.reporters(), question),
        state.ask_others(&headers, ("GET", target_of(&uri), "")),
    );
    // Where only other nodes know it, it has subscribers there and never had a publication.
    let elsewhere = others.subscribers();
    let info = ChannelInfo::of_reports(&reports?, unix_ms())
        .or_else(|| (elsewhere > 0).then(ChannelInfo::default))
        .ok_or_else(ApiError::unknown_channel)?
        .with_more_subscribers(elsewhere);
    let accept = headers.get_all(header::ACCEPT).iter().map(HeaderValue::as_bytes);
    let (content_type, body) = info.write(accepts_json(accept));
    Ok(([(header::CONTENT_TYPE, content_type)], body).into_response())
}

/// Deletes the channel: its log goes, its subscribers are closed.
pub(crate) async fn delete(
    State(state): State<Arc<ApiState>>,
    uri: Uri,
) -> Result<StatusCode, Refused> {
    let name = name_in(&uri, PUB, &state)?;
    let answer = Answer::ask(|reply| state.broker.delete(name, reply));
    if answer.by(state.deadline()).await?.map_err(ApiError::unpublished)? {
        Ok(StatusCode::OK)
    } else {
        Err(ApiError::unknown_channel().into())
    }
}

/// The prefix of a channel's name in the path of most requests.
const PUB: &str = "/pub/";

/// The channel that a path names after its prefix, in a namespace that there is.
pub(crate) fn name_in(uri: &Uri, prefix: &str, state: &ApiState) -> Result<ChannelName, ApiError> {
    let name = channel_in(uri.path().strip_prefix(prefix).unwrap_or(""))?;
    match state.config.namespaces.resolve(&name) {
        Some(_) => Ok(name),
        None => Err(ApiError::unknown_namespace(&name)),
    }
}
