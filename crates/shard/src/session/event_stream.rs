//! An event stream: it is sent to and never read.

use std::sync::Arc;

use switchboard_dialects::{
    Dialect, Listen, write_end, write_event_stream_head, write_keep_alive, write_retry,
};
use switchboard_hub::Subscription;
use switchboard_plane::{Close, ConnId};
use switchboard_ws::close;
use switchboard_ws::head::{Request, Version};

use super::stream;
use super::verbs::{Taken, Verbs};
use crate::connection::{Delivery, ListenMode, Session};
use crate::core::Core;
use crate::http::Answer;
use crate::lifecycle::{drain, ending};
use crate::subscribe::{self, Channels, Lost, Missed, events, presence, resume};
use crate::time::Tick;

/// [`Session::ChunkedEventStream`] and [`Session::EventStream`].
pub(super) struct EventStream;

/// A client wants to listen on an event stream.
pub(super) fn open(
    core: &mut Core,
    id: ConnId,
    request: &Request<'_>,
    channels: &Channels,
    listen: Listen,
    cors: u8,
) -> Answer {
    let (session, dialect) = match request.version() {
        Version::Http11 => (Session::ChunkedEventStream, Dialect::ChunkedEventStream),
        Version::Http10 => (Session::EventStream, Dialect::EventStream),
    };
    let config = Arc::clone(&core.config);
    subscribe::subscribe(core, id, channels, ListenMode::default());
    presence::joined(core, id);
    events::joined(core, id, session);
    core.await_home(id);
    let date = core.wall.time().date;
    core.reply(id, |out| write_event_stream_head(dialect, date, config.cors(cors), out));
    core.counters.event_streams_opened.add(1);
    core.enter(id, session, Tick::NEVER);
    resume::request(core, id, listen);
    Answer::TakenOver
}

/// Which of the two it is.
fn dialect(core: &Core, id: ConnId) -> Option<Dialect> {
    match core.slab.get(id)?.session.delivery() {
        Delivery::Stream(dialect) => Some(dialect),
        Delivery::None | Delivery::Answer => None,
    }
}

/// Nothing more comes: the stream ends in order, and the connection behind it.
fn end(core: &mut Core, id: ConnId) {
    subscribe::leave(core, id);
    if let Some(dialect) = dialect(core, id) {
        core.reply(id, |out| write_end(dialect, out));
    }
    ending::linger(core, id);
}

/// It would get nothing more, not even an end in order, and what the kernel holds for it is given back at once.
fn end_slow(core: &mut Core, id: ConnId) {
    core.counters.closed_slow.add(1);
    ending::remove(core, id, Close::Reset);
}

impl Verbs for EventStream {
    /// Nothing is expected.
    fn on_bytes(_core: &mut Core, _id: ConnId, _bytes: &mut [u8], _scanned: usize) -> Taken {
        Taken::All
    }

    fn on_started(core: &mut Core, id: ConnId, lost: Vec<Lost>) {
        if let Some(dialect) = dialect(core, id) {
            stream::start(core, id, dialect, lost);
        }
    }

    fn tell_more(core: &mut Core, id: ConnId) -> bool {
        dialect(core, id).is_some_and(|dialect| stream::tell_more(core, id, dialect))
    }

    fn on_gap(core: &mut Core, id: ConnId, subscription: Subscription, missed: Missed) {
        let is_told = dialect(core, id)
            .is_some_and(|dialect| stream::tell_gap(core, id, dialect, subscription, missed));
        if !is_told {
            end_slow(core, id);
        }
    }

    fn on_slow(core: &mut Core, id: ConnId, _channel: u32) {
        end_slow(core, id);
    }

    fn on_deleted(core: &mut Core, id: ConnId) {
        end(core, id);
    }

    /// There are no pings: what is sent keeps the way open, and the kernel finds dead peers.
    fn on_silent(core: &mut Core, id: ConnId) {
        let now = core.now;
        if let Some(connection) = core.slab.get_mut(id) {
            connection.last_seen = now;
        }
        if let Some(dialect) = dialect(core, id) {
            core.reply(id, |out| write_keep_alive(dialect, out));
        }
    }

    fn on_flushed(core: &mut Core, id: ConnId) {
        core.clear_deadline(id);
    }

    fn on_due(core: &mut Core, id: ConnId) {
        if core.is_output_parked(id) {
            end_slow(core, id);
        } else {
            core.counters.closed_dead.add(1);
            ending::cut(core, id);
        }
    }

    fn on_stop(core: &mut Core, id: ConnId, code: u16) {
        if code == close::SERVICE_RESTART
            && let Some(dialect) = dialect(core, id)
        {
            let retry_ms = drain::retry_ms(core.config.event_stream_retry_ms, id);
            core.reply(id, |out| write_retry(dialect, retry_ms, out));
        }
        end(core, id);
    }
}
