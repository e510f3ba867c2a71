//! `refresh`: a new token.

use switchboard_dialects::centrifuge::{Disconnect, ErrorCode, Reply, Unsubscribed};
use switchboard_hub::ChannelName;
use switchboard_plane::ConnId;

use super::progress::Progress;
use super::{close, connect, connected, reply, subscribe};
use crate::core::Core;
use crate::identity::{self, GrantedBy, Shown, Unshown};
use crate::session::asking::asked;
use crate::session::renewal::{self, NotRenewed};
use crate::subscribe::presence::name_of;
use crate::subscribe::unwatch;

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
        Err(Unshown::Invalid(error)) => return connect::refuse_token(core, id, number, &error),
    };
    let checked = renewal::check(core, id, &claims);
    if checked == Err(NotRenewed::Revoked) {
        close::close(core, id, Disconnect::ForceDisconnect);
        return Progress::Done;
    }
    let now_ms = core.now_ms;
    if !asked(core, id).is_some_and(|asked| asked.may_refresh(now_ms)) {
        reply::refuse(core, id, number, ErrorCode::TooManyRequests);
        return Progress::Done;
    }
    let Ok(is_same) = checked else {
        close::close(core, id, Disconnect::InvalidToken);
        return Progress::Done;
    };
    if !renewal::renew(core, id, is_same, |core| connect::remember(core, id, &claims)) {
        close::close(core, id, Disconnect::ConnectionLimit);
        return Progress::Done;
    }
    end_lost(core, id, is_same);
    let end_s = claims.connection_expires_at_s;
    let refreshed = Reply::Refresh {
        client: &name_of(core, id),
        expires: end_s.is_some(),
        ttl: connected::ttl_s(core, end_s),
    };
    reply::reply(core, id, number, &refreshed);
    Progress::Done
}

/// Ends the subscriptions that the new token does not grant: one that the old token gave the client needs its name
/// in the new one, and of those that a backend or a token of their own gives it, it says nothing.
fn end_lost(core: &mut Core, id: ConnId, is_same: bool) {
    let (config, shown) = (&core.config, Shown::by(core, id));
    let is_lost = |(nth, name): (u16, &ChannelName)| {
        let slot = id.index();
        if core.watches.watched_by(slot, nth).is_some_and(|of| core.terms.pushes_joins(slot, of)) {
            return false;
        }
        let may = renewal::keeps(config, shown, is_same, name);
        match core.identities.grants.get(slot, nth).map(|grant| grant.by) {
            None | Some(GrantedBy::Hook) => !may,
            Some(GrantedBy::Identity) => !may || !shown.names(name),
            Some(GrantedBy::Backend | GrantedBy::Token) => false,
        }
    };
    let all =
        core.subscriptions(id).filter_map(|(nth, to)| Some((nth, core.hub.name(to.channel)?)));
    let lost: Vec<u16> = all.filter(|one| is_lost(*one)).map(|(nth, _)| nth).collect();
    for nth in lost {
        if let Some(of) = core.watches.watched_by(id.index(), nth) {
            unwatch(core, id, of);
        } else if core.subscription(id, nth).is_some() {
            core.counters.closed_right.add(1);
            subscribe::end(core, id, nth, Unsubscribed::Server);
        }
    }
}
