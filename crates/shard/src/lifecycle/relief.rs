//! What a shard gives up while memory is short, once a second.

use switchboard_plane::ConnId;

use super::ending;
use crate::admission::Pressure;
use crate::core::Core;

/// Between two rounds.
const PAUSE_MS: u64 = 1_000;

/// The part of what channels keep that is dropped in a round: one in so many.
const HISTORY_PART: usize = 4;

/// The part of the connections with full sockets that is cut in a round: one in so many.
const SLOW_PART: usize = 8;

/// Connections that are cut in a round at most.
const CUT_MAX: usize = 1_024;

/// When the next round is due.
#[derive(Debug, Default)]
pub(crate) struct Relief {
    next_ms: u64,
    has_given_up: bool,
}

impl Relief {
    pub(crate) fn begin_turn(&mut self) {
        self.has_given_up = false;
    }

    /// There was a round in this turn.
    pub(crate) fn has_given_up(&self) -> bool {
        self.has_given_up
    }

    /// Gives up what is to be given up now.
    pub(crate) fn step(&mut self, core: &mut Core) {
        let pressure = core.places.shared().pressure();
        if pressure == Pressure::Serve || core.now_ms < self.next_ms {
            return;
        }
        self.next_ms = core.now_ms + PAUSE_MS;
        self.has_given_up = true;
        if pressure < Pressure::DropHistory {
            return;
        }
        let kept = core.hub.log_bytes();
        let dropped = core.hub.shed(core.now_ms, kept - kept.div_ceil(HISTORY_PART));
        core.counters.history_shed.add(dropped as u64);
        if pressure >= Pressure::CutSlowest {
            cut_slowest(core);
        }
    }
}

/// Cuts those whose sockets have been full for the longest. What waits for them is dropped with a reset: a
/// goodbye would wait, too.
fn cut_slowest(core: &mut Core) {
    let since = |id: &ConnId| {
        let connection = core.slab.get(*id).filter(|connection| connection.gates.awaits_room())?;
        Some((connection.busy.as_ref()?.parked_since_ms, *id))
    };
    let mut slow: Vec<(u64, ConnId)> = core.parked.iter().filter_map(since).collect();
    let count = slow.len().div_ceil(SLOW_PART).min(CUT_MAX);
    if count == 0 {
        return;
    }
    slow.select_nth_unstable_by_key(count - 1, |(since_ms, _)| *since_ms);
    for (_, id) in &slow[..count] {
        core.counters.closed_memory.add(1);
        ending::cut(core, *id);
    }
}
