//! A client that listens shows a new token.

use switchboard_auth::Claims;
use switchboard_hub::ChannelName;
use switchboard_plane::ConnId;

use crate::config::Config;
use crate::core::Core;
use crate::identity::{self, Shown};
use crate::subscribe::events;

/// Why a client does not become that of a token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum NotRenewed {
    /// A backend wants it gone.
    Revoked,
    /// The token names another user.
    OtherUser,
}

/// Whether the client of a connection may become that of a token: one without a name may take any. Says whether
/// the user is the same.
pub(super) fn check(core: &Core, id: ConnId, claims: &Claims) -> Result<bool, NotRenewed> {
    let slot = id.index();
    if core.identities.is_revoked(slot) {
        return Err(NotRenewed::Revoked);
    }
    let user = core.identities.user(slot).unwrap_or_default();
    let is_same = *user == *claims.user;
    if user.is_empty() || is_same { Ok(is_same) } else { Err(NotRenewed::OtherUser) }
}

/// Whether a client that has shown this keeps a channel. Where a backend has decided about the same user, it is
/// not asked again.
pub(super) fn keeps(config: &Config, shown: Shown<'_>, is_same: bool, name: &ChannelName) -> bool {
    identity::may_subscribe(config, shown, name) || (is_same && identity::asks(config, shown, name))
}

/// The client is that of a new token from now on, which `set` takes down. Backends hear of another user. False,
/// and nothing changes, where `set` says so.
pub(super) fn renew(
    core: &mut Core,
    id: ConnId,
    is_same: bool,
    set: impl FnOnce(&mut Core) -> bool,
) -> bool {
    let left = if is_same { Vec::new() } else { events::left(core, id) };
    if !set(core) {
        return false;
    }
    if !is_same && let Some(connection) = core.slab.get(id) {
        let session = connection.session;
        core.events.extend(left);
        events::joined(core, id, session);
    }
    true
}
