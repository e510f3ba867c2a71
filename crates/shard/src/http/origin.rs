//! Which page asks, and whether it may.

use switchboard_ws::handshake;
use switchboard_ws::head::Request;

use super::answer::Answer;
use crate::config::Config;

/// Which of the allowed origins the page that asks has, from 1; 0 for none and for the server's own.
pub(crate) fn check(config: &Config, request: &Request<'_>) -> Result<u8, Answer> {
    let allowed = &config.allowed_origins;
    let origin = handshake::check_origin(request, allowed).map_err(|error| {
        log_refusal(request);
        Answer::refuse(error.status(), error.to_string())
    })?;
    let Some(origin) = origin else {
        return if is_blind(request) && !allowed.iter().any(|allowed| allowed == "*") {
            log_refusal(request);
            let sentence = "pages of other sites listen with an Origin that `allowed_origins` has";
            Err(Answer::refuse(403, sentence))
        } else {
            Ok(0)
        };
    };
    let found = allowed.iter().position(|allowed| allowed.as_bytes() == origin || allowed == "*");
    Ok(found.and_then(|found| u8::try_from(found + 1).ok()).unwrap_or(0))
}

/// For those who look for the reason of a 403: a browser does not show it to its page.
pub(super) fn log_refusal(request: &Request<'_>) {
    const ORIGIN_BYTES_MAX: usize = 200;
    let origin = request.header("origin").unwrap_or_default();
    let origin = String::from_utf8_lossy(&origin[..origin.len().min(ORIGIN_BYTES_MAX)]);
    let host = request.host().unwrap_or_default();
    tracing::debug!(?origin, ?host, "refused a page of another origin (allowed_origins)");
}

/// A page of another site wants the answer without being able to read it, as an image, a script, a frame or
/// the next page: then browsers send no Origin (the Fetch standard's metadata headers). It could only hold
/// connections open in the name of its visitors.
fn is_blind(request: &Request<'_>) -> bool {
    request.header("sec-fetch-site") == Some(b"cross-site")
        && matches!(request.header("sec-fetch-mode"), Some(b"no-cors" | b"navigate"))
}
