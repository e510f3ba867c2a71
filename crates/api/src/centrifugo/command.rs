//! `publish` and `broadcast`: one payload, for one or several channels.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use switchboard_hub::{ChannelName, Condition, Draft, Kind, Version};
use utoipa::ToSchema;

use super::error::{CallError, Unread};
use crate::ItemLimits;

/// Largest key or epoch of a version, in bytes.
const LABEL_BYTES_MAX: usize = 255;

/// One publication that is wanted.
#[derive(Debug)]
pub struct Publication {
    /// Its channel.
    pub name: ChannelName,
    /// What is published.
    pub draft: Draft,
    /// What must hold for it.
    pub condition: Condition,
    /// It is only for those who listen now.
    pub skips_history: bool,
}

impl Publication {
    /// What the hub is given where the channel has such a history.
    ///
    /// # Errors
    /// Where it is to be kept out of a history: subscribers are sent what the log of their channel has.
    pub fn admit(self, has_history: bool) -> Result<(Draft, Condition), CallError> {
        if self.skips_history && has_history {
            return Err(CallError::not_available(
                "skip_history needs a namespace without a history (history_publications = 0)",
            ));
        }
        Ok((self.draft, self.condition))
    }
}

/// What a command publishes.
#[derive(Debug)]
pub(super) struct Content {
    channels: Vec<Box<str>>,
    kind: Kind,
    payload: Box<[u8]>,
    tags: Option<Box<str>>,
    condition: Condition,
    skips_history: bool,
}

impl Content {
    pub(super) fn channels(&self) -> usize {
        self.channels.len()
    }

    /// What one of its publications takes.
    pub(super) fn bytes(&self) -> usize {
        self.payload.len() + self.tags.as_ref().map_or(0, |tags| tags.len())
    }

    /// The publication to the `index`th channel.
    pub(super) fn publication(&self, index: usize) -> Result<Publication, CallError> {
        let name = self.channels.get(index).map(|channel| ChannelName::new(channel));
        let name = name.ok_or_else(|| CallError::bad_request("channel is missing"))??;
        let mut draft = Draft::new(self.kind, &self.payload);
        if let Some(tags) = &self.tags {
            draft = draft.with_tags(tags);
        }
        let condition = self.condition.clone();
        Ok(Publication { name, draft, condition, skips_history: self.skips_history })
    }
}

/// A command as it is written. What Centrifugo has beside it is read over.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct Written<'a> {
    /// The channel.
    #[schema(value_type = String, required, nullable = false, min_length = 1, max_length = 255,
        pattern = r"^[^/\x00-\x1f\x7f-\x9f]+$")]
    channel: Option<Cow<'a, str>>,
    /// The channels. One that has no good name gets an error in its place.
    #[schema(value_type = Vec<String>, required, nullable = false, min_items = 1)]
    channels: Option<Vec<Cow<'a, str>>>,
    /// Any JSON. Subscribers receive it as it is written.
    #[schema(value_type = Value, required = false)]
    #[serde(borrow, default, deserialize_with = "even_null")]
    data: Option<&'a RawValue>,
    /// Bytes in base64, which replace `data`. An empty text counts as none.
    #[schema(value_type = Option<String>, pattern = r"^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$")]
    b64data: Option<Cow<'a, str>>,
    /// Only for those who listen now. Where the namespace has a history it is refused.
    skip_history: Option<bool>,
    /// Changes nothing: the namespace says whether subscribers are sent deltas.
    #[serde(rename = "delta")]
    _delta: Option<bool>,
    /// What is kept with the publication.
    tags: Option<BTreeMap<String, String>>,
    /// The same key in the same channel within five minutes publishes nothing and gets the first answer again.
    #[schema(value_type = Option<String>, max_length = 255)]
    idempotency_key: Option<Box<str>>,
    /// Above 0: a publication is dropped unless its version is larger than the last one's.
    #[schema(maximum = 18_446_744_073_709_551_615_u64)]
    version: Option<u64>,
    /// Versions of another epoch begin anew.
    #[schema(value_type = Option<String>, max_length = 255)]
    version_epoch: Option<Box<str>>,
}

/// `null` is a payload like others.
fn even_null<'de, D: Deserializer<'de>>(from: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

/// Reads one object, and nothing behind it.
pub(super) fn read<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, Unread> {
    // A list would be taken for the members in their order.
    if json.trim_ascii_start().first().is_some_and(|first| *first != b'{') {
        return Err(Unread("it does not begin with {".to_owned()));
    }
    // Nor does the library look at bytes that it reads over.
    let json = str::from_utf8(json).map_err(|_| Unread("it is not UTF-8".to_owned()))?;
    Ok(serde_json::from_str(json)?)
}

impl Written<'_> {
    /// What is to be published to `channel`.
    pub(super) fn publish(mut self, limits: ItemLimits) -> Result<Content, CallError> {
        let channel = self.channel.take().filter(|channel| !channel.is_empty());
        let channel = channel.ok_or_else(|| CallError::bad_request("channel is missing"))?;
        // The publisher hears of a bad name first, then of a bad payload.
        ChannelName::new(&channel)?;
        self.content(vec![channel.into()], limits)
    }

    /// What is to be published to each of `channels`.
    pub(super) fn broadcast(mut self, limits: ItemLimits) -> Result<Content, CallError> {
        let channels = self.channels.take().unwrap_or_default();
        if channels.is_empty() {
            return Err(CallError::bad_request("channels is missing or empty"));
        }
        self.content(channels.into_iter().map(Into::into).collect(), limits)
    }

    fn content(self, channels: Vec<Box<str>>, limits: ItemLimits) -> Result<Content, CallError> {
        let (kind, payload) = match self.b64data.filter(|data| !data.is_empty()) {
            Some(data) => (Kind::Binary, decode(&data)?),
            None => match self.data {
                Some(data) => (Kind::Text, data.get().as_bytes().into()),
                None => return Err(CallError::bad_request("data and b64data are missing")),
            },
        };
        let key = label("idempotency_key", self.idempotency_key)?;
        let epoch = label("version_epoch", self.version_epoch)?.unwrap_or_default();
        let number = self.version.filter(|number| *number > 0);
        let version = number.map(|number| Version { number, epoch });
        let condition = Condition { key, version };
        let tags = self.tags.filter(|tags| !tags.is_empty());
        // Texts written to memory: nothing can fail.
        let tags = tags.and_then(|tags| serde_json::to_string(&tags).ok()).map(Into::into);
        let skips_history = self.skip_history.unwrap_or(false);
        let content = Content { channels, kind, payload, tags, condition, skips_history };
        limits.check(content.bytes()).map_err(|error| CallError::bad_request(error.message))?;
        Ok(content)
    }
}

fn decode(base64: &str) -> Result<Box<[u8]>, CallError> {
    let bytes = STANDARD.decode(base64).map_err(|error| {
        CallError::bad_request(format!("b64data must be standard base64: {error}"))
    })?;
    Ok(bytes.into())
}

fn label(name: &str, label: Option<Box<str>>) -> Result<Option<Box<str>>, CallError> {
    match label.filter(|label| !label.is_empty()) {
        Some(label) if label.len() > LABEL_BYTES_MAX => {
            let rule = format!("{name} has at most {LABEL_BYTES_MAX} bytes");
            Err(CallError::bad_request(rule))
        }
        label => Ok(label),
    }
}
