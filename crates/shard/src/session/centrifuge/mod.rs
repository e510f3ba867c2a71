//! A WebSocket of a Centrifuge SDK: commands of the client, each with a reply, and publications of all the
//! channels that it asks for as it goes. Without a WebSocket it is a stream (`stream`), which is only sent to:
//! the first commands come with the request for it, all others in requests of their own (`emulated`).
//!
//! Commands are obeyed one after another (`commands`). One that somebody else decides on, a backend or the
//! home of a channel, holds up those behind it; publications and questions to the backend do not, and are
//! answered when they are done.

mod begin;
mod begun;
mod close;
mod commands;
mod connect;
mod connected;
mod emulated;
mod expiry;
mod history;
mod join_leave;
mod messages;
mod open;
mod orders;
mod pings;
mod presence;
mod progress;
mod publish;
mod push;
mod read;
mod refresh;
mod reply;
mod right;
mod server_side;
mod stream;
mod subscribe;
mod subscription_token;

use std::sync::Arc;

use switchboard_api::centrifugo::{Ending, GivenChannel};
use switchboard_dialects::centrifuge::Framing;
use switchboard_hooks::Verdict;
use switchboard_hub::{ChannelName, Published, Subscription};
use switchboard_plane::ConnId;

use super::asking;
use super::verbs::{Taken, Verbs};
use super::websocket::{self, Reader};
use crate::connection::{InputReason, Ticket};
use crate::core::Core;
use crate::exchange::PresenceQuery;
use crate::subscribe::{Lost, Missed};

pub(super) use emulated::take;
pub(super) use open::open;
pub(super) use stream::open_stream;

/// All sessions that [`Session::is_centrifuge`](crate::connection::Session::is_centrifuge) names.
pub(super) struct Centrifuge;

impl Centrifuge {
    /// A backend gives its client a channel. False where it has as many as it may.
    pub(super) fn give(core: &mut Core, id: ConnId, given: &Arc<GivenChannel>) -> bool {
        orders::give(core, id, given)
    }

    /// A backend takes a channel away from its client.
    pub(super) fn take_away(core: &mut Core, id: ConnId, name: &ChannelName) {
        orders::take_away(core, id, name);
    }

    /// A backend wants its client gone, and says what that is told.
    pub(super) fn end_as(core: &mut Core, id: ConnId, ending: &Ending) {
        close::close_with(core, id, ending.code, &ending.reason);
    }

    /// The time of a subscription is over.
    pub(super) fn on_subscription_end(core: &mut Core, id: ConnId, nth: u16) {
        expiry::on_end(core, id, nth);
    }
}

impl Verbs for Centrifuge {
    fn on_bytes(core: &mut Core, id: ConnId, bytes: &mut [u8], _scanned: usize) -> Taken {
        if push::framing(core, id) != Some(Framing::Message) {
            // Whoever is only sent to says nothing here that counts.
            return Taken::All;
        }
        if asking::is_full(core, id) {
            core.park_input(id, InputReason::Answer);
            return Taken::Keep { scanned: 0 };
        }
        if commands::are_held(core, id) || core.replies_are_enough(id) {
            return Taken::Later;
        }
        let limits = core.config.message;
        let reader =
            Reader::new(commands::message).or_pong(pings::pong_frame).until(commands::is_enough);
        websocket::receive(core, id, bytes, &limits, reader)
    }

    fn on_turn(core: &mut Core, id: ConnId) {
        commands::go_on(core, id);
    }

    fn on_verdict(core: &mut Core, id: ConnId, ticket: Ticket, verdict: Verdict) {
        match ticket {
            Ticket::Command => commands::decided(core, id, verdict),
            Ticket::Message(number) => messages::answered(core, id, number, verdict),
            Ticket::Publishing => publish::decided(core, id, verdict),
            Ticket::Opening | Ticket::Refresh(_) => {}
        }
    }

    fn on_published(core: &mut Core, id: ConnId, request: u32, published: Published) {
        publish::published(core, id, request, published.is_ok());
    }

    fn on_presence(core: &mut Core, id: ConnId, query: PresenceQuery) {
        presence::found(core, id, &query.found);
    }

    fn on_started(core: &mut Core, id: ConnId, lost: Vec<Lost>) {
        begin::started(core, id, &lost);
    }

    fn on_gap(core: &mut Core, id: ConnId, subscription: Subscription, _missed: Missed) {
        subscribe::missed(core, id, subscription);
    }

    fn on_slow(core: &mut Core, id: ConnId, _channel: u32) {
        close::slow(core, id);
    }

    fn on_deleted(core: &mut Core, id: ConnId) {
        subscribe::deleted(core, id);
    }

    fn on_flushed(core: &mut Core, id: ConnId) {
        pings::flushed(core, id);
    }

    fn on_due(core: &mut Core, id: ConnId) {
        pings::due(core, id);
    }

    fn on_stop(core: &mut Core, id: ConnId, code: u16) {
        close::stop(core, id, code);
    }
}
