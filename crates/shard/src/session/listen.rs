//! `/sub/{channel}[,{channel}]`: opens the session in which a client wants to listen.

use std::sync::Arc;

use switchboard_auth::Who;
use switchboard_dialects::{self as dialects, Listen, Transport, poll::write_preflight};
use switchboard_hooks::Refusal;
use switchboard_hub::Start;
use switchboard_plane::ConnId;
use switchboard_ws::handshake;
use switchboard_ws::head::Request;

use super::{event_stream, poll, websocket};
use crate::admission::Reason;
use crate::core::Core;
use crate::hooks::{self, Asker, Known};
use crate::http::{Answer, Response, keeps_alive, origin, upgrade_required, wrong_method};
use crate::identity;
use crate::lifecycle::admission;
use crate::subscribe::Channels;

/// A client wants to listen.
pub(super) fn open(core: &mut Core, id: ConnId, request: &Request<'_>, list: &str) -> Answer {
    let cors = match origin::check(&core.config, request) {
        Ok(cors) => cors,
        Err(answer) => return answer,
    };
    let answer = match request.method() {
        "GET" => get(core, id, request, list, cors),
        "OPTIONS" => preflight(core, id, request, cors),
        _ => wrong_method("GET, OPTIONS"),
    };
    if !matches!(answer, Answer::Asked | Answer::Later) {
        hooks::forget(core, id);
    }
    match answer {
        Answer::Response(response) => Answer::Response(response.with_cors(core.config.cors(cors))),
        other => other,
    }
}

fn get(core: &mut Core, id: ConnId, request: &Request<'_>, list: &str, cors: u8) -> Answer {
    match try_get(core, id, request, list, cors) {
        Ok(answer) | Err(answer) => answer,
    }
}

fn try_get(
    core: &mut Core,
    id: ConnId,
    request: &Request<'_>,
    list: &str,
    cors: u8,
) -> Result<Answer, Answer> {
    let channels = Channels::parse(core, list)?;
    let mut listen = dialects::parse(request, channels.names.len())
        .map_err(|error| Answer::refuse(400, error.to_string()))?;
    by_stamps(core, &mut listen);
    // What is held back goes out behind what is still to be sent, never before it. And a position
    // may come from another shard, whose mail is to be read first.
    let is_behind = core.outgoing.pending_bytes(id) > 0 || core.exchange.is_behind();
    if is_behind || poll::is_for_later(core, &listen) {
        return Err(Answer::Later);
    }
    let asker = Asker { request, transport: listen.transport, cors };
    let who = match hooks::known(core, id) {
        Ok(Some(Known { who, is_new })) => {
            if is_new {
                user_may_join(core, id, &who, channels.names.len())?;
            }
            who
        }
        Ok(None) => who(core, id, asker, &channels)?,
        Err(refusal) => return Ok(refused(core, id, request, listen.transport, refusal)),
    };
    let to_ask = identity::check_subscribe(core, who.as_deref(), &channels)?;
    hooks::permit(core, id, asker, &who, to_ask)?;
    identity::without_history(&core.config, who.as_deref(), &channels, &mut listen);
    if let Some(claims) = &who {
        let expires_s = identity::expires_s(core, id, claims);
        if !core.identities.set(id.index(), claims, expires_s) {
            return Err(try_later(core, id, Reason::User));
        }
    }
    let answer = open_session(core, id, request, &channels, listen, cors);
    if !matches!(answer, Answer::TakenOver) {
        core.identities.clear(id.index());
    }
    Ok(answer)
}

/// The client of a request, which may begin to listen to these channels as far as its address is concerned.
fn who(
    core: &mut Core,
    id: ConnId,
    asker: Asker<'_, '_>,
    channels: &Channels,
) -> Result<Who, Answer> {
    let Asker { request, transport, cors } = asker;
    let count = channels.names.len();
    let charge = |core: &Core| admission::address_may_join(core, id, count);
    let shown = identity::show(core, id, request, transport, cors, charge)?;
    let who = match shown {
        None => hooks::identify(core, id, asker, &channels.names)?,
        shown => shown,
    };
    user_may_join(core, id, &who, count)?;
    Ok(who)
}

/// The code of a backend made for Centrifugo whose client is to show a newer token.
const TOKEN_EXPIRED: u32 = 109;

/// A backend has refused the client.
fn refused(
    core: &mut Core,
    id: ConnId,
    request: &Request<'_>,
    transport: Transport,
    refusal: Refusal,
) -> Answer {
    let (code, sentence) = match refusal {
        Refusal::Unavailable | Refusal::Error { is_temporary: true, .. } => {
            let refusal = admission::refuse(core, id, Reason::Backend);
            return Answer::Response(Response::try_later(refusal));
        }
        Refusal::Disconnect { code, reason } if transport == Transport::WebSocket => {
            return websocket::open_to_close(core, id, request, code, &reason);
        }
        Refusal::Disconnect { reason, .. } => (403, reason),
        Refusal::Error { code, message, .. } => (code, message),
    };
    core.counters.refused_right.add(1);
    match code {
        401 | TOKEN_EXPIRED => Answer::Response(Response::unauthorized(None)),
        429 => {
            let retry_after_s = Reason::Backend.refusal(id.index()).retry_after_s;
            Answer::Response(Response::later(429, sentence, retry_after_s))
        }
        404 | 410 => Answer::refuse(code as u16, sentence),
        _ => Answer::refuse(403, sentence),
    }
}

fn open_session(
    core: &mut Core,
    id: ConnId,
    request: &Request<'_>,
    channels: &Channels,
    listen: Listen,
    cors: u8,
) -> Answer {
    match listen.transport {
        Transport::WebSocket => websocket::open(core, id, request, channels, listen),
        // As a poll or a stream it would wait for an answer that the client does not understand.
        _ if handshake::lost_upgrade(request) => upgrade_required(),
        Transport::EventStream => event_stream::open(core, id, request, channels, listen, cors),
        Transport::LongPoll | Transport::IntervalPoll => {
            let keep_alive = keeps_alive(core, request);
            let mode = poll::mode(&listen, cors, keep_alive);
            poll::open(core, id, channels, listen, mode)
        }
    }
}

/// Whether the user may begin to listen to so many channels now.
fn user_may_join(core: &Core, id: ConnId, who: &Who, channels: usize) -> Result<(), Answer> {
    let user = who.as_ref().map(|claims| &*claims.user);
    admission::user_may_join(core, user, channels).map_err(|reason| try_later(core, id, reason))
}

/// It is refused for now.
fn try_later(core: &Core, id: ConnId, reason: Reason) -> Answer {
    Answer::Response(Response::try_later(admission::refuse(core, id, reason)))
}

/// Clients name the seconds that they are shown, and publications have stamps.
fn by_stamps(core: &Core, listen: &mut Listen) {
    for start in &mut listen.starts {
        if let Start::AfterSecond(second) = start {
            *second = core.wall.time().to_stamp_s(*second);
        }
    }
}

/// A browser asks whether its page may send what it is about to send.
fn preflight(core: &mut Core, id: ConnId, request: &Request<'_>, cors: u8) -> Answer {
    let keep_alive = keeps_alive(core, request);
    let config = Arc::clone(&core.config);
    let date = core.wall.time().date;
    core.reply(id, |out| write_preflight(date, config.cors(cors), keep_alive, out));
    Answer::Done
}
