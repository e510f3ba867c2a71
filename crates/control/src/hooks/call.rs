//! One request to a backend.

use std::sync::{Mutex, PoisonError};

use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, header};
use bytes::Bytes;
use http_body_util::Full;
use switchboard_hooks::{Breaker, Outcome, Permit, Signer};
use tokio::time::Instant;

use super::config::Endpoint;
use crate::client::CallError;
use crate::clock::unix_ms;

/// Why a backend has no answer to a question.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Failure {
    /// There was no room to wait for it.
    Queue,
    /// The breaker is open: the backend is left alone after failures.
    Breaker,
    /// It took too long.
    Timeout,
    /// It could not be reached: no request was made.
    NotConnected(String),
    /// The connection broke before there was an answer.
    Broken(String),
    /// It answered with another status than 200.
    Status(StatusCode),
    /// Its answer is not what it must be.
    Garbage(String),
}

impl Failure {
    /// For people that run the server; it tells nothing of clients.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Queue => "too many questions wait".to_owned(),
            Self::Breaker => "it is left alone after failures".to_owned(),
            Self::Timeout => "it did not answer in time".to_owned(),
            Self::NotConnected(why) => format!("it cannot be reached: {why}"),
            Self::Broken(why) => format!("the connection broke: {why}"),
            Self::Status(status) => format!("it answered with status {status}"),
            Self::Garbage(why) => why.clone(),
        }
    }

    /// The backend is gone or has too much to do: to ask it less may help. An error of its own says nothing
    /// of that, and a client that can cause one must not cut others off.
    pub(super) fn is_overload(&self) -> bool {
        match self {
            Self::Timeout | Self::NotConnected(_) | Self::Broken(_) => true,
            Self::Status(status) => is_busy(*status),
            Self::Queue | Self::Breaker | Self::Garbage(_) => false,
        }
    }

    /// It may pass when tried again, if that does no harm.
    pub(super) fn is_passing(&self) -> bool {
        match self {
            Self::NotConnected(_) | Self::Broken(_) => true,
            Self::Status(status) => is_busy(*status),
            _ => false,
        }
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        match error {
            CallError::NotConnected(why) => Self::NotConnected(why),
            CallError::Broken(why) => Self::Broken(why),
            CallError::TooLong => Self::Garbage("its answer is too long".to_owned()),
        }
    }
}

/// A proxy in front of the backend does not reach it.
fn is_busy(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
    )
}

/// The request with this body. Headers of the client come after those of the configuration, which win.
pub(super) fn request(
    endpoint: &Endpoint,
    of_client: &[(Box<str>, Box<[u8]>)],
    body: Bytes,
) -> Request<Full<Bytes>> {
    let mut headers = HeaderMap::new();
    for (name, value) in of_client {
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value))
            && !endpoint.static_headers.contains_key(&name)
        {
            headers.append(name, value);
        }
    }
    headers.extend(endpoint.static_headers.clone());
    let json = HeaderValue::from_static("application/json");
    headers.insert(header::CONTENT_TYPE, json.clone());
    headers.entry(header::ACCEPT).or_insert(json);
    if let Some(signer) = &endpoint.signer
        && let Ok(signature) = signer.sign(unix_ms() / 1_000, &body).try_into()
    {
        headers.insert(Signer::HEADER, signature);
    }
    let mut request = Request::post(endpoint.url.uri().clone());
    if let Some(of_request) = request.headers_mut() {
        *of_request = headers;
    }
    // The parts were checked, so nothing is wrong with them.
    request.body(Full::new(body)).unwrap_or_default()
}

/// A call that the breaker waits for, also where it is given up.
#[derive(Debug)]
pub(super) struct Admitted<'a> {
    breaker: &'a Mutex<Breaker>,
    began: Instant,
    permit: Option<Permit>,
}

impl<'a> Admitted<'a> {
    /// None while the backend is left alone. Time counts from `began`.
    pub(super) fn new(breaker: &'a Mutex<Breaker>, began: Instant) -> Option<Self> {
        let permit = lock(breaker).admit(ms_since(began))?;
        Some(Self { breaker, began, permit: Some(permit) })
    }

    /// It has ended; whether calls are refused now.
    pub(super) fn end(mut self, outcome: Outcome) -> bool {
        self.record(outcome);
        lock(self.breaker).is_open(ms_since(self.began))
    }

    fn record(&mut self, outcome: Outcome) {
        if let Some(permit) = self.permit.take() {
            lock(self.breaker).record(permit, outcome, ms_since(self.began), fastrand::f64());
        }
    }
}

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        self.record(Outcome::Abandoned);
    }
}

/// The breaker is whole whatever happened: each of its verbs is one step.
pub(super) fn lock<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The breaker's time.
pub(super) fn ms_since(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
}
