//! `POST` and `PUT /pub/{channel}`: one publication.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::Response;
use switchboard_hub::{Draft, Kind, Receipt};

use crate::body::{self, BodyLimit};
use crate::channel::{PUB, name_in};
use crate::clock::unix_ms;
use crate::error::ApiError;
use crate::info::ChannelInfo;
use crate::pending::Answer;
use crate::state::ApiState;

/// Publishes the body: 201 if the channel has a subscriber, 202 if not.
pub(crate) async fn publish(
    State(state): State<Arc<ApiState>>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let name = name_in(&uri, PUB, &state)?;
    let meta = Meta::of_headers(&headers)?;
    body::check_encoding(&headers)?;
    let limit = BodyLimit {
        what: "a publication",
        bytes_max: state.config.publish_bytes_max,
        key: "publish_bytes_max",
    };
    let (payload, held) = body::read(&state, body, limit).await?;
    let draft = meta.draft(meta.kind_of(&payload), &payload);
    drop(payload);
    let answer = Answer::ask(held, |reply| state.broker.publish(name, draft, reply));
    let receipt = answer.by(state.deadline()).await?;
    let info = ChannelInfo::of_receipt(&receipt, unix_ms());
    Ok(info.respond(status_of(&receipt), &headers))
}

/// Whether a subscriber will get it.
pub(crate) fn status_of(receipt: &Receipt) -> StatusCode {
    if receipt.subscribed { StatusCode::CREATED } else { StatusCode::ACCEPTED }
}

/// What is kept with a payload for clients that listen by HTTP.
#[derive(Debug, Default)]
pub(crate) struct Meta {
    content_type: Option<String>,
    event: Option<String>,
}

/// What `curl -d` says about every body: it describes the tool, not the payload.
const FORM: &str = "application/x-www-form-urlencoded";
const BINARY: &str = "application/octet-stream";
const LABEL_BYTES_MAX: usize = 255;
/// The server's and the browser's own event names in an event stream.
const OWN_EVENTS: [&str; 4] = ["gap", "binary", "open", "error"];

impl Meta {
    /// Checks what will be in response heads and event streams, where a line break would
    /// begin something else.
    pub(crate) fn new(
        content_type: Option<String>,
        event: Option<String>,
    ) -> Result<Self, ApiError> {
        let wrong = |label: &str| {
            label.is_empty() || label.len() > LABEL_BYTES_MAX || label.contains(char::is_control)
        };
        if content_type.as_deref().is_some_and(|label| wrong(label) || !label.is_ascii()) {
            return Err(ApiError::bad_request(
                "bad_content_type",
                "the content type must be 1 to 255 visible ASCII characters",
            ));
        }
        if event.as_deref().is_some_and(wrong) {
            return Err(ApiError::bad_request(
                "bad_event",
                "the event must be 1 to 255 bytes of UTF-8 without control characters",
            ));
        }
        if event.as_deref().is_some_and(|event| OWN_EVENTS.contains(&event)) {
            return Err(ApiError::bad_request(
                "bad_event",
                "the events gap and binary of an event stream are the server's own; name it otherwise",
            ));
        }
        let content_type = content_type.filter(|label| media_type(label) != FORM);
        Ok(Self { content_type, event })
    }

    fn of_headers(headers: &HeaderMap) -> Result<Self, ApiError> {
        let text = |name: &str, code| match headers.get(name).map(|v| str::from_utf8(v.as_bytes()))
        {
            None => Ok(None),
            Some(Ok(text)) => Ok(Some(text.trim().to_owned()).filter(|text| !text.is_empty())),
            Some(Err(_)) => Err(ApiError::bad_request(code, format!("{name} must be UTF-8"))),
        };
        let content_type = text(header::CONTENT_TYPE.as_str(), "bad_content_type")?;
        Self::new(content_type, text("x-eventsource-event", "bad_event")?)
    }

    /// Text, unless the publisher says otherwise or the bytes do.
    fn kind_of(&self, payload: &[u8]) -> Kind {
        let binary = self.content_type.as_deref().is_some_and(|label| media_type(label) == BINARY);
        if binary || str::from_utf8(payload).is_err() { Kind::Binary } else { Kind::Text }
    }

    /// The publication to make.
    pub(crate) fn draft(&self, kind: Kind, payload: &[u8]) -> Draft {
        let mut draft = Draft::new(kind, payload);
        if let Some(content_type) = &self.content_type {
            draft = draft.with_content_type(content_type);
        }
        if let Some(event) = &self.event {
            draft = draft.with_event(event);
        }
        draft
    }
}

/// A content type without its parameters, in lower case.
pub(crate) fn media_type(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase()
}
