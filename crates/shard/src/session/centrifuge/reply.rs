//! Replies, and how many refusals a client gets.

use switchboard_dialects::centrifuge::{Disconnect, ErrorCode, Reply};
use switchboard_hooks::Refusal;
use switchboard_plane::ConnId;

use super::close;
use super::push::framing;
use crate::core::Core;
use crate::session::asking::asked;

/// Answers the command with this number.
pub(super) fn reply(core: &mut Core, id: ConnId, number: u32, reply: &Reply<'_>) {
    if let Some(framing) = framing(core, id) {
        core.reply(id, |out| reply.write(number, framing, out));
    }
}

/// Answers a ping of the client.
pub(super) fn pong(core: &mut Core, id: ConnId, number: u32) {
    reply(core, id, number, &Reply::Ping {});
}

/// Refuses a command.
pub(super) fn refuse(core: &mut Core, id: ConnId, number: u32, code: ErrorCode) {
    refuse_with(core, id, number, &Reply::error(code));
}

/// Refuses a command as the backend wants it. What has no number has no reply either.
pub(super) fn refuse_by_backend(core: &mut Core, id: ConnId, number: u32, refusal: &Refusal) {
    let error = match refusal {
        Refusal::Disconnect { code, reason } => {
            core.counters.closed_right.add(1);
            return close::close_with(core, id, *code, reason);
        }
        _ if number == 0 => return,
        Refusal::Error { code, message, is_temporary } => {
            Reply::Error { code: *code, message, temporary: *is_temporary }
        }
        Refusal::Unavailable => Reply::error(ErrorCode::Internal),
    };
    refuse_with(core, id, number, &error);
}

/// Who is refused again and again is not told for ever.
fn refuse_with(core: &mut Core, id: ConnId, number: u32, error: &Reply<'_>) {
    core.counters.refused_messages.add(1);
    let now_ms = core.now_ms;
    if asked(core, id).is_some_and(|asked| asked.may_be_refused(now_ms)) {
        return reply(core, id, number, error);
    }
    close::close(core, id, Disconnect::TooManyErrors);
}
