//! When the time of a token is over.

use switchboard_auth::Claims;
use switchboard_plane::ConnId;

use super::table::{End, NEVER_S};
use crate::core::Core;

/// When a connection with these claims is to end, in Unix seconds. Tokens that were given out together end
/// together, and their clients would come back together: so each connection has a little longer, by its
/// slot.
pub(crate) fn expires_s(core: &Core, id: ConnId, claims: &Claims) -> u32 {
    end_s(core, id, claims.connection_expires_at_s)
}

/// The same for a time that a backend has said; none is never.
pub(crate) fn end_s(core: &Core, id: ConnId, expires_at_s: Option<u64>) -> u32 {
    let Some(expires_at_s) = expires_at_s else {
        return NEVER_S;
    };
    let spread_ms = core.config.identity.expiry_spread_ms * u64::from(id.index() % 64) / 64;
    let expires_s = expires_at_s.saturating_add(spread_ms / 1_000);
    u32::try_from(expires_s).unwrap_or(NEVER_S)
}

/// The connections of a page of slots that are to end by now.
pub(crate) fn due(core: &Core, page: usize) -> impl Iterator<Item = (ConnId, End)> {
    core.identities
        .due(page, now_s(core))
        .filter_map(|(slot, end)| Some((core.slab.at(slot)?.id, end)))
}

/// Whether a connection is still to end. What was done since may have ended it.
pub(crate) fn is_due(core: &Core, id: ConnId) -> bool {
    core.slab.get(id).is_some() && core.identities.end(id.index(), now_s(core)).is_some()
}

/// Unix seconds. A u32 has them until 2106.
pub(crate) fn now_s(core: &Core) -> u32 {
    u32::try_from(core.unix_s()).unwrap_or(NEVER_S - 1)
}
