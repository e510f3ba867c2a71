//! Deadlines and pings, a few pages of connections at a time.
//!
//! There is no timer per connection. The sweep walks over all pages once a second, in steps, and
//! sends a bounded number of pings in each: 20,000 in one go would stall the shard for 160 ms.

use switchboard_plane::ConnId;

use crate::connection::Connection;
use crate::core::Core;
use crate::identity::{self, End};
use crate::session;

/// Steps in one round over all pages.
const STEPS: usize = 20;

/// Between two steps: a round takes a second.
pub(crate) const STEP_MS: u64 = 1_000 / STEPS as u64;

/// Connections that are acted on in one step; the others wait for the next.
const ACTIONS_MAX: usize = 512;

/// What is due for a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Due {
    Deadline,
    /// A message of the peer has not become whole in its time.
    Message,
    /// It can be said how fast a full socket takes what waits for it.
    Uptake,
    /// Nothing was heard of the peer for long.
    Silence,
    /// Its client is to go.
    End(End),
    /// One of its subscriptions is over, by its slot.
    Subscription(u16),
}

#[derive(Debug, Default)]
pub(crate) struct Sweep {
    next_page: usize,
    due: Vec<(ConnId, Due)>,
}

impl Sweep {
    /// One step. True when it had to stop early: then the next one is due at once, or pings and
    /// deadlines would fall behind.
    pub(crate) fn step(&mut self, core: &mut Core) -> bool {
        let pages = core.slab.page_count();
        if self.next_page >= pages {
            self.next_page = 0;
        }
        let end = (self.next_page + pages.div_ceil(STEPS)).min(pages);
        while self.next_page < end && self.due.len() < ACTIONS_MAX {
            for connection in core.slab.page(self.next_page) {
                if let Some(due) = due(core, connection) {
                    self.due.push((connection.id, due));
                }
            }
            self.due
                .extend(identity::due(core, self.next_page).map(|(id, end)| (id, Due::End(end))));
            let grants = core.identities.grants.due(self.next_page, identity::now_s(core));
            self.due.extend(
                grants.filter_map(|(slot, nth)| {
                    Some((core.slab.at(slot)?.id, Due::Subscription(nth)))
                }),
            );
            self.next_page += 1;
        }
        for (id, due) in self.due.drain(..) {
            match due {
                Due::Deadline => session::on_due(core, id),
                Due::Message => session::on_late_message(core, id),
                Due::Uptake if core.takes_enough(id) => {}
                // It ends as if it had taken nothing.
                Due::Uptake => {
                    core.counters.closed_trickling.add(1);
                    session::on_due(core, id);
                }
                Due::Silence => session::on_silent(core, id),
                // What was due before may have ended it already.
                Due::End(end) if identity::is_due(core, id) => session::on_end(core, id, end),
                Due::End(_) => {}
                Due::Subscription(nth) => session::on_subscription_end(core, id, nth),
            }
        }
        self.next_page < end
    }
}

fn due(core: &Core, connection: &Connection) -> Option<Due> {
    if connection.deadline <= core.now {
        return Some(Due::Deadline);
    }
    let gates = connection.gates;
    if let Some(busy) = connection.busy.as_deref() {
        let timeouts = &core.config.timeouts;
        if busy.receives_for_ms(core.now_ms).is_some_and(|ms| ms >= timeouts.message_ms) {
            return Some(Due::Message);
        }
        let may_be_judged = gates.awaits_room() && !connection.session.is_ending();
        if may_be_judged && busy.uptake.is_over(core.now_ms, timeouts.uptake_ms()) {
            return Some(Due::Uptake);
        }
    }
    let may_be_told =
        !connection.is_pinged() && !gates.is_input_parked() && !gates.is_output_parked();
    (may_be_told && connection.session.is_kept_alive() && is_silent(core, connection))
        .then_some(Due::Silence)
}

/// Spread over the last tenth of the interval by the slot, so that those who came together are not
/// pinged together.
fn is_silent(core: &Core, connection: &Connection) -> bool {
    let interval_ms = core.config.timeouts.ping_interval_ms;
    let early_ms = interval_ms / 10 * u64::from(connection.id.index() % 64) / 64;
    core.now.since_ms(connection.last_seen) + early_ms >= interval_ms
}
