//! Direct gets, which any replica answers with several messages and an end (ADR-31 of NATS).

use async_nats::{HeaderMap, Message};
use serde::Serialize;
use tokio::time::timeout;

use super::connection::{Connection, REQUEST_TIMEOUT};
use super::error::Failed;

/// What is asked for.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Get<'a> {
    /// Messages of one subject in their order.
    Next {
        /// From this sequence on.
        seq: u64,
        next_by_subj: &'a str,
        /// So many at most.
        batch: u32,
    },
    /// The newest message of each subject, all at one moment.
    Last { multi_last: &'a [String] },
}

/// The answer.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) messages: Vec<Message>,
    /// What the end says; nothing where there were no messages.
    end: HeaderMap,
}

impl Batch {
    /// Asks a stream.
    pub(super) async fn get(
        connection: &Connection,
        stream: &str,
        get: &Get<'_>,
    ) -> Result<Self, Failed> {
        let (reply, mut answer) = connection.inbox.ask();
        let subject = format!("$JS.API.DIRECT.GET.{stream}");
        let body = serde_json::to_vec(get).map_err(|_| Failed)?;
        let sent = connection.client.publish_with_reply(subject, reply, body.into());
        timeout(REQUEST_TIMEOUT, sent).await.map_err(|_| Failed)?.map_err(|_| Failed)?;
        let mut batch = Self::default();
        loop {
            let message = timeout(REQUEST_TIMEOUT, answer.recv()).await;
            let message = message.map_err(|_| Failed)?.ok_or(Failed)?;
            match message.status.map(|status| status.as_u16()) {
                None => batch.messages.push(message),
                Some(204) => {
                    batch.end = message.headers.unwrap_or_default();
                    return Ok(batch);
                }
                Some(404) => return Ok(batch),
                Some(_) => return Err(Failed),
            }
        }
    }

    /// A number that the end says.
    pub(super) fn end(&self, name: &str) -> Option<u64> {
        number(&self.end, name)
    }
}

/// A header as a number.
pub(super) fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get_last(name)?.as_str().parse().ok()
}

/// All headers of a message.
pub(super) fn pairs(headers: Option<&HeaderMap>) -> Vec<(&str, &str)> {
    let all = headers.into_iter().flat_map(HeaderMap::iter);
    let pairs = all.flat_map(|(name, values)| {
        let name: &str = name.as_ref();
        values.iter().map(move |value| (name, value.as_str()))
    });
    pairs.collect()
}
