//! `refresh`: a new token.

use switchboard_auth::TokenError;
use switchboard_dialects::centrifuge::{Disconnect, ErrorCode, Reply, Unsubscribed};
use switchboard_plane::ConnId;

use super::progress::Progress;
use super::{close, connect, reply, subscribe};
use crate::connection::Session;
use crate::core::Core;
use crate::identity::{self, Shown, Unshown};
use crate::session::asking::asked;
use crate::subscribe::{events, presence::name_of};

/// A client shows a new token: of the same user, or of any where there was no name. It counts at once, also
/// where it takes rights away.
pub(super) fn refresh(core: &mut Core, id: ConnId, number: u32, token: &[u8]) -> Progress {
    let claims = match identity::verify_again(core, token) {
        Ok(Some(claims)) => claims,
        Ok(None) => {
            reply::refuse(core, id, number, ErrorCode::NotAvailable);
            return Progress::Done;
        }
        Err(Unshown::Later | Unshown::Refused(_)) => {
            core.await_verification(id);
            return Progress::Again;
        }
        Err(Unshown::Invalid(TokenError::Expired)) => {
            reply::refuse(core, id, number, ErrorCode::TokenExpired);
            return Progress::Done;
        }
        Err(Unshown::Invalid(_)) => {
            close::close(core, id, Disconnect::InvalidToken);
            return Progress::Done;
        }
    };
    if core.identities.is_revoked(id.index()) {
        close::close(core, id, Disconnect::ForceDisconnect);
        return Progress::Done;
    }
    let now_ms = core.now_ms;
    if !asked(core, id).is_some_and(|asked| asked.may_refresh(now_ms)) {
        reply::refuse(core, id, number, ErrorCode::TooManyRequests);
        return Progress::Done;
    }
    let user = core.identities.user(id.index()).unwrap_or_default();
    let is_same = *user == *claims.user;
    if !user.is_empty() && !is_same {
        close::close(core, id, Disconnect::InvalidToken);
        return Progress::Done;
    }
    let before = (!is_same).then(|| events::left(core, id));
    if !connect::remember(core, id, &claims) {
        close::close(core, id, Disconnect::ConnectionLimit);
        return Progress::Done;
    }
    if let Some(left) = before {
        core.events.extend(left);
        events::joined(core, id, Session::Centrifuge);
    }
    end_lost(core, id, is_same);
    let end_s = claims.connection_expires_at_s;
    let refreshed = Reply::Refresh {
        client: &name_of(core, id),
        expires: end_s.is_some(),
        ttl: connect::ttl_s(core, end_s),
    };
    reply::reply(core, id, number, &refreshed);
    Progress::Done
}

/// Ends the subscriptions that the new token does not grant. Where a backend decided about the same user, it is
/// not asked again.
fn end_lost(core: &mut Core, id: ConnId, is_same: bool) {
    let (config, shown) = (&core.config, Shown::by(core, id));
    let is_lost = |name| {
        !(identity::may_subscribe(config, shown, name)
            || is_same && identity::asks(config, shown, name))
    };
    let lost =
        core.subscriptions(id).filter(|(_, to)| core.hub.name(to.channel).is_some_and(is_lost));
    let lost: Vec<u16> = lost.map(|(nth, _)| nth).collect();
    for nth in lost {
        core.counters.closed_right.add(1);
        subscribe::end(core, id, nth, Unsubscribed::Server);
    }
}
