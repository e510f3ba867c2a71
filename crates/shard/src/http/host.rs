//! For which hosts this server answers.

use switchboard_ws::authority::Authority;
use switchboard_ws::head::Request;

use super::answer::Answer;
use crate::config::Config;

/// A web page can have a name of its own point to this server's address (DNS rebinding), and is then of
/// the same origin. Its requests show that name. A request without a host is no browser's, and loopback's
/// own names are nobody's to give away.
pub(super) fn check(config: &Config, request: &Request<'_>) -> Result<(), Answer> {
    let allowed = &config.allowed_hosts;
    if allowed.is_empty() {
        return Ok(());
    }
    let Some(host) = request.host().and_then(|host| Authority::parse(host.as_bytes())) else {
        return Ok(());
    };
    let covers = |allowed: &String| {
        Authority::parse(allowed.as_bytes()).is_some_and(|allowed| allowed.covers(&host))
    };
    if host.is_loopback() || allowed.iter().any(covers) {
        return Ok(());
    }
    tracing::debug!(host = request.host(), "refused a request for another host (allowed_hosts)");
    // Not 403: the same request may be right elsewhere (RFC 9110 section 15.5.20).
    Err(Answer::refuse(
        421,
        "this server does not answer for the Host of the request (allowed_hosts)",
    ))
}
