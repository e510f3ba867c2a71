//! From a request to its client.

use std::sync::Arc;

use switchboard_auth::{Claims, Place, Presented, SubscriptionClaims, TokenError, Unverified, Who};
use switchboard_dialects::Transport;
use switchboard_plane::ConnId;
use switchboard_ws::authority::Authority;
use switchboard_ws::head::Request;

use super::token_time::Shower;
use crate::admission::Reason;
use crate::core::Core;
use crate::http::{Answer, Response};
use crate::lifecycle::admission;

/// Why a token gives no client.
#[derive(Debug)]
pub(crate) enum Unshown {
    /// It is not valid.
    Invalid(TokenError),
    /// The tokens of this turn have taken their time.
    Later,
    /// It is refused, whatever it shows.
    Refused(Reason),
}

/// The client that a request shows by a token; none when it shows none, or the server accepts none. `cors` is
/// the number of its page's origin among those that are allowed. `charge` counts the request, once, before
/// anything is done for it that costs more than to read it.
///
/// # Errors
/// What `charge` says, 401 for a token that is not valid, and [`Answer::Later`] when the tokens of this turn
/// have taken their time. The connection then waits for its place in a later one.
pub(crate) fn show(
    core: &mut Core,
    id: ConnId,
    request: &Request<'_>,
    transport: Transport,
    cors: u8,
    charge: impl FnOnce(&Core) -> Result<(), Reason>,
) -> Result<Who, Answer> {
    let cookie = core.config.identity.cookie.as_deref();
    let cookie = cookie.filter(|_| may_send_cookie(request, transport, cors));
    let takes_tokens = core.identities.verifier.is_some();
    let presented = takes_tokens.then(|| Presented::find(request, cookie)).flatten();
    let Some(presented) = presented else {
        return charge(core).map(|()| None).map_err(|reason| try_later(core, id, reason));
    };
    // A connection is opened once with its token; a poll shows it again and again.
    let is_repeated = matches!(transport, Transport::LongPoll | Transport::IntervalPoll);
    let now_s = core.unix_s();
    if is_repeated && let Some(who) = core.identities.cache.get(&presented.token, now_s) {
        return charge(core).map(|()| who).map_err(|reason| try_later(core, id, reason));
    }
    match verify(core, &presented.token, charge) {
        Ok(claims) => {
            if is_repeated && claims.is_some() {
                core.identities.cache.insert(&presented.token, claims.clone(), None);
            }
            Ok(claims)
        }
        Err(Unshown::Later) => {
            // The request is whole, so it is not late, however many tokens are checked before.
            core.clear_deadline(id);
            core.await_verification(id);
            Err(Answer::Later)
        }
        Err(Unshown::Refused(reason)) => Err(try_later(core, id, reason)),
        // The browser sends it as long as it has it: that must not cost anybody what is for everybody.
        Err(Unshown::Invalid(_)) if presented.place == Place::Cookie => Ok(None),
        Err(Unshown::Invalid(error)) => Err(Answer::Response(Response::unauthorized(Some(error)))),
    }
}

/// Checks the token of a client that begins, which `charge` counts; none where the server accepts no tokens.
pub(crate) fn verify(
    core: &mut Core,
    token: &[u8],
    charge: impl FnOnce(&Core) -> Result<(), Reason>,
) -> Result<Who, Unshown> {
    let claims = check(core, Shower::Newcomer, token, charge, of_connection)?;
    Ok(claims.map(Arc::new))
}

/// Checks a further token of a client that listens; none where the server accepts no tokens.
pub(crate) fn verify_again(core: &mut Core, token: &[u8]) -> Result<Who, Unshown> {
    let claims = check(core, Shower::Listener, token, |_| Ok(()), of_connection)?;
    Ok(claims.map(Arc::new))
}

/// Checks a token of a subscription, which `charge` counts; none where the server accepts no tokens.
pub(crate) fn verify_subscription(
    core: &mut Core,
    shower: Shower,
    token: &[u8],
    charge: impl FnOnce(&Core) -> Result<(), Reason>,
) -> Result<Option<SubscriptionClaims>, Unshown> {
    check(core, shower, token, charge, of_subscription)
}

fn try_later(core: &Core, id: ConnId, reason: Reason) -> Answer {
    Answer::Response(Response::try_later(admission::refuse(core, id, reason)))
}

/// Checks a token, and counts its time.
fn of_connection(token: &Unverified<'_>, now_s: u64) -> Result<Claims, TokenError> {
    token.verify(now_s)
}

fn of_subscription(token: &Unverified<'_>, now_s: u64) -> Result<SubscriptionClaims, TokenError> {
    token.verify_subscription(now_s)
}

fn check<T>(
    core: &mut Core,
    shower: Shower,
    token: &[u8],
    charge: impl FnOnce(&Core) -> Result<(), Reason>,
    verify: impl FnOnce(&Unverified<'_>, u64) -> Result<T, TokenError>,
) -> Result<Option<T>, Unshown> {
    let Some(verifier) = core.identities.verifier.clone() else {
        return Ok(None);
    };
    let claims = verifier.read(token).map_err(Unshown::Invalid).and_then(|unverified| {
        if !core.token_time.take(shower, unverified.cost_us()) {
            return Err(Unshown::Later);
        }
        charge(core).map_err(Unshown::Refused)?;
        core.counters.tokens_verified.add(1);
        verify(&unverified, core.unix_s()).map_err(Unshown::Invalid)
    });
    if matches!(claims, Err(Unshown::Invalid(_))) {
        core.counters.refused_token.add(1);
    }
    claims.map(Some)
}

/// A browser sends a cookie whatever page asks, so the page must be known, else the cookie counts as absent.
/// Its Origin was checked before: it is one of those that are allowed, or names the server's own host. The
/// latter must be https, unless it is on this machine: a page that was tampered with on the way has the same
/// host. Browsers send a GET of the own origin without one, and say so (the Fetch standard's metadata
/// headers, which they send over https only, and to this machine). A WebSocket always has an Origin.
fn may_send_cookie(request: &Request<'_>, transport: Transport, cors: u8) -> bool {
    match is_own_page(request, cors) {
        Some(is_own) => is_own,
        None => {
            transport != Transport::WebSocket
                && request.header("sec-fetch-site") == Some(b"same-origin")
        }
    }
}

/// Whether a backend that asks for the cookies of a request sees them: the same for pages. A request without
/// an Origin may be from a program that has logged in, unless a browser says that another site made it.
pub(crate) fn may_forward_cookie(request: &Request<'_>, cors: u8) -> bool {
    is_own_page(request, cors).unwrap_or_else(|| {
        let site = request.header("sec-fetch-site");
        site.is_none_or(|site| site == b"same-origin" || site == b"none")
    })
}

/// Whether the Origin of a request is that of a page that may act for its user; none without one.
fn is_own_page(request: &Request<'_>, cors: u8) -> Option<bool> {
    let origin = request.header("origin")?;
    Some(cors > 0 || origin.starts_with(b"https://") || is_for_this_machine(request))
}

fn is_for_this_machine(request: &Request<'_>) -> bool {
    let host = request.host().and_then(|host| Authority::parse(host.as_bytes()));
    host.is_some_and(|host| host.is_loopback())
}
