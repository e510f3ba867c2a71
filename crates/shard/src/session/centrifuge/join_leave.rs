//! Joins and leaves in the channels of a client.

use switchboard_dialects::centrifuge::Subscribe;
use switchboard_hub::ChannelName;
use switchboard_plane::ConnId;

use crate::core::Core;
use crate::identity::{self, Shown};
use crate::subscribe::{find, presence};

/// The channel with the joins and leaves that a client hears beside the channel that it asks for: where it wants
/// that, the namespace has them, and the client may listen to them. One that listens to them has them already.
pub(super) fn wanted(
    core: &Core,
    id: ConnId,
    name: &ChannelName,
    request: &Subscribe<'_>,
) -> Option<ChannelName> {
    let namespaces = &core.config.namespaces;
    if !request.join_leave || !namespaces.rules(namespaces.resolve(name)?).join_leave {
        return None;
    }
    let presence = presence::channel_of(name)?;
    let may = identity::may_subscribe(&core.config, Shown::by(core, id), &presence);
    (may && find(core, id, &presence).is_none()).then_some(presence)
}
