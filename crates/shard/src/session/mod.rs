//! What a connection speaks, one file for each way.
//!
//! # How to drive a session
//!
//! A session is one byte of a connection ([`Session`]) and a type without data that has the verbs of
//! [`Verbs`]. The functions of this module find out what a connection speaks and pass the verb on, by
//! one `match`. The connection's data is in its slot, never in the session.
//!
//! 1. A connection begins as [`Session::Refusing`] and becomes [`Session::Http`] when there is a place
//!    for it; where a proxy is to say first whose it is, it begins as [`Session::ProxyHeader`]. A request that opens another session subscribes, queues its head and calls
//!    [`Core::enter`], which alone changes what a connection speaks.
//! 2. Where the session is to begin elsewhere than at the next publication, or this shard does not
//!    know all its channels, the output is parked first ([`Core::await_home`]) and the request is kept
//!    ([`resume::request`]). The driver calls [`resume`] at once and whenever a home has answered; it
//!    ends in `on_started` or `on_deleted`, once. Before its first publication, `tell_more` asks for what
//!    it could not be told at once.
//! 3. From then on, in any order: `on_bytes` for what arrives, until it says that all is taken;
//!    publications, which `delivery` writes for [`Delivery::Stream`] and which the session answers with
//!    (`on_publications`) for [`Delivery::Answer`]; `on_gap` when a slow subscriber was moved ahead, and
//!    `on_slow` when it cannot be; `on_published` with the receipts it asked for, `on_answered` with what
//!    the handler of the internal API says, `on_presence` with who listens to a channel; `on_deleted`; `on_turn` when it asked to be looked at again;
//!    `on_silent` and `on_due` from the sweep; `on_flushed` when a full socket has taken all.
//!    A session whose client asks for channels as it goes subscribes by [`subscribe_to`], parks its output as in
//!    2 where it is to begin elsewhere than at the next publication, and hears `on_started` for each.
//! 4. `on_stop` asks for the end: the server drains or stops, the time of the client's token is over, or the
//!    backend wants the client gone. A session ends in [`Session::Closing`], [`Session::Lingering`] or with
//!    the connection, and leaves its channels then.
//!
//! A verb may end the session or the connection; the caller looks the connection up again. Verbs
//! collect replies and never send: what they say goes out at the end of the stage, after the mail.
//!
//! A new way to listen is a file here with its `impl Verbs`, its dialect in `switchboard-dialects`, a line
//! in [`Session`] and its facts, and a line in `dispatch!`.
//!
//! [`Core::enter`]: crate::core::Core::enter
//! [`Core::await_home`]: crate::core::Core::await_home
//! [`subscribe_to`]: crate::subscribe::subscribe_to
//! [`Delivery::Stream`]: crate::connection::Delivery::Stream
//! [`Delivery::Answer`]: crate::connection::Delivery::Answer
//! [`resume::request`]: crate::subscribe::resume::request

pub(crate) mod api;
mod asking;
mod centrifuge;
mod closing;
mod echo;
mod emulation;
mod event_stream;
mod http;
mod http_body;
mod listen;
mod plain;
mod poll;
mod proxy_header;
mod publications;
mod publish;
mod publish_stream;
mod renewal;
mod stream;
mod v1;
mod verbs;
mod websocket;

use std::sync::Arc;

use switchboard_api::centrifugo::{Ending, GivenChannel};
use switchboard_hooks::Verdict;
use switchboard_hub::{ChannelName, Published, Subscription, Work};
use switchboard_plane::ConnId;
use switchboard_ws::close;

use crate::api::ApiResponse;
use crate::connection::{Session, Ticket};
use crate::core::Core;
use crate::exchange::{Emulate, Emulated, PresenceQuery};
use crate::hooks;
use crate::identity::End;
use crate::subscribe::{Missed, Resumed, has_deleted_channel, resume as resuming};

pub(crate) use verbs::{Taken, Verbs};

/// Calls a verb of the session.
macro_rules! dispatch {
    ($session:expr, $verb:ident($($argument:expr),*)) => {
        match $session {
            Session::Refusing | Session::Http => http::Http::$verb($($argument),*),
            Session::ProxyHeader => proxy_header::AwaitsProxyHeader::$verb($($argument),*),
            Session::Api => api::Api::$verb($($argument),*),
            Session::PublishStream => publish_stream::PublishStream::$verb($($argument),*),
            Session::Echo => echo::Echo::$verb($($argument),*),
            Session::Plain => plain::Plain::$verb($($argument),*),
            Session::V1 => v1::V1::$verb($($argument),*),
            Session::CentrifugeOpening
            | Session::Centrifuge
            | Session::ChunkedLinesOpening
            | Session::ChunkedLines
            | Session::LinesOpening
            | Session::Lines
            | Session::ChunkedEventsOpening
            | Session::ChunkedEvents
            | Session::EventsOpening
            | Session::Events => centrifuge::Centrifuge::$verb($($argument),*),
            Session::Emulation => emulation::Emulation::$verb($($argument),*),
            Session::ChunkedEventStream | Session::EventStream => {
                event_stream::EventStream::$verb($($argument),*)
            }
            Session::Poll => poll::Poll::$verb($($argument),*),
            Session::Closing => closing::Closing::$verb($($argument),*),
            Session::Lingering => closing::Lingering::$verb($($argument),*),
        }
    };
}

fn of(core: &Core, id: ConnId) -> Option<Session> {
    core.slab.get(id).map(|connection| connection.session)
}

/// Bytes for a connection that speaks `session`.
pub(crate) fn on_bytes(
    session: Session,
    core: &mut Core,
    id: ConnId,
    bytes: &mut [u8],
    scanned: usize,
) -> Taken {
    dispatch!(session, on_bytes(core, id, bytes, scanned))
}

/// Begins, if all channels of a subscriber that waits for it are known.
pub(crate) fn resume(core: &mut Core, id: ConnId) {
    match resuming::resume(core, id) {
        Resumed::Waiting => {}
        Resumed::Deleted => {
            on_deleted(core, id);
            core.want_room(id);
        }
        Resumed::Started(lost) => {
            if let Some(session) = of(core, id) {
                dispatch!(session, on_started(core, id, lost));
            }
        }
    }
}

/// The home of a channel has come as far as a subscriber was before, or will not.
pub(crate) fn on_reached(core: &mut Core, id: ConnId) {
    if resuming::reached(core, id) {
        resume(core, id);
    }
}

/// All that was said to a subscriber has gone out, and its publications come next: says what else goes
/// before them. False when there is none.
pub(crate) fn tell_more(core: &mut Core, id: ConnId) -> bool {
    of(core, id).is_some_and(|session| dispatch!(session, tell_more(core, id)))
}

/// Publications of the `nth` channel of a connection that answers with them.
pub(crate) fn on_publications(core: &mut Core, id: ConnId, nth: u16, new: &Work) {
    if has_deleted_channel(core, id) {
        on_deleted(core, id);
    } else if let Some(session) = of(core, id) {
        dispatch!(session, on_publications(core, id, nth, new));
    }
}

/// The home of the channel has a publication that it asked the receipt of, or could not take it. `request` is
/// the number that its session gave it.
pub(crate) fn on_published(core: &mut Core, id: ConnId, request: u32, published: Published) {
    if let Some(session) = of(core, id) {
        dispatch!(session, on_published(core, id, request, published));
    }
}

/// The handler has answered its request.
pub(crate) fn on_answered(core: &mut Core, id: ConnId, response: ApiResponse) {
    if let Some(session) = of(core, id) {
        dispatch!(session, on_answered(core, id, response));
    }
}

/// A backend has answered a question of the connection.
pub(crate) fn on_verdict(core: &mut Core, id: ConnId, ticket: Ticket, verdict: Verdict) {
    let Some(session) = of(core, id) else {
        return;
    };
    match ticket {
        Ticket::Refresh(number) => {
            if !hooks::refreshed(core, id, number, &verdict) {
                end(core, id, session, End::Expired);
            }
        }
        _ => dispatch!(session, on_verdict(core, id, ticket, verdict)),
    }
}

/// All shards have said who listens to a channel.
pub(crate) fn on_presence(core: &mut Core, query: PresenceQuery) {
    let id = query.id;
    if let Some(session) = of(core, id) {
        dispatch!(session, on_presence(core, id, query));
    }
}

/// Commands for a connection of this shard have come to another.
pub(crate) fn on_emulate(core: &mut Core, emulate: &Emulate) {
    emulation::handed_over(core, emulate);
}

/// What became of commands that came in the request of a connection.
pub(crate) fn on_emulated(core: &mut Core, id: ConnId, emulated: Emulated) {
    emulation::answered(core, id, emulated);
}

/// It asked to be looked at again in a later turn.
pub(crate) fn on_turn(core: &mut Core, id: ConnId) {
    if let Some(session) = of(core, id) {
        dispatch!(session, on_turn(core, id));
    }
}

/// The cursor of a slow subscriber was moved over `missed`.
pub(crate) fn on_gap(core: &mut Core, id: ConnId, subscription: Subscription, missed: Missed) {
    if has_deleted_channel(core, id) {
        on_deleted(core, id);
    } else if let Some(session) = of(core, id) {
        dispatch!(session, on_gap(core, id, subscription, missed));
    }
}

/// The log of a channel has moved on without a subscriber, and its namespace does not let it go on. One
/// that waits for the home of another channel has no place to lose yet.
pub(crate) fn on_slow(core: &mut Core, id: ConnId, channel: u32) {
    if core.slab.get(id).is_some_and(|connection| connection.gates.awaits_home()) {
        return;
    }
    if has_deleted_channel(core, id) {
        on_deleted(core, id);
    } else if let Some(session) = of(core, id) {
        dispatch!(session, on_slow(core, id, channel));
    }
}

/// A channel of the connection was deleted.
pub(crate) fn on_deleted(core: &mut Core, id: ConnId) {
    if let Some(session) = of(core, id) {
        dispatch!(session, on_deleted(core, id));
    }
}

/// Nothing was heard of the peer for the ping interval.
pub(crate) fn on_silent(core: &mut Core, id: ConnId) {
    if let Some(session) = of(core, id) {
        dispatch!(session, on_silent(core, id));
    }
}

/// A message of the peer has not become whole in its time.
pub(crate) fn on_late_message(core: &mut Core, id: ConnId) {
    if of(core, id).is_some_and(Session::is_open_websocket) {
        websocket::late(core, id);
    }
}

/// A full socket has taken all that waited for it.
pub(crate) fn on_flushed(core: &mut Core, id: ConnId) {
    if let Some(session) = of(core, id) {
        dispatch!(session, on_flushed(core, id));
    }
}

/// The deadline of the connection has passed.
pub(crate) fn on_due(core: &mut Core, id: ConnId) {
    if let Some(session) = of(core, id) {
        dispatch!(session, on_due(core, id));
    }
}

/// The time of its client's token is over, or the backend wants its client gone.
pub(crate) fn on_end(core: &mut Core, id: ConnId, end: End) {
    let Some(session) = of(core, id) else {
        return;
    };
    // A poll is over soon, and its client asks again.
    if end == End::Expired && core.config.hooks.refresh && session != Session::Poll {
        hooks::ask_to_stay(core, id);
    } else {
        self::end(core, id, session, end);
    }
}

fn end(core: &mut Core, id: ConnId, session: Session, end: End) {
    if let Some(ending) = core.identities.take_ending(id.index()) {
        core.counters.closed_right.add(1);
        return end_as(core, id, session, &ending);
    }
    let (counter, code) = match end {
        End::Expired => (&core.counters.closed_expired, close::IDENTITY_EXPIRED),
        End::Revoked => (&core.counters.closed_right, close::FORBIDDEN),
    };
    counter.add(1);
    dispatch!(session, on_stop(core, id, code));
}

/// A backend says how a client ends. What Centrifugo's own codes mean, other clients do not know.
fn end_as(core: &mut Core, id: ConnId, session: Session, ending: &Ending) {
    if session.is_centrifuge() {
        centrifuge::Centrifuge::end_as(core, id, ending);
    } else if session.is_open_websocket() && ending.is_of_application() {
        websocket::close(core, id, ending.code, &ending.reason);
    } else {
        dispatch!(session, on_stop(core, id, close::FORBIDDEN));
    }
}

/// The server drains or stops.
pub(crate) fn on_stop(core: &mut Core, id: ConnId, code: u16) {
    if let Some(session) = of(core, id) {
        dispatch!(session, on_stop(core, id, code));
    }
}

/// The time of a subscription is over that the client does not have by its own right.
pub(crate) fn on_subscription_end(core: &mut Core, id: ConnId, nth: u16) {
    centrifuge::Centrifuge::on_subscription_end(core, id, nth);
}

/// A backend gives a channel to a client that asks for channels as it goes. False where it has as many as it may.
pub(crate) fn give(core: &mut Core, id: ConnId, given: &Arc<GivenChannel>) -> bool {
    centrifuge::Centrifuge::give(core, id, given)
}

/// A backend takes a channel away from such a client.
pub(crate) fn take_away(core: &mut Core, id: ConnId, name: &ChannelName) {
    centrifuge::Centrifuge::take_away(core, id, name);
}

/// Whether a peer that has ended its side may still wait for an answer.
pub(crate) fn is_owed_answer(core: &Core, id: ConnId) -> bool {
    core.slab
        .get(id)
        .is_some_and(|connection| dispatch!(connection.session, is_owed_answer(connection)))
}
