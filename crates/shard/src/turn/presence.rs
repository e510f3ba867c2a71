//! Questions of clients who listens to a channel: each shard says what it knows, and passes them on.

use switchboard_plane::Plane;

use super::Shard;
use crate::core::Core;
use crate::exchange::{Found, PresenceQuery};
use crate::session;
use crate::subscribe::present;

impl<P: Plane> Shard<P> {
    /// Answers as many questions as there is time for.
    pub(super) fn answer_presence_queries(&mut self) {
        let Self { core, .. } = self;
        let mut has_answered = false;
        while let Some(mut query) = core.presence_queries.take(core.now_ms) {
            has_answered = true;
            // The client has gone.
            if query.shard == core.shard && core.slab.get(query.id).is_none() {
                continue;
            }
            let cost = present::add(core, &mut query);
            core.presence_queries.charge(core.now_ms, cost);
            core.counters.presence_queries.add(1);
            pass_on(core, query);
        }
        if has_answered {
            self.end_stage();
        }
    }
}

/// A question of a client of another shard, or the answer for one of this shard.
pub(super) fn received(core: &mut Core, query: Box<PresenceQuery>) {
    if query.is_done() {
        return session::on_presence(core, *query);
    }
    if let Err(mut query) = core.presence_queries.push(query) {
        query.found = Found::TooMany;
        query.end();
        pass_on(core, query);
    }
}

fn pass_on(core: &mut Core, query: Box<PresenceQuery>) {
    let to = query.next(core.shard, core.exchange.shards());
    if to == core.shard {
        received(core, query);
    } else {
        core.exchange.pass_on(to, query);
    }
}
