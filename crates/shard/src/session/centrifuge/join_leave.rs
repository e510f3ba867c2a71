//! Joins and leaves in the channels of a client.

use switchboard_auth::Overrides;
use switchboard_hub::ChannelName;
use switchboard_plane::ConnId;

use crate::core::Core;
use crate::identity::{self, Shown};
use crate::subscribe::{find, presence};

/// The channel with the joins and leaves that a client hears beside a channel: where it wants that, the channel has
/// them, and the client may listen to them, or where a backend wants it. One that listens to them has them already.
pub(super) fn wanted(
    core: &Core,
    id: ConnId,
    name: &ChannelName,
    (asks, overrides): (bool, Overrides),
) -> Option<ChannelName> {
    let is_forced = overrides.force_push_join_leave == Some(true);
    let namespaces = &core.config.namespaces;
    let are_there = namespaces.rules(namespaces.resolve(name)?).join_leave
        || overrides.join_leave == Some(true);
    let is_wanted = is_forced || (asks && are_there);
    if !is_wanted {
        return None;
    }
    let presence = presence::channel_of(name)?;
    let may = is_forced || identity::may_subscribe(&core.config, Shown::by(core, id), &presence);
    (may && find(core, id, &presence).is_none()).then_some(presence)
}
