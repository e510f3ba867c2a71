//! The keys of tokens, where they are at an address: fetched at the start, from time to time, and when a
//! token names one that is not there.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{Request, StatusCode, header};
use bytes::Bytes;
use http_body_util::Full;
use tokio::runtime::Handle;
use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;

use crate::client::{CallError, Connector, HttpClient, Url};

/// Where the keys are.
#[derive(Clone, Debug)]
pub struct JwksConfig {
    /// The address of a JWK set (RFC 7517).
    pub url: Url,
    /// How long until they are fetched again.
    pub refresh: Duration,
    /// How long at least, when they are fetched because of a key that is not there: anybody can name one.
    pub unknown_key_pause: Duration,
}

/// Fetches the keys, one request at a time, until the runtime ends.
#[derive(Debug)]
pub struct Jwks {
    first: oneshot::Receiver<()>,
}

/// Says that a token has named a key that is not there.
#[derive(Clone, Debug, Default)]
pub struct UnknownKey(Arc<Notify>);

/// Takes a JWK set. The error says what is wrong with it; the keys of before are kept then.
pub type TakeKeys = Box<dyn FnMut(&[u8]) -> Result<(), String> + Send>;

/// Longest JWK set, in bytes.
const BYTES_MAX: usize = 256 << 10;
/// How long it may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How long until the next try, where keys could not be fetched: at first, and at most.
const RETRY: (Duration, Duration) = (Duration::from_secs(5), Duration::from_mins(2));

impl UnknownKey {
    /// Costs little, from any thread and however often.
    pub fn notice(&self) {
        self.0.notify_one();
    }
}

impl Jwks {
    /// Starts to fetch; `take` gets each set that differs from the one before.
    ///
    /// # Errors
    /// When the address is https and the machine has no certificates.
    pub fn start(
        config: JwksConfig,
        unknown_key: UnknownKey,
        runtime: &Handle,
        take: TakeKeys,
    ) -> io::Result<Self> {
        let connector = Connector::new(config.url.is_https())?;
        let (done, first) = oneshot::channel();
        let fetcher = Fetcher {
            client: HttpClient::new(&connector, 0, TIMEOUT),
            config,
            unknown_key,
            take,
            last: None,
            first: Some(done),
        };
        runtime.spawn(fetcher.run());
        Ok(Self { first })
    }

    /// Waits until the first try has succeeded or failed, for so long at most.
    pub async fn first(self, within: Duration) {
        // The log says what became of it.
        let _ = timeout(within, self.first).await;
    }
}

struct Fetcher {
    config: JwksConfig,
    client: HttpClient,
    unknown_key: UnknownKey,
    take: TakeKeys,
    /// The set in force.
    last: Option<Bytes>,
    first: Option<oneshot::Sender<()>>,
}

impl Fetcher {
    async fn run(mut self) {
        let (mut retry, retry_max) = RETRY;
        loop {
            let next = match self.fetch().await {
                Ok(()) => {
                    retry = RETRY.0;
                    self.config.refresh
                }
                Err(why) => {
                    self.warn(&why);
                    let next = retry.min(self.config.refresh);
                    retry = (retry * 2).min(retry_max);
                    next
                }
            };
            if let Some(first) = self.first.take() {
                // The server may have had enough of waiting.
                let _ = first.send(());
            }
            let asked_for = async {
                tokio::time::sleep(self.config.unknown_key_pause).await;
                self.unknown_key.0.notified().await;
            };
            tokio::select! {
                () = tokio::time::sleep(next) => {}
                () = asked_for => {}
            }
        }
    }

    async fn fetch(&mut self) -> Result<(), String> {
        let request = Request::get(self.config.url.uri().clone())
            .header(header::ACCEPT, "application/json")
            .body(Full::new(Bytes::new()))
            .map_err(|error| error.to_string())?;
        let sent = self.client.send(request, BYTES_MAX);
        let (status, set) = match timeout(TIMEOUT, sent).await {
            Err(_) => return Err("no answer in time".to_owned()),
            Ok(Err(CallError::NotConnected(why) | CallError::Broken(why))) => return Err(why),
            Ok(Err(CallError::TooLong)) => return Err(format!("more than {BYTES_MAX} bytes")),
            Ok(Ok(answer)) => answer,
        };
        if status != StatusCode::OK {
            return Err(format!("status {status}, and redirects are not followed"));
        }
        if self.last.as_ref() != Some(&set) {
            (self.take)(&set)?;
            tracing::info!("token_jwks: new keys from {}", self.config.url);
            self.last = Some(set);
        }
        Ok(())
    }

    fn warn(&self, why: &str) {
        let url = &self.config.url;
        if self.last.is_some() {
            tracing::warn!("token_jwks: {url}: {why}; the keys of before are kept");
        } else {
            tracing::error!(
                "token_jwks: {url}: {why}; there are no keys, so tokens that need one are refused (401) until it \
                 can be fetched"
            );
        }
    }
}
