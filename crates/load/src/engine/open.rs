//! What a job hears of a connection, whatever is spoken there: that it is open, and its messages.

use switchboard_plane::ConnId;

use super::stats::{Counter, Measure};
use super::{Core, Job, State};

/// The connection is open from now on.
pub(super) fn opened<J: Job>(core: &mut Core<J::Data>, job: &mut J, id: ConnId) {
    let is_raw = core.endpoint.upgrade.is_none();
    let now_ns = core.now_ns;
    let Some(connection) = core.slab.get_mut(id) else {
        return;
    };
    let number = connection.number;
    connection.state = if is_raw { State::Raw } else { State::Open };
    let started_ns = std::mem::take(&mut connection.busy().started_ns);
    connection.settle();
    core.connecting -= 1;
    core.open += 1;
    core.count(number, Counter::Connected, 1);
    core.record(number, Measure::Handshake, started_ns, now_ns);
    job.opened(core, id);
}

/// A message with what is published, counted and handed over.
pub(super) fn message<J: Job>(core: &mut Core<J::Data>, job: &mut J, id: ConnId, message: &[u8]) {
    core.stats.add(Counter::Received, 1);
    core.stats.add(Counter::ReceivedBytes, message.len() as u64);
    job.message(core, id, message);
}
