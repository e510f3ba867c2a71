//! What the gateway asks of a stream, as NATS is asked it.

use async_nats::{HeaderMap, Message};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::json;
use switchboard_cluster::{
    Answer, Direction, Fetch, Fetched, Message as Stored, Request, Standing, Subjects,
    epoch_marker_headers,
};
use switchboard_hub::{ChannelName, Epoch};

use super::batch::{Batch, Get, number, pairs};
use super::connection::Connection;
use super::error::Failed;
use super::publications::{Ack, headers_of};

/// "wrong last sequence": there is a marker already.
const NOT_THE_FIRST: u32 = 10_071;
/// "no message found".
const NO_MESSAGE: u32 = 10_037;

/// One stream.
#[derive(Clone, Debug)]
pub(super) struct StreamRequests {
    pub(super) connection: Connection,
    pub(super) subjects: Subjects,
    pub(super) partition: u16,
    /// A random number for a new epoch.
    pub(super) random: u64,
}

impl StreamRequests {
    /// Asks.
    pub(super) async fn ask(&self, request: Request) -> Answer {
        let answer = match request {
            Request::Standing => self.standing().await.map(Answer::Standing),
            Request::Head { channel } => self.head(&channel).await,
            Request::Fetch { channel, fetch } => {
                self.fetch(&channel, fetch).await.map(Answer::Fetched)
            }
            Request::Check { channels } => self.check(&channels).await,
            Request::MarkEpoch => self.mark_epoch().await,
        };
        answer.unwrap_or(Answer::Failed)
    }

    fn stream(&self) -> String {
        self.subjects.stream(self.partition)
    }

    fn marker(&self) -> String {
        self.subjects.epoch_marker(Direction::In, self.partition)
    }

    fn subject(&self, channel: &ChannelName) -> String {
        self.subjects.channel(Direction::In, channel)
    }

    /// How the stream stands, as its leader knows it. The end of the stream is asked for last, so that it is
    /// not before what was asked for first.
    async fn standing(&self) -> Result<Standing, Failed> {
        let marker = self.newest(&self.marker()).await?;
        let epoch = marker.map(|(_, body)| epoch_of(&body)).transpose()?;
        let info: Info = self.api("STREAM.INFO", String::new()).await?;
        Ok(Standing { epoch, last: info.state.ok_or(Failed)?.last_seq })
    }

    async fn head(&self, channel: &ChannelName) -> Result<Answer, Failed> {
        // Where nothing of the channel is held, what is stored after this has yet to come. Asked the other way
        // round, a first message between the two would be taken for old.
        let standing = self.standing().await?;
        let head = self.newest(&self.subject(channel)).await?;
        Ok(Answer::Head(standing, head.map(|(sequence, _)| sequence)))
    }

    /// The sequence and the body of the newest message of a subject, as the leader knows it.
    async fn newest(&self, subject: &str) -> Result<Option<(u64, Vec<u8>)>, Failed> {
        let asked = json!({ "last_by_subj": subject }).to_string();
        let found: Found = self.api("STREAM.MSG.GET", asked).await?;
        match found {
            Found { message: Some(message), .. } => {
                let body = BASE64_STANDARD.decode(message.data).map_err(|_| Failed)?;
                Ok(Some((message.seq, body)))
            }
            Found { error: Some(ApiError { err_code: NO_MESSAGE }), .. } => Ok(None),
            Found { .. } => Err(Failed),
        }
    }

    async fn fetch(&self, channel: &ChannelName, fetch: Fetch) -> Result<Fetched, Failed> {
        let (stream, subject) = (self.stream(), self.subject(channel));
        let Fetch { from, batch } = fetch;
        let get = Get::Next { seq: from.max(1), next_by_subj: &subject, batch };
        let batch = Batch::get(&self.connection, &stream, &get).await?;
        let pending = batch.end("Nats-Num-Pending").unwrap_or(0);
        let messages = batch.messages.iter().map(stored).collect::<Result<_, _>>()?;
        let subjects = [subject, self.marker()];
        let (standing, newest) = self.newest_of(&subjects).await?;
        Ok(Fetched { standing, head: newest.first().copied().flatten(), messages, pending })
    }

    async fn check(&self, channels: &[ChannelName]) -> Result<Answer, Failed> {
        let subjects = channels.iter().map(|channel| self.subject(channel));
        let subjects: Vec<String> = subjects.chain([self.marker()]).collect();
        let (standing, mut newest) = self.newest_of(&subjects).await?;
        newest.truncate(channels.len());
        Ok(Answer::Checked(standing, newest))
    }

    /// The newest sequences of some subjects, of which the epoch's marker is the last, and how the stream
    /// stands: as one replica knows it at one moment.
    async fn newest_of(&self, subjects: &[String]) -> Result<(Standing, Vec<Option<u64>>), Failed> {
        let get = Get::Last { multi_last: subjects };
        let batch = Batch::get(&self.connection, &self.stream(), &get).await?;
        let last = batch.end("Nats-UpTo-Sequence").unwrap_or(0);
        let (mut epoch, mut newest) = (None, vec![None; subjects.len()]);
        for message in &batch.messages {
            let headers = message.headers.as_ref().ok_or(Failed)?;
            let subject = headers.get_last("Nats-Subject").ok_or(Failed)?.as_str();
            let at = subjects.iter().position(|own| own == subject).ok_or(Failed)?;
            newest[at] = Some(number(headers, "Nats-Sequence").ok_or(Failed)?);
            if at + 1 == subjects.len() {
                epoch = Some(epoch_of(&message.payload)?);
            }
        }
        Ok((Standing { epoch, last }, newest))
    }

    async fn mark_epoch(&self) -> Result<Answer, Failed> {
        let headers: HeaderMap = headers_of(&epoch_marker_headers());
        let body = Epoch::from_random(self.random).to_string();
        let answer =
            self.connection.client.request_with_headers(self.marker(), headers, body.into());
        match Ack::of(&answer.await.map_err(|_| Failed)?) {
            Ack::Stored(_) | Ack::Refused(_, NOT_THE_FIRST) => Ok(Answer::Marked),
            Ack::Refused(..) => Err(Failed),
        }
    }

    async fn api<T: for<'a> Deserialize<'a>>(&self, call: &str, body: String) -> Result<T, Failed> {
        let subject = format!("$JS.API.{call}.{}", self.stream());
        let answer = self.connection.client.request(subject, body.into()).await;
        serde_json::from_slice(&answer.map_err(|_| Failed)?.payload).map_err(|_| Failed)
    }
}

fn stored(message: &Message) -> Result<Stored, Failed> {
    Stored::parse(&pairs(message.headers.as_ref()), &message.payload).map_err(|_| Failed)
}

fn epoch_of(body: &[u8]) -> Result<Epoch, Failed> {
    str::from_utf8(body).ok().and_then(|text| text.parse().ok()).ok_or(Failed)
}

/// The answer to `STREAM.INFO`.
#[derive(Debug, Deserialize)]
struct Info {
    state: Option<State>,
}

#[derive(Debug, Deserialize)]
struct State {
    last_seq: u64,
}

/// The answer to `STREAM.MSG.GET`.
#[derive(Debug, Deserialize)]
struct Found {
    message: Option<FoundMessage>,
    error: Option<ApiError>,
}

#[derive(Debug, Deserialize)]
struct FoundMessage {
    seq: u64,
    #[serde(default)]
    data: String,
}

#[derive(Debug, Deserialize)]
struct ApiError {
    err_code: u32,
}
