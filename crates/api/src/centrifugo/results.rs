//! Results of the methods that do not publish.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::num::NonZeroU64;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use switchboard_hub::{Kind, Publication, SubscriberInfo};
use utoipa::ToSchema;

/// A part of a history.
#[derive(Debug, Serialize, ToSchema)]
pub struct HistoryResult<'a> {
    /// What is in it.
    pub publications: Vec<PublicationResult<'a>>,
    /// The stream; nothing where nobody knows the channel.
    #[schema(required = false)]
    #[serde(skip_serializing_if = "str::is_empty")]
    pub epoch: &'a str,
    /// Its last offset.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>, minimum = 1, nullable = false)]
    pub offset: Option<NonZeroU64>,
}

/// A publication.
#[derive(Debug, Serialize, ToSchema)]
pub struct PublicationResult<'a> {
    /// JSON as it was published; other texts as texts, and bytes in base64.
    #[schema(value_type = Value)]
    data: Cow<'a, RawValue>,
    /// Where it stands in the stream.
    offset: u64,
    /// The client that published it, where one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ClientResult>, nullable = false)]
    info: Option<&'a RawValue>,
    /// What was published with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BTreeMap<String, String>>, nullable = false)]
    tags: Option<&'a RawValue>,
}

impl<'a> PublicationResult<'a> {
    /// A publication, as answers have it.
    pub fn new(publication: &'a Publication) -> Self {
        let json = |json: Option<&'a str>| json.and_then(|json| serde_json::from_str(json).ok());
        let (info, tags) = (json(publication.info()), json(publication.tags()));
        Self { data: data_of(publication), offset: publication.offset(), info, tags }
    }
}

fn data_of(publication: &Publication) -> Cow<'_, RawValue> {
    let payload = publication.payload();
    let text = match publication.kind() {
        Kind::Binary => Cow::Owned(STANDARD.encode(payload)),
        Kind::Text => match serde_json::from_slice::<&RawValue>(payload) {
            Ok(json) => return Cow::Borrowed(json),
            Err(_) => String::from_utf8_lossy(payload),
        },
    };
    // A text written to memory: nothing can fail.
    Cow::Owned(to_raw_value(&text).unwrap_or_default())
}

/// Who listens to a channel.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct PresenceResult {
    /// By the names of their connections.
    pub presence: BTreeMap<String, ClientResult>,
}

/// One who listens.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClientResult {
    /// Its user; empty where its token names none, or it has none.
    user: String,
    /// The name of its connection.
    client: String,
    /// What its token says of it.
    #[schema(value_type = Option<Value>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    conn_info: Option<Box<RawValue>>,
    /// What is said of it in this channel.
    #[schema(value_type = Option<Value>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    chan_info: Option<Box<RawValue>>,
}

impl From<SubscriberInfo> for ClientResult {
    fn from(who: SubscriberInfo) -> Self {
        Self {
            user: who.user.unwrap_or_default(),
            client: who.connection,
            conn_info: who.info.and_then(json_of),
            chan_info: who.channel_info.and_then(json_of),
        }
    }
}

/// JSON as it was given; other bytes in base64.
fn json_of(bytes: Vec<u8>) -> Option<Box<RawValue>> {
    match serde_json::from_slice(&bytes) {
        Ok(json) => Some(json),
        Err(_) => to_raw_value(&STANDARD.encode(bytes)).ok(),
    }
}

/// How many listen to a channel.
#[derive(Debug, Serialize, ToSchema)]
pub struct PresenceStatsResult {
    /// Connections.
    pub num_clients: u64,
    /// Users that they belong to; the anonymous ones are one.
    pub num_users: u64,
}

/// Channels that have subscribers.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct ChannelsResult {
    /// By their names.
    pub channels: BTreeMap<String, ChannelResult>,
}

/// One of them.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct ChannelResult {
    /// Its subscribers.
    pub num_clients: u64,
}

/// The servers.
#[derive(Debug, Serialize, ToSchema)]
pub struct InfoResult {
    /// This one.
    pub nodes: [NodeResult; 1],
}

/// A server.
#[derive(Debug, Serialize, ToSchema)]
pub struct NodeResult {
    /// New with each start.
    pub uid: String,
    /// What it is.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// Clients that listen.
    pub num_clients: u64,
    /// Users that they belong to, counted on each shard.
    pub num_users: u64,
    /// Subscriptions; a client may have several.
    pub num_subs: u64,
    /// Channels that the shards know.
    pub num_channels: u64,
    /// Seconds since its start.
    pub uptime: u64,
    /// What it takes of the machine.
    pub process: ProcessResult,
}

/// What a server takes of its machine.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProcessResult {
    /// Its time on processors since its start, in hundredths of the time of one.
    pub cpu: f64,
    /// Its memory in RAM, in bytes.
    pub rss: u64,
}
