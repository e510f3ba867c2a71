//! `connect`: who the client is.

use switchboard_auth::{Claims, TokenError, Who};
use switchboard_dialects::centrifuge::{Connect, Connected, Disconnect, ErrorCode, Reply};
use switchboard_hooks::{Answer, Client, Question, Refusal, Verdict};
use switchboard_plane::ConnId;

use super::progress::{Progress, take_verdict};
use super::push::framing;
use super::{close, pings, reply};
use crate::admission::Reason;
use crate::connection::{Asking, Session, Ticket};
use crate::core::Core;
use crate::hooks;
use crate::identity::{self, Unshown};
use crate::lifecycle::admission;
use crate::subscribe::{events, presence::name_of};

/// What the server is called in results.
const VERSION: &str = concat!("switchboard ", env!("CARGO_PKG_VERSION"));

/// What it is called where a client says it again with its session. There is one.
const NODE: &str = "switchboard";

/// How long a client may take for a new token once its time is over, in seconds.
pub(super) const GRACE_S: u32 = 25;

/// A client begins.
pub(super) fn connect(core: &mut Core, id: ConnId, number: u32, request: &Connect<'_>) -> Progress {
    // One that is refused, or waited for its token, has the time for a command again, and no more.
    core.limit_head_time(id);
    if !request.token.is_empty() {
        let charge = |core: &Core| admission::address_may_join(core, id, 1);
        match identity::verify(core, request.token.as_bytes(), charge) {
            Ok(Some(claims)) => {
                let expires = claims.connection_expires_at_s;
                return begin(core, id, number, &Some(claims), expires);
            }
            // The server accepts none, so everybody is whom the backend says, or anonymous.
            Ok(None) => {}
            Err(Unshown::Later) => {
                core.clear_deadline(id);
                core.await_verification(id);
                return Progress::Again;
            }
            Err(Unshown::Refused(reason)) => return refuse(core, id, number, reason),
            Err(Unshown::Invalid(error)) => return refuse_token(core, id, number, &error),
        }
    }
    if let Some(verdict) = take_verdict(core, id) {
        return decided(core, id, number, verdict);
    }
    if let Err(reason) = admission::address_may_join(core, id, 1) {
        return refuse(core, id, number, reason);
    }
    if core.config.hooks.connect.is_none() {
        return begin(core, id, number, &None, None);
    }
    ask(core, id);
    Progress::Again
}

/// A backend has said who the client is.
fn decided(core: &mut Core, id: ConnId, number: u32, verdict: Verdict) -> Progress {
    match verdict {
        // The backend is asked at the end of the client's time, too: the client need not do anything.
        Ok(Answer::Connected(who)) => begin(core, id, number, &who, None),
        verdict => {
            let refusal = verdict.err().unwrap_or(Refusal::Unavailable);
            reply::refuse_by_backend(core, id, number, &refusal);
            Progress::Done
        }
    }
}

/// Asks the backend who the client is.
fn ask(core: &mut Core, id: ConnId) {
    let headers = core
        .slab
        .get_mut(id)
        .map(|connection| std::mem::take(&mut connection.busy().commands().connect_headers));
    let client = Client {
        connection: name_of(core, id),
        share: hooks::share(core, id),
        transport: core.slab.get(id).map_or("", |connection| connection.session.describe()),
        user: Box::default(),
        meta: None,
        headers: headers.unwrap_or_default(),
    };
    let question = Question::Connect { client, channels: Vec::new() };
    hooks::limit_time(core, id);
    hooks::ask_and_wait(core, id, (Ticket::Command, question), Asking::Command);
}

/// The client is known.
fn begin(core: &mut Core, id: ConnId, number: u32, who: &Who, told_end_s: Option<u64>) -> Progress {
    let user = who.as_ref().map(|claims| &*claims.user);
    if let Err(reason) = admission::user_may_join(core, user, 1) {
        return refuse(core, id, number, reason);
    }
    if let Some(claims) = who
        && !remember(core, id, claims)
    {
        close::close(core, id, Disconnect::ConnectionLimit);
        return Progress::Done;
    }
    let commands = core.slab.get_mut(id).and_then(|it| it.busy.as_mut()?.commands.as_mut());
    let kept = commands.map(|commands| {
        commands.connect_headers = Vec::new();
        (std::mem::take(&mut commands.subscribe_headers), commands.session.take())
    });
    let (headers, emulation) = kept.unwrap_or_default();
    core.identities.set_headers(id.index(), headers);
    let deadline = pings::first(core, id);
    let Some(framing) = framing(core, id) else {
        return Progress::Done;
    };
    let session = Session::of_centrifuge(framing, true);
    core.enter(id, session, deadline);
    events::connected(core, id, session);
    let connected = Connected {
        client: &name_of(core, id),
        version: VERSION,
        expires: told_end_s.is_some(),
        ttl: ttl_s(core, told_end_s),
        ping: u32::try_from(core.config.timeouts.ping_interval_ms.div_ceil(1_000)).unwrap_or(0),
        pong: true,
        session: emulation.as_deref(),
        node: emulation.is_some().then_some(NODE),
        ..Connected::default()
    };
    reply::reply(core, id, number, &Reply::Connect(connected));
    Progress::Done
}

/// A token is not good: the client gets a new one, or gives up.
pub(super) fn refuse_token(
    core: &mut Core,
    id: ConnId,
    number: u32,
    error: &TokenError,
) -> Progress {
    if *error == TokenError::Expired {
        reply::refuse(core, id, number, ErrorCode::TokenExpired);
    } else {
        close::close(core, id, Disconnect::InvalidToken);
    }
    Progress::Done
}

/// Too many begin at once.
fn refuse(core: &mut Core, id: ConnId, number: u32, reason: Reason) -> Progress {
    admission::refuse(core, id, reason);
    reply::refuse(core, id, number, ErrorCode::TooManyRequests);
    Progress::Done
}

/// Takes down whose the connection is. False where its user has as many as it may.
pub(super) fn remember(core: &mut Core, id: ConnId, claims: &Claims) -> bool {
    let expires_s = identity::expires_s(core, id, claims).saturating_add(GRACE_S);
    core.identities.set_asking(id.index(), claims, expires_s)
}

/// Seconds until then, at least one; 0 for a time without an end.
pub(super) fn ttl_s(core: &Core, end_s: Option<u64>) -> u32 {
    let left_s = end_s.map_or(0, |end_s| end_s.saturating_sub(core.unix_s()).max(1));
    u32::try_from(left_s).unwrap_or(u32::MAX)
}
