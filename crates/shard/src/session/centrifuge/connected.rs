//! What a client is told when it has begun.

use std::collections::BTreeMap;

use switchboard_dialects::centrifuge::{Connected, Reply, Subscribed, json_of};
use switchboard_plane::ConnId;

use super::reply::reply;
use crate::connection::{Connecting, ListenFlag};
use crate::core::Core;
use crate::subscribe::presence::name_of;

/// What the server is called in results.
const VERSION: &str = concat!("switchboard ", env!("CARGO_PKG_VERSION"));

/// What it is called where a client says it again with its session. There is one.
const NODE: &str = "switchboard";

/// How long a client may take for a new token once its time is over, in seconds.
pub(super) const GRACE_S: u32 = 25;

/// Tells a client that it has begun, until when, and with which channels.
pub(super) fn tell(
    core: &mut Core,
    id: ConnId,
    connecting: &Connecting,
    subs: BTreeMap<&str, Subscribed<'_>>,
) {
    let &Connecting { command, end_s, .. } = connecting;
    let data = connecting.data.as_deref().map(json_of);
    let session = connecting.session.as_deref();
    let connection = core.slab.get(id);
    let has_frame_pings = connection.is_some_and(|it| it.mode.has(ListenFlag::FramePings));
    let connected = Connected {
        client: &name_of(core, id),
        version: VERSION,
        expires: end_s.is_some(),
        ttl: ttl_s(core, end_s),
        data: data.as_deref().and_then(|data| serde_json::from_slice(data).ok()),
        ping: if has_frame_pings { 0 } else { ping_s(core) },
        pong: !has_frame_pings,
        session,
        node: session.is_some().then_some(NODE),
        subs,
    };
    reply(core, id, command, &Reply::Connect(connected));
}

/// Seconds between two pings.
fn ping_s(core: &Core) -> u32 {
    u32::try_from(core.config.timeouts.ping_interval_ms.div_ceil(1_000)).unwrap_or(0)
}

/// Seconds until then, at least one; 0 for a time without an end.
pub(super) fn ttl_s(core: &Core, end_s: Option<u64>) -> u32 {
    let left_s = end_s.map_or(0, |end_s| end_s.saturating_sub(core.unix_s()).max(1));
    u32::try_from(left_s).unwrap_or(u32::MAX)
}
