//! The end of subscriptions that end by themselves.

use switchboard_dialects::centrifuge::{Disconnect, Unsubscribed};
use switchboard_plane::ConnId;

use super::{close, server_side, subscribe};
use crate::core::Core;
use crate::identity::{self, Grant};

/// The time of a subscription is over. One that has not begun ends later. Its client asks for it anew, or connects
/// anew where it did not ask for it.
pub(super) fn on_end(core: &mut Core, id: ConnId, nth: u16) {
    let is_over = |grant: Grant| grant.end_s <= identity::now_s(core);
    let awaits_home = core.slab.get(id).is_some_and(|connection| connection.gates.awaits_home());
    if !core.identities.grants.get(id.index(), nth).is_some_and(is_over) || awaits_home {
        return;
    }
    core.counters.closed_expired.add(1);
    if server_side::is(core, id, nth) {
        close::close(core, id, Disconnect::SubscriptionExpired);
    } else {
        subscribe::end(core, id, nth, Unsubscribed::Expired);
    }
}
