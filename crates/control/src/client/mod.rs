//! An HTTP client for addresses that the configuration names: no redirects, bounded answers.

mod connector;
mod url;

use std::time::Duration;

use axum::http::{HeaderValue, Request, StatusCode, header};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};

pub(crate) use connector::Connector;
use connector::Timed;
pub use url::{Url, UrlError};

/// Sends requests to one address. Its connections are kept for the next ones.
#[derive(Clone, Debug)]
pub(crate) struct HttpClient(Client<Timed, Full<Bytes>>);

/// Why there is no whole answer.
#[derive(Debug)]
pub(crate) enum CallError {
    /// There was no connection: the request was not sent.
    NotConnected(String),
    /// The connection broke; nobody knows whether the request was read.
    Broken(String),
    /// The answer is longer than it may be.
    TooLong,
}

/// How long a connection stays open without a request. Common servers close theirs after 5 s, and a request
/// that meets such an end is lost.
const IDLE: Duration = Duration::from_secs(4);

/// What a head of an answer may take.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// What requests say of themselves, unless they say something else.
const USER_AGENT: &str = concat!("switchboard/", env!("CARGO_PKG_VERSION"));

impl HttpClient {
    /// Keeps up to `connections` open, each of which must come about, with TLS, within `connect_within`.
    pub(crate) fn new(connector: &Connector, connections: usize, connect_within: Duration) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(connections)
            .http1_max_buf_size(HEAD_BYTES_MAX)
            .build(Timed::new(connector.clone(), connect_within));
        Self(client)
    }

    /// Sends a request, and reads an answer of at most `bytes_max`. The caller has a deadline.
    pub(crate) async fn send(
        &self,
        mut request: Request<Full<Bytes>>,
        bytes_max: usize,
    ) -> Result<(StatusCode, Bytes), CallError> {
        let agent = HeaderValue::from_static(USER_AGENT);
        request.headers_mut().entry(header::USER_AGENT).or_insert(agent);
        let response = self.0.request(request).await.map_err(|error| {
            let text = with_causes(&error);
            if error.is_connect() { CallError::NotConnected(text) } else { CallError::Broken(text) }
        })?;
        let (head, body) = response.into_parts();
        match Limited::new(body, bytes_max).collect().await {
            Ok(body) => Ok((head.status, body.to_bytes())),
            Err(error) if error.is::<LengthLimitError>() => Err(CallError::TooLong),
            Err(error) => Err(CallError::Broken(with_causes(&*error))),
        }
    }
}

/// An error, which often says little by itself, and what it comes from.
fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let causes: Vec<String> = std::iter::successors(Some(error), |error| error.source())
        .map(ToString::to_string)
        .collect();
    causes.join(": ")
}
