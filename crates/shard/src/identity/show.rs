//! From a request to its client.

use std::sync::Arc;

use switchboard_auth::{Place, Presented, TokenError};
use switchboard_dialects::Transport;
use switchboard_ws::head::Request;

use super::Who;
use crate::core::Core;
use crate::http::{Answer, Response};

/// The client that a request shows by a token; none when it shows none, or the server takes none.
///
/// # Errors
/// 401 for a token that is not good, 403 for a cookie that some other page may have sent, and
/// [`Answer::Later`] when the tokens of this turn have taken their time.
pub(crate) fn show(
    core: &mut Core,
    request: &Request<'_>,
    transport: Transport,
) -> Result<Who, Answer> {
    if core.identities.verifier.is_none() {
        return Ok(None);
    }
    let cookie = core.config.identity.cookie.as_deref();
    let Some(presented) = Presented::find(request, cookie) else {
        return Ok(None);
    };
    if presented.place == Place::Cookie && !may_send_cookie(request, transport) {
        core.counters.refused_token.add(1);
        let sentence = "a token in a cookie is taken from pages whose Origin is allowed, no others";
        return Err(Answer::refuse(403, sentence));
    }
    // A connection is opened once with its token; a poll shows it again and again.
    let is_repeated = matches!(transport, Transport::LongPoll | Transport::IntervalPoll);
    if is_repeated && let Some(claims) = core.identities.cache.get(&presented.token, core.unix_s())
    {
        return Ok(Some(claims));
    }
    if core.verify_left_us == 0 {
        return Err(Answer::Later);
    }
    let claims = verify(core, &presented.token)
        .map_err(|error| Answer::Response(Response::unauthorized(Some(error))))?;
    if is_repeated && let Some(claims) = &claims {
        core.identities.cache.insert(&presented.token, Arc::clone(claims));
    }
    Ok(claims)
}

/// Checks a token, and counts its time; none where the server takes no tokens.
pub(crate) fn verify(core: &mut Core, token: &[u8]) -> Result<Who, TokenError> {
    let Some(verifier) = core.identities.verifier.clone() else {
        return Ok(None);
    };
    core.verify_left_us = core.verify_left_us.saturating_sub(verifier.cost_us());
    core.counters.tokens_verified.add(1);
    let claims = verifier.verify(token, core.unix_s());
    if claims.is_err() {
        core.counters.refused_token.add(1);
    }
    claims.map(|claims| Some(Arc::new(claims)))
}

/// A browser sends a cookie whatever page asks, so the page must be known: by an Origin, which was checked
/// before, or, for a GET that browsers send without one, by the word of the browser that it is our own (the
/// Fetch standard's metadata headers). A WebSocket always has an Origin.
fn may_send_cookie(request: &Request<'_>, transport: Transport) -> bool {
    let has_origin = request.header("origin").is_some();
    let is_own = request.header("sec-fetch-site") == Some(b"same-origin");
    has_origin || (is_own && transport != Transport::WebSocket)
}
