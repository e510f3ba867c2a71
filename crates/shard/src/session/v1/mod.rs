//! A WebSocket that speaks `switchboard.v1`: each message carries the position to resume from, and
//! those of the client are answered.

mod requests;

use switchboard_dialects::Dialect;
use switchboard_hooks::Verdict;
use switchboard_hub::{Published, Subscription};
use switchboard_plane::ConnId;

use super::verbs::{Taken, Verbs};
use super::websocket::{self, Reader};
use super::{asking, stream};
use crate::connection::{InputReason, Ticket};
use crate::core::Core;
use crate::subscribe::{Lost, Missed};

/// [`Session::V1`](crate::connection::Session::V1).
pub(super) struct V1;

impl Verbs for V1 {
    fn on_bytes(core: &mut Core, id: ConnId, bytes: &mut [u8], _scanned: usize) -> Taken {
        if asking::is_full(core, id) {
            core.park_input(id, InputReason::Answer);
            return Taken::Keep { scanned: 0 };
        }
        if core.replies_are_enough(id) {
            return Taken::Later;
        }
        let limits = core.config.message;
        let reader =
            Reader::new(requests::message).or_refuse(requests::part).until(requests::is_enough);
        websocket::receive(core, id, bytes, &limits, reader)
    }

    fn on_published(core: &mut Core, id: ConnId, request: u32, published: Published) {
        requests::published(core, id, request, published);
    }

    fn on_verdict(core: &mut Core, id: ConnId, ticket: Ticket, verdict: Verdict) {
        requests::answered(core, id, ticket, verdict);
    }

    fn on_started(core: &mut Core, id: ConnId, lost: Vec<Lost>) {
        stream::start(core, id, Dialect::V1, lost);
    }

    fn tell_more(core: &mut Core, id: ConnId) -> bool {
        stream::tell_more(core, id, Dialect::V1)
    }

    fn on_gap(core: &mut Core, id: ConnId, subscription: Subscription, missed: Missed) {
        if !stream::tell_gap(core, id, Dialect::V1, subscription, missed) {
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
