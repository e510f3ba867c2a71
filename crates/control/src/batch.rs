//! `POST /pub`: many publications, one JSON object per line, and one line of result for each.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use switchboard_hub::{ChannelName, Draft, Kind, Receipt};

use crate::body::{self, BodyLimit};
use crate::channel::check_namespace;
use crate::error::ApiError;
use crate::pending::{Answer, Held};
use crate::publish::{Meta, media_type, status_of};
use crate::state::ApiState;

/// Publishes every good line, in order. A bad line does not stop the others; a batch that is too
/// large is refused before its first line.
pub(crate) async fn batch(
    State(state): State<Arc<ApiState>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    check_content_type(&headers)?;
    body::check_encoding(&headers)?;
    let limit = BodyLimit {
        what: "a batch",
        bytes_max: state.config.batch_bytes_max,
        key: "batch_bytes_max",
    };
    let (bytes, mut held) = body::read(&state, body, limit).await?;
    let lines: Vec<&[u8]> =
        bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).collect();
    if lines.len() > state.config.batch_lines_max {
        let message = format!("a batch may have at most {} lines", state.config.batch_lines_max);
        return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_many_lines", message));
    }
    let mut results = Vec::new();
    let mut silent = false;
    for window in lines.chunks(WINDOW) {
        if silent {
            // Each further window would wait just as long.
            for _ in window {
                write_result(&mut results, &Err(not_tried()));
            }
        } else {
            silent = publish_window(&state, window, &mut held, &mut results).await;
        }
    }
    Ok((StatusCode::OK, [(header::CONTENT_TYPE, NDJSON)], results).into_response())
}

/// Publishes some lines, all in flight before the first answer is awaited. True if a shard did not
/// answer.
async fn publish_window(
    state: &ApiState,
    lines: &[&[u8]],
    held: &mut Held,
    results: &mut Vec<u8>,
) -> bool {
    let deadline = state.deadline();
    let answers: Vec<_> = lines
        .iter()
        .map(|line| Line::parse(line, state).map(|line| line.publish(state, held)))
        .collect();
    let mut silent = false;
    for answer in answers {
        let receipt = match answer {
            Ok(answer) => {
                let receipt = answer.by(deadline).await;
                silent |= receipt.is_err();
                receipt
            }
            Err(error) => Err(error),
        };
        write_result(results, &receipt);
    }
    silent
}

fn not_tried() -> ApiError {
    let message = "not tried, since a shard did not answer an earlier line";
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "not_tried", message)
}

const NDJSON: &str = "application/x-ndjson";
/// Publications in flight at once.
const WINDOW: usize = 1_024;

fn check_content_type(headers: &HeaderMap) -> Result<(), ApiError> {
    const KNOWN: [&str; 3] = [NDJSON, "application/ndjson", "application/jsonl"];
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if given.is_some_and(|given| KNOWN.contains(&media_type(given).as_str())) {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "unsupported_media_type",
        "send a batch as application/x-ndjson; one publication goes to /pub/{channel}",
    ))
}

/// A line as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written<'a> {
    channel: String,
    data: Option<String>,
    #[serde(borrow)]
    b64: Option<std::borrow::Cow<'a, str>>,
    content_type: Option<String>,
    event: Option<String>,
}

/// A line that can be published.
struct Line {
    bytes: usize,
    draft: Draft,
    name: ChannelName,
}

impl Line {
    fn parse(line: &[u8], state: &ApiState) -> Result<Self, ApiError> {
        let written: Written<'_> = serde_json::from_slice(line).map_err(|error| {
            let message = format!("a line must be an object with channel and data or b64: {error}");
            ApiError::bad_request("bad_line", message)
        })?;
        let name = check_namespace(ChannelName::new(&written.channel)?, state)?;
        let meta = Meta::new(written.content_type, written.event)?;
        let (kind, payload) = match (written.data, written.b64) {
            (Some(text), None) => (Kind::Text, text.into_bytes()),
            (None, Some(base64)) => (Kind::Binary, decode(&base64)?),
            _ => {
                let message = "a line must have either data (text) or b64 (base64 of bytes)";
                return Err(ApiError::bad_request("bad_line", message));
            }
        };
        let bytes_max = state.config.publish_bytes_max;
        if payload.len() > bytes_max {
            return Err(ApiError::too_large("a publication", bytes_max, "publish_bytes_max"));
        }
        Ok(Self { bytes: payload.len(), draft: meta.draft(kind, &payload), name })
    }

    fn publish(self, state: &ApiState, held: &mut Held) -> Answer<Receipt> {
        Answer::ask(held.split(self.bytes), |reply| {
            state.broker.publish(self.name, self.draft, reply);
        })
    }
}

fn decode(base64: &str) -> Result<Vec<u8>, ApiError> {
    STANDARD.decode(base64).map_err(|error| {
        ApiError::bad_request("bad_base64", format!("b64 must be standard base64: {error}"))
    })
}

/// The result of a line.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Outcome<'a> {
    Published { status: u16, position: String, subscribers: u64 },
    Refused { status: u16, error: &'a ApiError },
}

fn write_result(results: &mut Vec<u8>, receipt: &Result<Receipt, ApiError>) {
    let outcome = match receipt {
        Ok(receipt) => Outcome::Published {
            status: status_of(receipt).as_u16(),
            position: receipt.position.to_string(),
            subscribers: receipt.subscribers,
        },
        Err(error) => Outcome::Refused { status: error.status.as_u16(), error },
    };
    // Numbers and strings written to memory: nothing can fail.
    let _ = serde_json::to_writer(&mut *results, &outcome);
    results.push(b'\n');
}
