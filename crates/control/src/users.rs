//! `GET /users/{user}` and `DELETE /users/{user}`: the connections of a user, as their tokens name it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::IntoResponse;
use percent_encoding::percent_decode_str;
use serde::Serialize;
use switchboard_api::ApiError;
use utoipa::ToSchema;

use crate::clients::{Client, SUBSCRIBERS};
use crate::error::Refused;
use crate::inspect::Only;
use crate::nodes::target_of;
use crate::state::ApiState;

/// The connections of a user: their exact number, and a list.
pub(crate) async fn connections(
    State(state): State<Arc<ApiState>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Refused> {
    let user = user_in(&uri)?;
    let limit = SUBSCRIBERS.asked(&uri)?;
    let (shards, others) = tokio::join!(
        state.ask_all(|shard, reply| state.inspect.of_user(shard, user.clone(), limit, reply)),
        state.ask_others(&headers, ("GET", target_of(&uri), "")),
    );
    let shards = shards?;
    let connections = shards.iter().map(|(connections, _)| connections).sum();
    let list: Vec<Client> =
        shards.into_iter().flat_map(|(_, list)| list).take(limit).map(Client::from).collect();
    let own = User { connections, listed: list.len(), list };
    Ok(others.answer(Ok(own))?)
}

/// Ends all connections of a user. Its tokens stay good: the backend gives it no new ones, or none with the
/// same rights.
pub(crate) async fn disconnect(
    State(state): State<Arc<ApiState>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Refused> {
    let user = user_in(&uri)?;
    let (shards, others) = tokio::join!(
        state.ask_all(|shard, reply| {
            state.inspect.disconnect(shard, (user.clone(), Only::default()), None, reply);
        }),
        state.ask_others(&headers, ("DELETE", target_of(&uri), "")),
    );
    let own = Disconnected { disconnected: shards?.iter().sum() };
    Ok(others.answer(Ok(own))?)
}

/// The user of a path. An empty one is that of tokens without `sub`.
fn user_in(uri: &Uri) -> Result<Box<str>, ApiError> {
    let encoded = uri.path().strip_prefix("/users/").unwrap_or_default();
    match percent_decode_str(encoded).decode_utf8() {
        Ok(user) if !encoded.contains('/') => Ok(user.into()),
        _ => {
            let message = "the path must end in one user, percent-encoded UTF-8";
            Err(ApiError::bad_request("bad_user", message))
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Connections)]
pub(crate) struct User {
    /// Their exact number.
    connections: u64,
    /// How many are in `list`.
    listed: usize,
    list: Vec<Client>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Disconnected {
    /// Those that were not to end already.
    disconnected: u64,
}
