//! Tokens that let a client listen to one channel.

use switchboard_auth::{SubscriptionClaims, TokenError};
use switchboard_dialects::centrifuge::{Disconnect, ErrorCode, Reply, SubRefresh};
use switchboard_hub::ChannelName;
use switchboard_plane::ConnId;

use super::close;
use super::connected::{GRACE_S, ttl_s};
use super::progress::Progress;
use super::reply::{refuse, reply};
use crate::admission::Reason;
use crate::core::Core;
use crate::identity::{self, GrantedBy, NEVER_S, Shower, Unshown};
use crate::lifecycle::admission;
use crate::subscribe::{find, presence::name_of};

/// Why a token gives no right.
#[derive(Debug)]
pub(super) enum Fault {
    /// The tokens of this turn have taken their time.
    Later,
    /// It is refused, whatever it says.
    Refused(Reason),
    /// It is not valid.
    Invalid(TokenError),
    /// It is for another channel, user or connection.
    Other,
}

/// The claims of a token that a client shows for a channel; none where the server accepts no tokens. It counts as a
/// channel that the client begins to listen to, also where it does already: checking it costs.
pub(super) fn check(
    core: &mut Core,
    id: ConnId,
    name: &ChannelName,
    (token, shower): (&str, Shower),
) -> Result<Option<SubscriptionClaims>, Fault> {
    let charge = |core: &Core| {
        let user = core.identities.user(id.index());
        admission::may_join(core, id, user, 1)
    };
    let claims = match identity::verify_subscription(core, shower, token.as_bytes(), charge) {
        Ok(Some(claims)) => claims,
        Ok(None) => return Ok(None),
        Err(Unshown::Later) => return Err(Fault::Later),
        Err(Unshown::Refused(reason)) => return Err(Fault::Refused(reason)),
        Err(Unshown::Invalid(TokenError::Purpose)) => return Err(Fault::Other),
        Err(Unshown::Invalid(error)) => return Err(Fault::Invalid(error)),
    };
    let user = core.identities.user(id.index()).unwrap_or_default();
    let is_ours = *claims.user == *user
        && *claims.channel == *name.as_str()
        && claims.client.as_ref().is_none_or(|client| **client == *name_of(core, id));
    if is_ours { Ok(Some(claims)) } else { Err(Fault::Other) }
}

/// When a subscription ends that is granted until then: its client has some time for a new token.
pub(super) fn end_s(expires_at_s: Option<u64>) -> u32 {
    let end_s = expires_at_s.and_then(|end_s| u32::try_from(end_s).ok());
    end_s.map_or(NEVER_S, |end_s| end_s.saturating_add(GRACE_S))
}

/// `sub_refresh`: a new token of a subscription that began with one, or that a backend has granted.
pub(super) fn refresh(
    core: &mut Core,
    id: ConnId,
    number: u32,
    request: &SubRefresh<'_>,
) -> Progress {
    match try_refresh(core, id, request) {
        Ok(Some(claims)) => {
            let end_s = claims.options.expires_at_s;
            let refreshed = Reply::SubRefresh { expires: end_s.is_some(), ttl: ttl_s(core, end_s) };
            reply(core, id, number, &refreshed);
        }
        Ok(None) => {
            core.await_verification(id);
            return Progress::Again;
        }
        Err(Some(code)) => refuse(core, id, number, code),
        Err(None) => close::close(core, id, Disconnect::InvalidToken),
    }
    Progress::Done
}

/// None where the token is checked later, and an error without a code where the connection ends.
fn try_refresh(
    core: &mut Core,
    id: ConnId,
    request: &SubRefresh<'_>,
) -> Result<Option<SubscriptionClaims>, Option<ErrorCode>> {
    let name = ChannelName::new(&request.channel).map_err(|_| Some(ErrorCode::BadRequest))?;
    let (nth, _) = find(core, id, &name).ok_or(Some(ErrorCode::PermissionDenied))?;
    let by = core.identities.grants.get(id.index(), nth).map(|grant| grant.by);
    let is_granted = matches!(by, Some(GrantedBy::Token | GrantedBy::Hook));
    if core.identities.verifier.is_some() && !is_granted {
        return Err(Some(ErrorCode::BadRequest));
    }
    match check(core, id, &name, (&request.token, Shower::Listener)) {
        Ok(Some(claims)) => {
            let (slot, info) = (id.index(), claims.options.info.clone());
            if !core.terms.has_room(slot, Some(nth), info.as_ref().map_or(0, |info| info.len())) {
                return Err(Some(ErrorCode::LimitExceeded));
            }
            core.identities.grants.renew(slot, nth, end_s(claims.options.expires_at_s));
            core.terms.set_info(slot, nth, info);
            Ok(Some(claims))
        }
        Ok(None) => Err(Some(ErrorCode::NotAvailable)),
        Err(Fault::Later) => Ok(None),
        Err(Fault::Refused(reason)) => {
            admission::refuse(core, id, reason);
            Err(Some(ErrorCode::TooManyRequests))
        }
        Err(Fault::Invalid(_) | Fault::Other) => Err(None),
    }
}
