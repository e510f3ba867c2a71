//! The drain: nobody else comes in, and those who are there go one after another.

use switchboard_api::Phase;
use switchboard_plane::Plane;
use switchboard_ws::close;

use super::{AWAITED_STEP_MS, Shard};
use crate::lifecycle::drain::Drain;
use crate::session;

/// Clients that are told in one turn.
const TOLD_MAX: usize = 256;

/// Pages of connections that are looked at in one turn.
const PAGES_MAX: usize = 16;

impl<P: Plane> Shard<P> {
    pub(super) fn begin_drain(&mut self) {
        let Self { core, link, .. } = self;
        if core.phase.is_leaving() {
            return;
        }
        tracing::debug!(shard = core.shard.0, connections = core.slab.open(), "draining");
        core.phase = Phase::Draining;
        core.phases.advance(Phase::Draining);
        link.hold_off(core.config.public_listeners());
        self.drain = Some(Drain::begin(core));
    }

    /// While draining: tells those whose turn it is, and stops when nobody is left or the time is over.
    pub(super) fn drain_step(&mut self) {
        if self.is_drained() {
            return self.begin_stop();
        }
        self.close_listeners();
        self.tell_due();
    }

    fn is_drained(&mut self) -> bool {
        let Self { core, drain: Some(drain), .. } = self else {
            return false;
        };
        if drain.is_to_report(core) {
            drain.report(core);
        }
        // The clients of other shards need the channels that live on this one.
        core.now_ms >= drain.until_ms || core.phases.are_drained(core.exchange.shards())
    }

    /// Closes the public listeners once nobody waits in their queues. Those that were accepted meanwhile come with
    /// the next turn.
    fn close_listeners(&mut self) {
        let Self { core, link, drain: Some(drain), .. } = self else {
            return;
        };
        let below = core.config.public_listeners();
        if drain.may_close_listeners(core) && link.plane().waiting(below) == 0 {
            link.close_listeners(below);
            drain.is_listening = false;
        }
    }

    fn tell_due(&mut self) {
        let Self { core, drain: Some(drain), .. } = self else {
            return;
        };
        let mut pages = PAGES_MAX;
        for _ in 0..TOLD_MAX {
            if !drain.is_due(core) {
                break;
            }
            let Some(id) = drain.next(core, &mut pages) else {
                break;
            };
            session::on_stop(core, id, close::SERVICE_RESTART);
            core.counters.closed_drain.add(1);
            drain.told(core);
        }
        self.end_stage();
    }

    /// Some are still to be told now, or something has changed that the next turn sees.
    pub(super) fn drain_has_more(&self) -> bool {
        let core = &self.core;
        self.drain.as_ref().is_some_and(|drain| drain.is_due(core) || drain.is_to_report(core))
    }

    /// When the drain goes on by itself.
    pub(super) fn drain_due_ms(&self) -> Option<u64> {
        let drain = self.drain.as_ref()?;
        let due_ms = drain.due_ms().min(drain.until_ms);
        let look_ms = drain.awaits_others().then_some(self.core.now_ms + AWAITED_STEP_MS);
        Some(look_ms.map_or(due_ms, |look_ms| look_ms.min(due_ms)))
    }
}
