//! Where backends are, and how hard they may be asked.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use switchboard_hooks::{Event, Hook, Signer};

use crate::client::Url;

/// All backends.
#[derive(Clone, Debug, Default)]
pub struct HooksConfig {
    /// Those that are asked.
    pub asked: BTreeMap<Hook, HookConfig>,
    /// The one that gets events.
    pub events: Option<EventsConfig>,
}

impl HooksConfig {
    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.asked.is_empty() && self.events.is_none()
    }

    /// All addresses.
    pub(crate) fn urls(&self) -> impl Iterator<Item = &Url> {
        let asked = self.asked.values().map(|hook| &hook.endpoint.url);
        asked.chain(self.events.iter().map(|events| &events.endpoint.url))
    }
}

/// Where requests go, and what each has.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The address.
    pub url: Url,
    /// How long a question may take from when it is put, or a batch of events from when it is sent.
    pub timeout: Duration,
    /// Headers of every request; they win over those of a client.
    pub static_headers: HeaderMap,
    /// Signs each request.
    pub signer: Option<Signer>,
}

/// A backend that is asked.
#[derive(Clone, Debug)]
pub struct HookConfig {
    /// Where.
    pub endpoint: Endpoint,
    /// Requests under way at a time.
    pub concurrency_max: usize,
    /// Questions that wait until a request may be made.
    pub queue_max: usize,
    /// Longest answer, in bytes. All answers under way are held at once, and what a backend sends
    /// without end is read up to here for each question, beside the clients that listen.
    pub answer_bytes_max: usize,
}

/// The backend that gets events.
#[derive(Clone, Debug)]
pub struct EventsConfig {
    /// Where.
    pub endpoint: Endpoint,
    /// The names of the events that it gets.
    pub wanted: Vec<&'static str>,
    /// How long the first event of a batch waits for others.
    pub batch: Duration,
    /// How long it is not told that a channel was occupied or vacated, because that may be undone; 0 is not at
    /// all.
    pub debounce: Duration,
    /// Events that wait.
    pub queue_max: usize,
}

impl EventsConfig {
    pub(crate) fn is_wanted(&self, event: &Event) -> bool {
        self.wanted.contains(&event.kind.name())
    }
}

/// Whether a request to a backend may have this header from a client or from the configuration. Those that
/// say how a message is read, and where it goes, are the server's own.
pub fn is_allowed_header(name: &HeaderName) -> bool {
    let own = [
        header::HOST,
        header::CONTENT_LENGTH,
        header::CONTENT_TYPE,
        header::CONTENT_ENCODING,
        header::CONNECTION,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
        header::TE,
        header::TRAILER,
        header::EXPECT,
        header::ACCEPT_ENCODING,
        header::PROXY_AUTHORIZATION,
        HeaderName::from_static("keep-alive"),
        HeaderName::from_static("proxy-connection"),
        HeaderName::from_static(Signer::HEADER),
    ];
    !own.contains(name)
}

/// A header of the configuration. Its value may be a secret.
///
/// # Errors
/// A sentence that says what would be right.
pub fn static_header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), &'static str> {
    let name = header_name(name)?;
    let mut value = HeaderValue::from_str(value)
        .map_err(|_| "the value must be visible ASCII characters and spaces")?;
    value.set_sensitive(true);
    Ok((name, value))
}

/// The name of a header that a request to a backend may have.
///
/// # Errors
/// A sentence that says what would be right.
pub fn header_name(name: &str) -> Result<HeaderName, &'static str> {
    let name: HeaderName = name.parse().map_err(|_| "must be the name of a header")?;
    if is_allowed_header(&name) {
        Ok(name)
    } else {
        Err("is the server's own in its requests: leave it out")
    }
}
