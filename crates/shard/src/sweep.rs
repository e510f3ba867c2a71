//! Deadlines and pings, a few pages of connections at a time.
//!
//! There is no timer per connection. The sweep walks over all pages once a second, in steps, and
//! sends a bounded number of pings in each: 20,000 in one go would stall the shard for 160 ms.

use switchboard_dialects::KEEP_ALIVE;
use switchboard_plane::ConnId;
use switchboard_ws::frame::{self, Opcode};

use crate::closing;
use crate::connection::{Connection, State};
use crate::core::Core;
use crate::fanout;
use crate::http;
use crate::poll;
use crate::time::Tick;

/// Steps in one round over all pages.
const STEPS: usize = 20;

/// Between two steps: a round takes a second.
pub(crate) const STEP_MS: u64 = 1_000 / STEPS as u64;

/// Connections that are acted on in one step; the others wait for the next.
const ACTIONS_MAX: usize = 512;

/// What is due for a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Due {
    Ping,
    /// A comment on an event stream.
    Comment,
    PollTimeout,
    HeadTimeout,
    Dead,
    Stalled,
    Cut,
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
            self.next_page += 1;
        }
        for (id, due) in self.due.drain(..) {
            act(core, id, due);
        }
        self.next_page < end
    }
}

fn due(core: &Core, connection: &Connection) -> Option<Due> {
    if connection.deadline <= core.now {
        return Some(match connection.state {
            State::Head | State::Refusing if connection.blocked => Due::Cut,
            State::Head | State::Refusing => Due::HeadTimeout,
            State::Echo | State::Subscribed | State::Streaming if connection.blocked => {
                Due::Stalled
            }
            State::Echo | State::Subscribed | State::Streaming => Due::Dead,
            State::Polling => Due::PollTimeout,
            State::Closing | State::Lingering => Due::Cut,
        });
    }
    let due = match connection.state {
        State::Echo | State::Subscribed if !connection.pinged && !connection.is_paused() => {
            Due::Ping
        }
        State::Streaming => Due::Comment,
        _ => return None,
    };
    (!connection.blocked && is_silent(core, connection)).then_some(due)
}

/// Spread over the last tenth of the interval by the slot, so that those who came together are not
/// pinged together.
fn is_silent(core: &Core, connection: &Connection) -> bool {
    let interval_ms = core.config.timeouts.ping_interval_ms;
    let early_ms = interval_ms / 10 * u64::from(connection.id.index() % 64) / 64;
    core.now.since_ms(connection.last_seen) + early_ms >= interval_ms
}

fn act(core: &mut Core, id: ConnId, due: Due) {
    match due {
        Due::Ping => ping(core, id),
        Due::Comment => comment(core, id),
        Due::PollTimeout => poll::timed_out(core, id),
        Due::HeadTimeout => http::head_timed_out(core, id),
        Due::Dead => {
            core.counters.closed_dead.add(1);
            closing::cut(core, id);
        }
        Due::Stalled => fanout::close_slow(core, id),
        Due::Cut => closing::cut(core, id),
    }
}

fn ping(core: &mut Core, id: ConnId) {
    let deadline = core.now.after_ms(core.config.timeouts.pong_ms);
    let Some(connection) = core.slab.get_mut(id) else {
        return;
    };
    connection.pinged = true;
    connection.deadline = deadline;
    core.counters.pings_sent.add(1);
    core.reply(id, |out| frame::write(out, Opcode::Ping, &[], None));
}

/// Event streams have no pings: what is sent keeps the way open, and the kernel finds dead peers.
fn comment(core: &mut Core, id: ConnId) {
    let now = core.now;
    if let Some(connection) = core.slab.get_mut(id) {
        connection.last_seen = now;
    }
    core.reply(id, |out| out.extend_from_slice(KEEP_ALIVE));
}

/// Something arrived: the peer lives.
pub(crate) fn heard(connection: &mut Connection, now: Tick) {
    connection.last_seen = now;
    if std::mem::take(&mut connection.pinged) && connection.state.is_open_websocket() {
        connection.deadline = Tick::NEVER;
    }
}
