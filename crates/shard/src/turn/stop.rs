//! The stop: every connection is asked to end, a page of them in each turn.

use switchboard_api::Phase;
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
            core.phase = Phase::Stopping;
            let is_first = core.phases.advance(Phase::Stopping);
            core.phases.stopping();
            if self.drain.take().is_some() {
                core.stop_code = close::SERVICE_RESTART;
                if is_first {
                    tracing::info!("drained: stopping");
                }
            }
            let at_ms = core.now_ms + core.config.timeouts.stop_ms;
            self.link.stop_accepting();
            self.stop = Some(Stop { at_ms, next_page: 0 });
        }
    }

    /// Some connections are still to be told.
    pub(super) fn stop_has_more(&self) -> bool {
        self.stop.as_ref().is_some_and(|stop| stop.next_page < self.core.slab.page_count())
    }

    /// No connection is left, and no other shard has one that waits for what this one says, or the time for the
    /// stop is over.
    pub(super) fn stop_is_complete(&self) -> bool {
        let core = &self.core;
        let is_over = self.stop.as_ref().is_some_and(|stop| core.now_ms >= stop.at_ms);
        let all_stop = core.phases.are_stopping(core.exchange.shards());
        is_over || (all_stop && !core.api.is_awaited())
    }

    /// While stopping: tells the connections of one page, and at the deadline cuts the rest.
    pub(super) fn stop_step(&mut self) {
        let Self { core, stop: Some(stop), .. } = self else {
            return;
        };
        if stop.next_page < core.slab.page_count() {
            let code = core.stop_code;
            for id in core.slab.page_ids(stop.next_page) {
                session::on_stop(core, id, code);
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
