//! `GET /subscribers/{channel}` and `GET /slow`: subscribers, and those that cannot keep up.

use std::cmp::Reverse;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, Uri, header};
use axum::response::IntoResponse;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::value::RawValue;
use switchboard_api::{ApiError, ChannelInfo};
use switchboard_hub::{ChannelName, SlowClient, SubscriberInfo};
use utoipa::ToSchema;

use crate::channel::name_in;
use crate::clock::unix_ms;
use crate::error::Refused;
use crate::nodes::target_of;
use crate::state::ApiState;

/// How many are listed: by default, and at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) default: usize,
    pub(crate) max: usize,
}

pub(crate) const SUBSCRIBERS: Limits = Limits { default: 1_000, max: 10_000 };
pub(crate) const SLOW: Limits = Limits { default: 100, max: 1_000 };

/// The subscribers of a channel: their exact number, and a list.
pub(crate) async fn subscribers(
    State(state): State<Arc<ApiState>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Refused> {
    let name = name_in(&uri, "/subscribers/", &state)?;
    let limit = SUBSCRIBERS.asked(&uri)?;
    if !state.config.namespaces.of(&name).is_some_and(|rules| rules.presence_list) {
        return Err(presence_off().into());
    }
    let (own, others) = tokio::join!(
        listeners(&state, &name, limit),
        state.ask_others(&headers, ("GET", target_of(&uri), "")),
    );
    Ok(others.answer(own?.ok_or_else(ApiError::unknown_channel))?)
}

/// The subscribers of a channel on this node; none where nobody knows it.
async fn listeners(
    state: &ApiState,
    name: &ChannelName,
    limit: usize,
) -> Result<Option<Presence>, ApiError> {
    let (reports, lists) = tokio::try_join!(
        state.ask_all(|shard, reply| state.inspect.report(shard, name.clone(), reply)),
        state.ask_all(|shard, reply| state.inspect.subscribers(shard, name.clone(), limit, reply)),
    )?;
    let Some(info) = ChannelInfo::of_reports(&reports, unix_ms()) else {
        return Ok(None);
    };
    let list: Vec<Client> = lists.into_iter().flatten().take(limit).map(Client::from).collect();
    Ok(Some(Presence { subscribers: info.subscribers(), listed: list.len(), list }))
}

/// The clients whose sockets are full, longest stalled first.
pub(crate) async fn slow(
    State(state): State<Arc<ApiState>>,
    uri: Uri,
) -> Result<impl IntoResponse, Refused> {
    let limit = SLOW.asked(&uri)?;
    let shards = state.ask_all(|shard, reply| state.inspect.slow(shard, limit, reply)).await?;
    let mut clients: Vec<SlowClient> = shards.into_iter().flatten().collect();
    clients.sort_by_key(|client| Reverse((client.blocked_ms, client.lag_bytes)));
    let clients = clients.into_iter().take(limit).map(Laggard::from).collect();
    Ok(fresh(Slow { clients }))
}

impl Limits {
    /// The limit in a request's query.
    pub(crate) fn asked(self, uri: &Uri) -> Result<usize, ApiError> {
        let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        let mut asked = query.filter(|(key, _)| key == "limit").map(|(_, limit)| limit);
        let limit = match (asked.next(), asked.next()) {
            (None, _) => Some(self.default),
            (Some(limit), None) => limit.parse().ok(),
            (Some(_), Some(_)) => None,
        };
        limit.filter(|limit| (1..=self.max).contains(limit)).ok_or_else(|| {
            let message = format!("limit must be one whole number from 1 to {}", self.max);
            ApiError::bad_request("bad_limit", message)
        })
    }
}

fn presence_off() -> ApiError {
    ApiError::new(
        403,
        "presence_off",
        "the channel's namespace does not let its subscribers be listed (presence_list)",
    )
}

/// The answer is true for this moment only.
pub(crate) fn fresh(answer: impl Serialize) -> impl IntoResponse {
    ([(header::CACHE_CONTROL, "no-store")], Json(answer))
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Subscribers)]
pub(crate) struct Presence {
    /// Their exact number.
    subscribers: u64,
    /// How many are in `list`.
    listed: usize,
    list: Vec<Client>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SlowClients)]
pub(crate) struct Slow {
    clients: Vec<Laggard>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Client {
    /// The connection, as logs name it; never used twice.
    connection: String,
    /// Where it comes from.
    #[schema(value_type = String)]
    address: SocketAddr,
    /// How it listens.
    transport: &'static str,
    /// The `sub` of its token; not there for an anonymous one.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    /// What its token says of it.
    #[schema(value_type = Value, required = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    info: Option<Box<RawValue>>,
    /// The same where it is not JSON: bytes in base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    b64info: Option<String>,
}

impl From<SubscriberInfo> for Client {
    fn from(who: SubscriberInfo) -> Self {
        let SubscriberInfo { connection, address, transport, user, info, .. } = who;
        // JSON as the token had it, or else bytes that are shown as they were given.
        let json = info.as_ref().and_then(|bytes| serde_json::from_slice(bytes).ok());
        let b64info = info.filter(|_| json.is_none()).map(|bytes| STANDARD.encode(bytes));
        Self { connection, address, transport, user, info: json, b64info }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SlowClient)]
struct Laggard {
    #[serde(flatten)]
    client: Client,
    /// The channel in which it is furthest behind.
    channel: String,
    /// What it has not been sent there.
    lag_publications: u64,
    /// How much of that is kept.
    lag_bytes: u64,
    /// How long its socket has been full.
    blocked_ms: u64,
}

impl From<SlowClient> for Laggard {
    fn from(slow: SlowClient) -> Self {
        Self {
            client: slow.subscriber.into(),
            channel: slow.channel.to_string(),
            lag_publications: slow.lag_publications,
            lag_bytes: slow.lag_bytes,
            blocked_ms: slow.blocked_ms,
        }
    }
}
