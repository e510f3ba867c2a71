//! The commands of a message, one after another.

use switchboard_dialects::centrifuge::{Command, Disconnect, Frame, Method};
use switchboard_hooks::Verdict;
use switchboard_hub::Kind;
use switchboard_plane::ConnId;

use super::progress::Progress;
use super::{
    close, connect, messages, orders, pings, presence, publish, read, refresh, reply, subscribe,
    subscription_token,
};
use crate::connection::{Asking, Counted, InputReason};
use crate::core::Core;
use crate::session::asking;

/// Commands of one connection that are obeyed in a turn. The others of a message wait for the next.
const TURN_MAX: usize = 64;

/// A message of the client.
pub(super) fn message(core: &mut Core, id: ConnId, kind: Kind, bytes: &[u8]) {
    if kind == Kind::Binary {
        return close::close(core, id, Disconnect::InappropriateProtocol);
    }
    let used = obey(core, id, bytes, 0);
    if used < bytes.len() {
        hold(core, id, bytes[used..].to_vec(), 0);
    }
}

/// Goes on with what waits.
pub(super) fn go_on(core: &mut Core, id: ConnId) {
    orders::obey(core, id);
    if !may_go_on(core, id) {
        return;
    }
    let commands = core.slab.get_mut(id).and_then(|connection| connection.busy.as_mut());
    let Some(commands) = commands.and_then(|busy| busy.commands.as_mut()) else {
        return;
    };
    let (held, used) = commands.take_held();
    let used = obey(core, id, &held, used);
    if used < held.len() {
        return hold(core, id, held, used);
    }
    let now_ms = core.now_ms;
    if let Some(connection) = core.slab.get_mut(id) {
        if let Some(commands) = connection.busy.as_mut().and_then(|busy| busy.commands.as_mut()) {
            commands.counted = None;
        }
        connection.settle(now_ms);
    }
}

/// How many bytes of commands wait.
pub(super) fn held_bytes(core: &Core, id: ConnId) -> usize {
    let busy = core.slab.get(id).and_then(|connection| connection.busy.as_ref());
    busy.and_then(|busy| busy.commands.as_ref()).map_or(0, |commands| commands.held_bytes())
}

/// More commands wait behind those that do.
pub(super) fn append(core: &mut Core, id: ConnId, bytes: &[u8]) {
    if let Some(connection) = core.slab.get_mut(id) {
        connection.busy().commands().append(bytes);
    }
}

/// What waits now is counted here, as long as it waits.
pub(super) fn count(core: &mut Core, id: ConnId, mut counted: Counted) {
    let bytes = held_bytes(core, id);
    // It is no more than what was counted so far.
    if bytes > 0
        && counted.set(bytes)
        && let Some(connection) = core.slab.get_mut(id)
    {
        connection.busy().commands().counted = Some(counted);
    }
}

/// Commands in `held` wait from `used` on.
pub(super) fn hold(core: &mut Core, id: ConnId, held: Vec<u8>, used: usize) {
    let Some(connection) = core.slab.get_mut(id).filter(|it| it.session.is_centrifuge()) else {
        return;
    };
    connection.busy().commands().hold(held, used);
    if asking::is_full(core, id) {
        core.park_input(id, InputReason::Answer);
    } else if !core.is_output_parked(id) {
        core.revisit(id);
    }
}

/// Obeys what stands in `bytes` from `at` on, as far as it may now. Returns how far that was.
fn obey(core: &mut Core, id: ConnId, bytes: &[u8], mut at: usize) -> usize {
    for _ in 0..TURN_MAX {
        if !may_go_on(core, id) {
            return at;
        }
        let Some((line, behind)) = Frame::next(bytes, at) else {
            return bytes.len();
        };
        if obey_one(core, id, line) == Progress::Again {
            return at;
        }
        at = behind;
    }
    at
}

/// Whether the next command may be looked at. Without a Centrifuge session there is none.
fn may_go_on(core: &Core, id: ConnId) -> bool {
    core.slab.get(id).is_some_and(|connection| connection.session.is_centrifuge())
        && !asking::is_full(core, id)
        && !core.replies_are_enough(id)
}

/// No further message is taken.
pub(super) fn is_enough(core: &mut Core, id: ConnId) -> bool {
    are_held(core, id) || !may_go_on(core, id)
}

/// Some commands wait.
pub(super) fn are_held(core: &Core, id: ConnId) -> bool {
    let busy = core.slab.get(id).and_then(|connection| connection.busy.as_ref());
    busy.and_then(|busy| busy.commands.as_ref()).is_some_and(|commands| commands.are_held())
}

fn obey_one(core: &mut Core, id: ConnId, line: &[u8]) -> Progress {
    let command = match Command::parse(line) {
        Ok(command) => command,
        Err(error) => {
            tracing::debug!(%error, "a command that is none");
            close::close(core, id, Disconnect::BadRequest);
            return Progress::Done;
        }
    };
    let is_open = core.slab.get(id).is_some_and(|it| it.session.is_begun_centrifuge());
    // Whoever has begun does not begin again, and nothing goes before that.
    if is_open == matches!(command.method, Method::Connect(_)) {
        close::close(core, id, Disconnect::BadRequest);
        return Progress::Done;
    }
    let number = command.id;
    match command.method {
        Method::Connect(request) => return connect::connect(core, id, number, &request),
        Method::Subscribe(request) => return subscribe::subscribe(core, id, number, &request),
        Method::Unsubscribe(channel) => subscribe::unsubscribe(core, id, number, &channel),
        Method::Publish(request) => publish::publish(core, id, number, &request),
        Method::Presence(channel) => presence::list(core, id, number, &channel),
        Method::PresenceStats(channel) => presence::count(core, id, number, &channel),
        Method::History(request) => return read::read(core, id, number, &request),
        Method::Rpc(request) => messages::ask(core, id, number, &request),
        Method::Send(data) => messages::send(core, id, data),
        Method::Refresh(token) => return refresh::refresh(core, id, number, token.as_bytes()),
        Method::SubRefresh(request) => {
            return subscription_token::refresh(core, id, number, &request);
        }
        Method::Ping => reply::pong(core, id, number),
        Method::Pong => pings::pong(core, id),
    }
    Progress::Done
}

/// A backend has decided on the first command that waits: it is looked at again.
pub(super) fn decided(core: &mut Core, id: ConnId, verdict: Verdict) {
    let Some(connection) = core.slab.get_mut(id) else {
        return;
    };
    let busy = connection.busy();
    if busy.asking.take_if(|asking| matches!(**asking, Asking::Command)).is_none() {
        return;
    }
    busy.commands().verdict = Some(verdict);
    if !connection.session.is_begun_centrifuge() {
        core.limit_head_time(id);
    }
    core.unpark_input(id, &[InputReason::Answer]);
    core.revisit(id);
}
