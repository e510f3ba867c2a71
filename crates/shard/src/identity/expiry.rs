//! When the time of a token is over.

use switchboard_auth::Claims;
use switchboard_plane::ConnId;

use crate::core::Core;
use crate::time::Tick;

/// When a connection with these claims is to end. Tokens that were given out together end together, and
/// their clients would come back together: so each connection has a little longer, by its slot.
pub(crate) fn expires(core: &Core, id: ConnId, claims: &Claims) -> Tick {
    let Some(expires_at_s) = claims.connection_expires_at_s else {
        return Tick::NEVER;
    };
    let left_ms = expires_at_s.saturating_sub(core.unix_s()).saturating_mul(1_000);
    let spread_ms = core.config.identity.expiry_spread_ms * u64::from(id.index() % 64) / 64;
    core.now.after_ms(left_ms.saturating_add(spread_ms))
}

/// The connections of a page of slots whose time is over.
pub(crate) fn due(core: &Core, page: usize) -> impl Iterator<Item = ConnId> {
    core.identities
        .due(page, core.now)
        .filter_map(|slot| core.slab.at(slot))
        .map(|connection| connection.id)
}
