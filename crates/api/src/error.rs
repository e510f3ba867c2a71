//! Refusals, as `{"error":{"code","message"}}`.

use std::borrow::Cow;

use serde::Serialize;
use switchboard_hub::{ChannelName, NameError, Unpublished};
use switchboard_ws::head::HeadError;
use utoipa::ToSchema;

/// The code of a body with a Content-Encoding.
const ENCODED: &str = "unsupported_content_encoding";

/// Why a request was refused.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, ToSchema, thiserror::Error)]
#[schema(as = Refusal)]
#[error("{message}")]
pub struct ApiError {
    /// The status of HTTP.
    #[serde(skip)]
    pub status: u16,
    /// Stable, for programs.
    pub code: &'static str,
    /// One sentence, for people. Without one, the answer has no body.
    #[schema(value_type = String)]
    pub message: Cow<'static, str>,
}

impl ApiError {
    /// A refusal with this status, code and sentence.
    pub fn new(status: u16, code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// A refusal that says nothing but its status.
    pub(crate) fn without_body(status: u16, code: &'static str) -> Self {
        Self::new(status, code, "")
    }

    /// 400.
    pub fn bad_request(code: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(400, code, message)
    }

    /// 413: `what` has more than `bytes_max` bytes, which the configuration key `key` sets.
    pub fn too_large(what: &str, bytes_max: usize, key: &str) -> Self {
        let message = format!("{what} may have at most {bytes_max} bytes ({key})");
        Self::new(413, "too_large", message)
    }

    /// 413: a batch with more lines than it may have.
    pub fn too_many_lines(lines_max: usize) -> Self {
        let message = format!("a batch may have at most {lines_max} lines");
        Self::new(413, "too_many_lines", message)
    }

    /// 415: a body that is encoded, by gzip for example.
    pub fn encoded() -> Self {
        Self::new(415, ENCODED, "a body with a Content-Encoding is not accepted: send it as it is")
    }

    /// 415: a batch that is not NDJSON.
    pub fn not_ndjson() -> Self {
        Self::new(
            415,
            "unsupported_media_type",
            "send a batch as application/x-ndjson; one publication goes to /pub/{channel}",
        )
    }

    /// 404: the channel is in no namespace of a strict configuration.
    pub fn unknown_namespace(name: &ChannelName) -> Self {
        let namespace = name.namespace().unwrap_or_default();
        let message = format!("no [namespace.NAME] is named {namespace:?} (strict_namespaces)");
        Self::new(404, "unknown_namespace", message)
    }

    /// 404: nobody knows the channel.
    pub fn unknown_channel() -> Self {
        Self::new(404, "unknown_channel", "no such channel")
    }

    /// A head that breaks a rule of HTTP or a limit.
    pub fn of_head(error: HeadError) -> Self {
        let code = match error.status() {
            408 => "head_timeout",
            413 | 414 | 431 => "head_too_large",
            501 => "unknown_transfer_coding",
            505 => "unknown_version",
            _ => "bad_head",
        };
        Self::new(error.status(), code, error.to_string())
    }

    /// 501: nobody knows the method.
    pub fn unknown_method() -> Self {
        let message = "this server does not know the method of the request";
        Self::new(501, "unknown_method", message)
    }

    /// 503: no room for more bytes.
    pub fn busy() -> Self {
        Self::new(503, "busy", "too many bytes are in flight to the shards; try again")
    }

    /// 503: a shard or the control side is silent.
    pub fn no_answer() -> Self {
        Self::new(
            503,
            "no_answer",
            "a shard did not answer in time; a publication may still happen",
        )
    }

    /// 503: the lines behind one that a shard did not answer.
    pub fn not_tried() -> Self {
        Self::new(503, "not_tried", "not tried, since a shard did not answer an earlier line")
    }

    /// The engine that several machines share has not taken a change of a channel.
    pub fn unpublished(error: Unpublished) -> Self {
        let message = error.to_string();
        match error {
            Unpublished::Unavailable { .. } => Self::new(503, "engine_unavailable", message),
            Unpublished::Unanswered => Self::new(503, "no_answer", message),
            Unpublished::TooLarge { .. } => Self::new(413, "too_large", message),
            // The last two are of Centrifugo's API, which has errors of its own.
            Unpublished::Refused { .. } | Unpublished::Versioned | Unpublished::HistoryStays => {
                Self::new(502, "engine_refused", message)
            }
        }
    }

    /// 408: the body took too long.
    pub fn body_timeout() -> Self {
        Self::new(408, "body_timeout", "the body did not arrive in time")
    }

    /// The body of the answer.
    pub fn to_json(&self) -> Vec<u8> {
        if self.message.is_empty() {
            return Vec::new();
        }
        // Numbers and strings written to memory: nothing can fail.
        serde_json::to_vec(&ErrorBody { error: self }).unwrap_or_default()
    }

    /// The further header line of the answer, if it has one: its name and value.
    pub fn header(&self) -> Option<(&'static str, &'static str)> {
        match (self.status, self.code) {
            (503, _) => Some(("Retry-After", "1")),
            (401, _) => Some(("WWW-Authenticate", "Bearer")),
            // What is accepted instead (RFC 9110 section 12.5.3).
            (_, ENCODED) => Some(("Accept-Encoding", "identity")),
            _ => None,
        }
    }
}

impl From<NameError> for ApiError {
    fn from(error: NameError) -> Self {
        Self::bad_request("bad_channel", error.to_string())
    }
}

/// The object around an error.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ErrorBody)]
pub struct ErrorBody<'a> {
    /// The refusal.
    error: &'a ApiError,
}
