//! The stop: every connection is asked to end, a page of them in each turn.

use switchboard_plane::{Close, Plane};
use switchboard_ws::close;

use super::Shard;
use crate::lifecycle::ending;
use crate::lifecycle::stop::Stop;
use crate::session;

impl<P: Plane> Shard<P> {
    pub(super) fn begin_stop(&mut self) {
        if self.stop.is_none() {
            let Self { core, .. } = self;
            tracing::debug!(shard = core.shard.0, connections = core.slab.open(), "stopping");
            core.stopping = true;
            core.api.begin_stop();
            let at_ms = core.now_ms + core.config.timeouts.stop_ms;
            self.link.stop_accepting();
            self.stop = Some(Stop { at_ms, next_page: 0 });
        }
    }

    /// Some connections are still to be told.
    pub(super) fn stop_has_more(&self) -> bool {
        self.stop.as_ref().is_some_and(|stop| stop.next_page < self.core.slab.page_count())
    }

    /// The time for the stop is over.
    pub(super) fn stop_is_over(&self) -> bool {
        self.stop.as_ref().is_some_and(|stop| self.core.now_ms >= stop.at_ms)
    }

    /// While stopping: tells the connections of one page, and at the deadline cuts the rest.
    pub(super) fn stop_step(&mut self) {
        let Self { core, stop: Some(stop), .. } = self else {
            return;
        };
        if stop.next_page < core.slab.page_count() {
            for id in core.slab.page_ids(stop.next_page) {
                session::on_stop(core, id, close::GOING_AWAY);
            }
            stop.next_page += 1;
        } else if core.now_ms >= stop.at_ms {
            for page in 0..core.slab.page_count() {
                for id in core.slab.page_ids(page) {
                    ending::remove(core, id, Close::Reset);
                }
            }
        }
        self.end_stage();
    }
}
