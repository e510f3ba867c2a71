//! An event stream: it is sent to and never read.

use std::sync::Arc;

use switchboard_dialects::{Dialect, KEEP_ALIVE, Listen, write_event_stream_head};
use switchboard_hub::Subscription;
use switchboard_plane::{Close, ConnId};

use super::stream;
use super::verbs::{Taken, Verbs};
use crate::connection::{ListenMode, Session};
use crate::core::Core;
use crate::http::Answer;
use crate::lifecycle::ending;
use crate::subscribe::{self, Channels, Lost, Missed, presence, resume};
use crate::time::Tick;

/// [`Session::EventStream`].
pub(super) struct EventStream;

/// A client wants to listen on an event stream.
pub(super) fn open(
    core: &mut Core,
    id: ConnId,
    channels: &Channels,
    listen: Listen,
    cors: u8,
) -> Answer {
    let config = Arc::clone(&core.config);
    subscribe::subscribe(core, id, channels, ListenMode::default());
    presence::joined(core, id);
    core.await_home(id);
    core.reply(id, |out| write_event_stream_head(config.origin(cors), out));
    core.counters.event_streams_opened.add(1);
    core.enter(id, Session::EventStream, Tick::NEVER);
    resume::request(core, id, listen);
    Answer::TakenOver
}

/// Nothing more comes; the end of the stream is where the connection ends.
fn end(core: &mut Core, id: ConnId) {
    subscribe::leave(core, id);
    ending::linger(core, id);
}

/// It would get nothing more, and what the kernel holds for it is given back at once.
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
        stream::start(core, id, Dialect::EventStream, &lost);
    }

    fn on_gap(core: &mut Core, id: ConnId, subscription: Subscription, missed: Missed) {
        if !stream::tell_gap(core, id, Dialect::EventStream, subscription, missed) {
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
        core.reply(id, |out| out.extend_from_slice(KEEP_ALIVE));
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

    fn on_stop(core: &mut Core, id: ConnId, _code: u16) {
        end(core, id);
    }
}
