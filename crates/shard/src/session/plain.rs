//! A plain WebSocket: bare payloads, so its client cannot be told of a gap.

use switchboard_dialects::Dialect;
use switchboard_hooks::Verdict;
use switchboard_hub::{Published, Subscription};
use switchboard_plane::ConnId;
use switchboard_ws::close;

use super::verbs::{Taken, Verbs};
use super::websocket::{self, Reader};
use super::{publish, stream};
use crate::connection::{InputReason, Ticket};
use crate::core::Core;
use crate::hooks;
use crate::subscribe::{Lost, Missed};

/// [`Session::Plain`](crate::connection::Session::Plain).
pub(super) struct Plain;

/// It does not listen yet.
fn awaits_home(core: &Core, id: ConnId) -> bool {
    core.slab.get(id).is_some_and(|connection| connection.gates.awaits_home())
}

impl Verbs for Plain {
    fn on_bytes(core: &mut Core, id: ConnId, bytes: &mut [u8], _scanned: usize) -> Taken {
        if hooks::awaits_verdict(core, id) {
            return Taken::Keep { scanned: 0 };
        }
        if core.config.shares_channels && awaits_home(core, id) {
            core.park_input(id, InputReason::Output);
            return Taken::Keep { scanned: 0 };
        }
        let limits = core.config.message;
        let is_enough = |core: &mut Core, id| hooks::awaits_verdict(core, id);
        let reader = Reader::new(publish::message).or_refuse(publish::part).until(is_enough);
        websocket::receive(core, id, bytes, &limits, reader)
    }

    fn on_published(core: &mut Core, id: ConnId, _request: u32, published: Published) {
        if let Err(error) = published {
            websocket::close(core, id, close::TRY_AGAIN_LATER, &error.to_string());
        }
    }

    fn on_verdict(core: &mut Core, id: ConnId, _ticket: Ticket, verdict: Verdict) {
        publish::decided(core, id, verdict);
    }

    /// It goes on without what is lost only where its namespace says so.
    fn on_started(core: &mut Core, id: ConnId, lost: Vec<Lost>) {
        let may_miss = |lost: &Lost| core.config.namespaces.lossy_plain(&lost.channel);
        if lost.iter().all(may_miss) {
            return stream::start(core, id, Dialect::Plain, lost);
        }
        core.counters.closed_lost.add(1);
        websocket::close(core, id, close::POSITION_LOST, "the position is lost");
        core.want_room(id);
    }

    fn on_gap(core: &mut Core, id: ConnId, subscription: Subscription, missed: Missed) {
        if !stream::tell_gap(core, id, Dialect::Plain, subscription, missed) {
            websocket::close_slow(core, id);
        }
    }

    fn on_slow(core: &mut Core, id: ConnId, _channel: u32) {
        websocket::close_slow(core, id);
    }

    fn on_deleted(core: &mut Core, id: ConnId) {
        websocket::close_deleted(core, id);
    }

    fn on_silent(core: &mut Core, id: ConnId) {
        websocket::ping(core, id);
    }

    fn on_flushed(core: &mut Core, id: ConnId) {
        core.clear_deadline(id);
    }

    fn on_due(core: &mut Core, id: ConnId) {
        websocket::due(core, id);
    }

    fn on_stop(core: &mut Core, id: ConnId, code: u16) {
        websocket::stop(core, id, code);
    }
}
