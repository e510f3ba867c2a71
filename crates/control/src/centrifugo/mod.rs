//! `POST /api/{method}`: the API of Centrifugo. Publications come here where they are many or large, or stand
//! in a batch with other commands; the shards answer the others themselves.

mod channels;
mod pattern;
mod publish;
mod result;
mod server;
mod subscriptions;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use switchboard_api::ApiError;
use switchboard_api::centrifugo::{
    Answer, Batch, CallError, ERROR_MODE, ErrorMode, Replies, Request, Unread,
};

use crate::error::Refused;
use crate::state::ApiState;

/// Answers a call.
pub(crate) async fn call(
    State(state): State<Arc<ApiState>>,
    Path(method): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refused> {
    let mode = ErrorMode::of_header(headers.get(ERROR_MODE).map(HeaderValue::as_bytes));
    let limits = state.config.calls.item_limits;
    let answer = if method == "batch" {
        batch(&state, &headers, &body).await
    } else {
        match Request::read(&method, &body, limits) {
            Ok(Some(request)) => {
                let result = answer_of_all(&state, &headers, (&method, &body), request).await;
                Ok(Answer::new(result, mode))
            }
            Ok(None) => return Err(unknown(&method).into()),
            Err(error) => Err(error),
        }
    };
    Ok(response(answer.unwrap_or_else(|unread| Answer::unread(&unread))))
}

/// One after the other, also where they may run side by side (`parallel`): replies are in their order.
async fn batch(state: &ApiState, headers: &HeaderMap, body: &[u8]) -> Result<Answer, Unread> {
    let calls = &state.config.calls;
    let batch = Batch::read(body)?;
    let mut requests = Vec::with_capacity(batch.commands.len());
    for command in batch.commands {
        let method = command.method.unwrap_or_default();
        let request = Request::read(&method, command.params, calls.item_limits)?;
        requests.push((method, command.params, request));
    }
    let mut replies = Replies::default();
    for (method, params, request) in requests {
        let result = match request {
            Some(request) => answer_of_all(state, headers, (&method, params), request).await,
            None => Err(CallError::unknown_method()),
        };
        replies.push(&method, result);
    }
    Ok(replies.answer())
}

/// What all nodes of a cluster are asked. The rest is of channels, which they share.
const OF_ALL_NODES: [&str; 8] = [
    "presence",
    "presence_stats",
    "channels",
    "disconnect",
    "refresh",
    "subscribe",
    "unsubscribe",
    "info",
];

/// The JSON of the result, with what the other nodes have to say.
async fn answer_of_all(
    state: &ApiState,
    headers: &HeaderMap,
    (method, params): (&str, &[u8]),
    request: Request,
) -> Result<Vec<u8>, CallError> {
    if !OF_ALL_NODES.contains(&method) {
        return answer(state, request).await;
    }
    // It is JSON that was read.
    let body = str::from_utf8(params).unwrap_or_default();
    let target = format!("/api/{method}");
    let (own, others) =
        tokio::join!(answer(state, request), state.ask_others(headers, ("POST", target, body)));
    let own = own?;
    if others.is_empty() {
        return Ok(own);
    }
    let own: Value = serde_json::from_slice(&own).map_err(|_| CallError::no_answer())?;
    result::json(&others.results().added_to(Some(own)))
}

/// The JSON of the result.
async fn answer(state: &ApiState, request: Request) -> Result<Vec<u8>, CallError> {
    match request {
        Request::Publish(calls) => publish::make(state, &calls).await,
        Request::History(asked) => channels::history(state, asked).await,
        Request::HistoryRemove(asked) => channels::remove_history(state, &asked).await,
        Request::Presence(asked) => channels::presence(state, &asked).await,
        Request::PresenceStats(asked) => channels::presence_stats(state, &asked).await,
        Request::Channels(asked) => channels::channels(state, &asked).await,
        Request::Disconnect(asked) => server::disconnect(state, &asked).await,
        Request::Refresh(asked) => server::refresh(state, &asked).await,
        Request::Info => server::info(state),
        Request::Subscribe(asked) => subscriptions::subscribe(state, &asked).await,
        Request::Unsubscribe(asked) => subscriptions::unsubscribe(state, &asked).await,
        Request::Rpc => Err(CallError::unknown_method()),
    }
}

fn unknown(method: &str) -> ApiError {
    let message = format!("there is no method {method:?}");
    ApiError::new(404, "not_found", message)
}

fn response(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_REQUEST);
    let headers =
        [(header::CONTENT_TYPE, answer.content_type), (header::CACHE_CONTROL, "no-store")];
    (status, headers, answer.body).into_response()
}
