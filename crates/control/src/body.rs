//! Request bodies, read within bounds of size, time and memory.

use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt;
use tokio::time::timeout;

use crate::error::ApiError;
use crate::pending::Held;
use crate::state::ApiState;

/// The limits of a body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyLimit {
    /// Its name in a refusal.
    pub what: &'static str,
    /// Its largest size.
    pub bytes_max: usize,
    /// The configuration key of that limit.
    pub key: &'static str,
}

impl BodyLimit {
    fn exceeded(self) -> ApiError {
        ApiError::too_large(self.what, self.bytes_max, self.key)
    }
}

/// Refuses a body that is encoded, by gzip for example: subscribers would receive the bytes without the
/// word that says so (RFC 9110 section 15.5.16).
pub(crate) fn check_encoding(headers: &HeaderMap) -> Result<(), ApiError> {
    let encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    let mut encodings = encodings.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let is_plain = |encoding: &[u8]| {
        let encoding = encoding.trim_ascii();
        encoding.is_empty() || encoding.eq_ignore_ascii_case(b"identity")
    };
    if encodings.all(is_plain) { Ok(()) } else { Err(ApiError::encoded()) }
}

/// Reads a whole body. Its bytes are counted as they arrive, so that a client that announces much
/// and sends little takes no room from others.
pub(crate) async fn read(
    state: &ApiState,
    body: Body,
    limit: BodyLimit,
) -> Result<(Vec<u8>, Held), ApiError> {
    // A length that is announced is refused before anything is read.
    if body.size_hint().lower() > limit.bytes_max as u64 {
        return Err(limit.exceeded());
    }
    match timeout(state.config.timeouts.body, collect(state, body, limit)).await {
        Ok(result) => result,
        Err(_) => Err(ApiError::new(
            StatusCode::REQUEST_TIMEOUT,
            "body_timeout",
            "the body did not arrive in time",
        )),
    }
}

async fn collect(
    state: &ApiState,
    mut body: Body,
    limit: BodyLimit,
) -> Result<(Vec<u8>, Held), ApiError> {
    let mut bytes = Vec::new();
    let mut held = Held::default();
    while let Some(frame) = body.frame().await {
        let broken = |_| ApiError::bad_request("broken_body", "the body broke off");
        let Ok(data) = frame.map_err(broken)?.into_data() else {
            continue; // Trailers carry nothing for us.
        };
        if data.len() > limit.bytes_max - bytes.len() {
            return Err(limit.exceeded());
        }
        state.pending.hold(data.len(), &mut held).await?;
        bytes.extend_from_slice(&data);
    }
    Ok((bytes, held))
}
