//! `connect`: who the client is.

use switchboard_auth::{Claims, TokenError, Who};
use switchboard_dialects::centrifuge::{Connect, Disconnect, ErrorCode};
use switchboard_hooks::{Answer, Client, Question, Refusal, Verdict};
use switchboard_plane::ConnId;

use super::connected::GRACE_S;
use super::messages::payload;
use super::progress::{Progress, take_verdict};
use super::push::framing;
use super::server_side::{self, NotGiven};
use super::{begin, close, pings, reply};
use crate::admission::Reason;
use crate::config::HeaderNames;
use crate::connection::{Asking, Awaited, Connecting, Headers, Session, Ticket};
use crate::core::Core;
use crate::hooks;
use crate::identity::{self, Unshown};
use crate::lifecycle::admission;
use crate::subscribe::{events, presence::name_of};

/// A client begins.
pub(super) fn connect(core: &mut Core, id: ConnId, number: u32, request: &Connect<'_>) -> Progress {
    // One that is refused, or waited for its token, has the time for a command again, and no more.
    core.limit_head_time(id);
    // The reply may wait for homes of channels, and then goes out behind what is still to be sent. And where it
    // was in them may be known from another shard, whose mail is to be read first.
    if core.outgoing.pending_bytes(id) > 0
        || (!request.subs.is_empty() && core.exchange.is_behind())
    {
        return Progress::Again;
    }
    if !request.token.is_empty() {
        let charge = |core: &Core| admission::address_may_join(core, id, 1);
        match identity::verify(core, request.token.as_bytes(), charge) {
            Ok(Some(claims)) => {
                let expires = claims.connection_expires_at_s;
                return known(core, id, (number, request), &Some(claims), expires);
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
        return decided(core, id, (number, request), verdict);
    }
    if let Err(reason) = admission::address_may_join(core, id, 1) {
        return refuse(core, id, number, reason);
    }
    if core.config.hooks.connect.is_none() {
        return known(core, id, (number, request), &None, None);
    }
    ask(core, id, request);
    Progress::Again
}

/// A command with its number.
type Numbered<'c, 'a> = (u32, &'c Connect<'a>);

/// A backend has said who the client is.
fn decided(core: &mut Core, id: ConnId, command: Numbered<'_, '_>, verdict: Verdict) -> Progress {
    match verdict {
        // The backend is asked at the end of the client's time, too: the client need not do anything.
        Ok(Answer::Connected(who)) => known(core, id, command, &who, None),
        verdict => {
            let refusal = verdict.err().unwrap_or(Refusal::Unavailable);
            reply::refuse_by_backend(core, id, command.0, &refusal);
            Progress::Done
        }
    }
}

/// Asks the backend who the client is.
fn ask(core: &mut Core, id: ConnId, request: &Connect<'_>) {
    let headers = core
        .slab
        .get_mut(id)
        .map(|connection| std::mem::take(&mut connection.busy().commands().connect_headers));
    let mut headers = headers.unwrap_or_default();
    emulate(&mut headers, &core.config.hooks.emulated, request);
    let client = Client {
        connection: name_of(core, id),
        share: hooks::share(core, id),
        transport: core.slab.get(id).map_or("", |connection| connection.session.describe()),
        user: Box::default(),
        meta: None,
        headers,
    };
    let question = Question::Connect { client, channels: Vec::new(), data: payload(request.data) };
    hooks::limit_time(core, id);
    hooks::ask_and_wait(core, id, (Ticket::Command, question), Asking::Command);
}

/// Adds those headers that the client says its request would have: the backend wants these of them, and what the
/// request has counts more.
fn emulate(headers: &mut Headers, names: &HeaderNames, request: &Connect<'_>) {
    for name in names {
        let said = request.headers.iter().find(|(said, _)| said.eq_ignore_ascii_case(name));
        if let Some((_, value)) = said
            && !headers.iter().any(|(has, _)| has == name)
        {
            headers.push((name.clone(), value.as_bytes().into()));
        }
    }
}

/// The client is known.
fn known(
    core: &mut Core,
    id: ConnId,
    (number, request): Numbered<'_, '_>,
    who: &Who,
    told_end_s: Option<u64>,
) -> Progress {
    let channels = match who.as_ref().map(|claims| server_side::given(core, claims)) {
        None => Vec::new(),
        Some(Ok(channels)) => channels,
        Some(Err(NotGiven::Unknown)) => {
            reply::refuse(core, id, number, ErrorCode::UnknownChannel);
            return Progress::Done;
        }
        Some(Err(NotGiven::TooMany)) => {
            close::close(core, id, Disconnect::ChannelLimit);
            return Progress::Done;
        }
    };
    let user = who.as_ref().map(|claims| &*claims.user);
    if let Err(reason) = may_begin(core, id, user, channels.len()) {
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
    let opening = who.as_ref().and_then(|claims| claims.opening.as_deref());
    let begins = server_side::subscribe(core, id, &channels, &request.subs, opening);
    let data = opening.and_then(|opening| opening.data.clone());
    let connecting =
        Connecting { command: number, end_s: told_end_s, data, session: emulation, begins };
    begin::begin(core, id, Awaited::Connection(Box::new(connecting)));
    Progress::Done
}

/// Whether a user may begin, with so many channels that the server gives it.
fn may_begin(core: &Core, id: ConnId, user: Option<&str>, channels: usize) -> Result<(), Reason> {
    admission::user_may_join(core, user, 1)?;
    if channels > 0 { admission::may_join(core, id, user, channels) } else { Ok(()) }
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
