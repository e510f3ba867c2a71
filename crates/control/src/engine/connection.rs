//! The connection to NATS, and what comes over it.

use std::sync::Arc;
use std::time::Duration;

use async_nats::{Client, ConnectOptions, Event, Message, jetstream};
use futures_util::StreamExt;
use switchboard_cluster::Place;
use switchboard_gateway::{Asker, Stream};
use switchboard_hub::NamespaceId;
use tokio::sync::mpsc;

use super::config::{Credentials, EngineConfig, EngineTls};
use super::error::EngineError;
use super::inbox::Inbox;

/// A server that does not answer for twice as long is given up.
const PING_INTERVAL: Duration = Duration::from_secs(1);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long anything that is asked may take.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);
/// The longest wait between two tries to connect.
const RECONNECT_MAX: Duration = Duration::from_millis(500);
/// What one subscription keeps while it is not read. What is beyond is dropped, and looked for later.
const SUBSCRIPTION_MAX: usize = 16_384;
/// What waits to be written.
const COMMANDS_MAX: usize = 16_384;

/// What the driver hears.
#[derive(Debug)]
pub(super) enum Heard {
    /// The connection was made or lost, or something went wrong.
    Event(Event),
    /// A bucket is subscribed to, and NATS knows.
    Live(NamespaceId, Place),
    /// NATS repeats what it has stored.
    Repeated(NamespaceId, Message),
    /// NATS answers for a publication.
    Acknowledged(Message),
    /// NATS has answered what was asked.
    Answered(Stream, Asker, switchboard_cluster::Answer),
    /// All streams are there and as they must be, or why not.
    Streams(Result<(), Arc<EngineError>>),
}

/// The connection to NATS.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    pub(super) client: Client,
    pub(super) inbox: Inbox,
}

impl Connection {
    /// Begins to connect, and goes on with that until it has.
    pub(super) async fn open(
        config: &EngineConfig,
        heard: mpsc::Sender<Heard>,
    ) -> Result<Self, EngineError> {
        let events = heard.clone();
        let options = options(config).await?.retry_on_initial_connect();
        let options = options.event_callback(move |event| {
            let events = events.clone();
            async move {
                // The driver has ended where nobody listens.
                let _ = events.send(Heard::Event(event)).await;
            }
        });
        let client = options.connect(&config.servers).await.map_err(EngineError::connect)?;
        let inbox = Inbox::open(&client).await.map_err(EngineError::connect)?;
        let connection = Self { client, inbox };
        connection.listen_for_acknowledgements(heard).await?;
        Ok(connection)
    }

    async fn listen_for_acknowledgements(
        &self,
        heard: mpsc::Sender<Heard>,
    ) -> Result<(), EngineError> {
        let subject = self.inbox.acknowledgements();
        let mut all = self.client.subscribe(subject).await.map_err(EngineError::connect)?;
        tokio::spawn(async move {
            while let Some(message) = all.next().await {
                if heard.send(Heard::Acknowledged(message)).await.is_err() {
                    return;
                }
            }
        });
        Ok(())
    }

    /// Waits until the server has read all that was sent before: it answers in order.
    pub(super) async fn round_trip(&self) -> bool {
        let (reply, mut answer) = self.inbox.ask();
        let sent = self.client.publish(reply, bytes::Bytes::new()).await;
        let came = tokio::time::timeout(REQUEST_TIMEOUT, answer.recv()).await;
        sent.is_ok() && matches!(came, Ok(Some(_)))
    }
}

/// The streams of NATS, by the client.
pub(super) fn context(client: &Client) -> jetstream::Context {
    jetstream::new(client.clone())
}

/// Connects once, for what is done and over.
pub(super) async fn connect_once(config: &EngineConfig) -> Result<Client, EngineError> {
    let options = options(config).await?.max_reconnects(1);
    options.connect(&config.servers).await.map_err(EngineError::connect)
}

async fn options(config: &EngineConfig) -> Result<ConnectOptions, EngineError> {
    let options = ConnectOptions::new()
        .name("switchboard")
        .ping_interval(PING_INTERVAL)
        .connection_timeout(CONNECT_TIMEOUT)
        .request_timeout(Some(REQUEST_TIMEOUT))
        .subscription_capacity(SUBSCRIPTION_MAX)
        .client_capacity(COMMANDS_MAX)
        .reconnect_delay_callback(|tries| {
            let tries = u32::try_from(tries).unwrap_or(u32::MAX);
            Duration::from_millis(20).saturating_mul(tries).min(RECONNECT_MAX)
        });
    let options = match &config.credentials {
        Credentials::None => options,
        Credentials::File(path) => options
            .credentials_file(path)
            .await
            .map_err(|source| EngineError::Credentials { path: path.clone(), source })?,
        Credentials::User { name, password } => {
            options.user_and_password(name.clone(), password.clone())
        }
        Credentials::Token(token) => options.token(token.clone()),
    };
    Ok(match config.tls.clone() {
        None => options,
        Some(EngineTls { ca, certificate }) => {
            let options = options.require_tls(true);
            let options = match ca {
                Some(ca) => options.add_root_certificates(ca),
                None => options,
            };
            match certificate {
                Some((certificate, key)) => options.add_client_certificate(certificate, key),
                None => options,
            }
        }
    })
}
