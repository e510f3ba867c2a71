//! A question goes out.

use switchboard_hooks::Question;
use switchboard_plane::ConnId;

use crate::connection::{Asking, InputReason, Ticket};
use crate::core::Core;

/// Longest time for a verdict, in milliseconds: the longest timeout of a hook, and a second. It is there for
/// a control side that has died.
const VERDICT_MS: u64 = 61_000;

/// Puts a question. The verdict comes as mail with this ticket.
pub(crate) fn ask(core: &mut Core, id: ConnId, ticket: Ticket, question: Question) {
    core.counters.backend_questions.add(1);
    let reply = core.exchange.verdict_by_mail(id, ticket);
    core.backends.ask(question, reply);
}

/// Puts a question, and does not read the connection before it is answered.
pub(crate) fn ask_and_wait(
    core: &mut Core,
    id: ConnId,
    (ticket, question): (Ticket, Question),
    asking: Asking,
) {
    if let Some(connection) = core.slab.get_mut(id) {
        connection.busy().asking = Some(Box::new(asking));
    }
    core.park_input(id, InputReason::Answer);
    ask(core, id, ticket, question);
}

/// Whether the connection waits for a verdict before it is read on.
pub(crate) fn awaits_verdict(core: &Core, id: ConnId) -> bool {
    let Some(connection) = core.slab.get(id).filter(|it| it.gates.awaits_answer()) else {
        return false;
    };
    let busy = connection.busy.as_deref();
    busy.and_then(|busy| busy.asking.as_deref()).is_some_and(|asking| match asking {
        Asking::Opening(opening) => opening.is_asked,
        Asking::Command | Asking::Presence(_) | Asking::Publishing { .. } => true,
    })
}

/// A request that waits for its verdict may take so long, and no longer.
pub(crate) fn limit_time(core: &mut Core, id: ConnId) {
    let due = core.now.after_ms(VERDICT_MS);
    if let Some(connection) = core.slab.get_mut(id) {
        connection.deadline = due;
    }
}
