//! What a `switchboard.v1` client says: it publishes, asks the backend, or shows a new token.

use switchboard_dialects::v1::{
    Request, RequestKind, write_answer, write_error, write_published, write_refreshed,
};
use switchboard_hooks::{Answer, Payload, Question, Refusal, Verdict};
use switchboard_hub::{ChannelName, Draft, Kind, Published, Subscription, Unpublished};
use switchboard_plane::ConnId;
use switchboard_ws::{ProtocolError, close};

use crate::connection::{InputReason, Ticket};
use crate::core::Core;
use crate::hooks::{self, Decided};
use crate::identity::{self, Unshown};
use crate::session::asking::{asked, go_on, is_full, take};
use crate::session::publish::{self, PublishError};
use crate::session::renewal::{self, NotRenewed};
use crate::session::websocket;

/// The largest message of a client that may neither publish nor ask a backend: lines and a token.
const BYTES_MAX_UNPUBLISHED: u64 = 17 << 10;

/// The largest message of this client.
fn bytes_max(core: &Core, id: ConnId) -> u64 {
    let bytes_max = core.config.message.message_bytes_max as u64;
    let mut all = core.subscriptions(id).map(|(_, subscription)| subscription);
    let may_publish = |subscription| publish::check(core, id, subscription).is_ok();
    if core.config.hooks.message || all.any(may_publish) {
        bytes_max
    } else {
        bytes_max.min(BYTES_MAX_UNPUBLISHED)
    }
}

/// A message is under way, of at least so many bytes. False where it was refused: it is larger than what
/// the client may send.
pub(super) fn part(core: &mut Core, id: ConnId, bytes: u64) -> bool {
    let is_taken = bytes <= BYTES_MAX_UNPUBLISHED || bytes <= bytes_max(core, id);
    if !is_taken {
        let error = ProtocolError::MessageTooLong;
        websocket::fail(core, id, error.close_code(), &error.to_string());
    }
    is_taken
}

/// A message of the client.
pub(super) fn message(core: &mut Core, id: ConnId, kind: Kind, bytes: &[u8]) {
    if !part(core, id, bytes.len() as u64) {
        return;
    }
    let request = match Request::parse(bytes) {
        Ok(request) => request,
        Err(error) => {
            core.counters.closed_policy.add(1);
            return websocket::close(core, id, close::POLICY, &error.to_string());
        }
    };
    let Request { id: name, payload, .. } = request;
    let refused = match request.kind {
        RequestKind::Publish { channel, content_type, event } => {
            let mut draft = Draft::new(kind, payload);
            if let Some(content_type) = content_type {
                draft = draft.with_content_type(content_type);
            }
            if let Some(event) = event {
                draft = draft.with_event(&event);
            }
            publish(core, id, name, channel.as_ref(), draft)
        }
        RequestKind::Ask { method } => {
            ask(core, id, name, &method, Payload { kind, bytes: payload.to_vec() })
        }
        RequestKind::Refresh => refresh(core, id, name, payload),
    };
    if let Err((code, reason)) = refused {
        refuse(core, id, name, code, &reason);
    }
    if is_full(core, id) {
        core.park_input(id, InputReason::Answer);
    }
}

fn refuse(core: &mut Core, id: ConnId, name: &str, code: u16, reason: &str) {
    core.counters.refused_messages.add(1);
    let now_ms = core.now_ms;
    if asked(core, id).is_some_and(|asked| asked.may_be_refused(now_ms)) {
        return core.reply(id, |out| write_error(name, code, reason, out));
    }
    core.counters.closed_policy.add(1);
    websocket::close(core, id, close::POLICY, "too many messages were refused");
}

/// Why a message is refused: a status of HTTP and a sentence.
type Refused = (u16, String);

fn publish(
    core: &mut Core,
    id: ConnId,
    name: &str,
    channel: Option<&ChannelName>,
    draft: Draft,
) -> Result<(), Refused> {
    let subscription = subscription(core, id, channel)?;
    let refused = |error: PublishError| (status(&error), error.to_string());
    let Some(may) = publish::check(core, id, subscription).map_err(refused)? else {
        return Ok(());
    };
    let number = asked(core, id).map(|asked| asked.number());
    let receipt =
        publish::publish(core, id, (subscription, may), draft, number).map_err(refused)?;
    if let Some(receipt) = receipt {
        core.reply(id, |out| write_published(name, receipt.position, out));
    } else if let Some(asked) = asked(core, id) {
        asked.await_receipt(name);
    }
    Ok(())
}

/// A message for the backend. Its answer comes as [`answered`].
fn ask(
    core: &mut Core,
    id: ConnId,
    name: &str,
    method: &str,
    payload: Payload,
) -> Result<(), Refused> {
    if !core.config.hooks.message {
        return Err((501, "no backend takes requests of clients here".to_owned()));
    }
    publish::is_within_budget(core, id).map_err(|error| (429, error.to_string()))?;
    let Some(number) = asked(core, id).map(|asked| asked.await_answer(name)) else {
        return Ok(());
    };
    let client = hooks::of_connection(core, id);
    let question = Question::Message { client, method: method.into(), payload };
    hooks::ask(core, id, Ticket::Message(number), question);
    Ok(())
}

/// A backend has answered what the client asked, or decided on its publication.
pub(super) fn answered(core: &mut Core, id: ConnId, ticket: Ticket, verdict: Verdict) {
    match ticket {
        Ticket::Message(number) => {
            if let Some(name) = take(core, id, number) {
                match verdict {
                    Ok(Answer::Message(Payload { bytes, .. }))
                        if !core.has_room_for_reply(id, bytes.len()) =>
                    {
                        let reason = "there is no room for the answer: read those before it";
                        refuse(core, id, &name, 503, reason);
                    }
                    Ok(Answer::Message(Payload { kind, bytes })) => {
                        core.reply(id, |out| write_answer(&name, kind, &bytes, out));
                    }
                    Ok(_) => refused(core, id, &name, &Refusal::Unavailable),
                    Err(refusal) => refused(core, id, &name, &refusal),
                }
            }
        }
        _ => decided(core, id, verdict),
    }
    go_on(core, id);
}

fn decided(core: &mut Core, id: ConnId, verdict: Verdict) {
    let Some(Decided { channel, request, draft }) = hooks::decide(core, id, verdict) else {
        return;
    };
    match (draft, request) {
        (Ok(draft), request) => {
            let receipt = publish::make(core, id, &channel, draft, request);
            if let (Some(number), Some(receipt)) = (request, receipt) {
                published(core, id, number, Ok(receipt));
            }
        }
        (Err(refusal), Some(number)) => {
            if let Some(name) = take(core, id, number) {
                refused(core, id, &name, &refusal);
            }
        }
        (Err(_), None) => {}
    }
}

/// A backend has refused what the client asked.
fn refused(core: &mut Core, id: ConnId, name: &str, refusal: &Refusal) {
    let code = match refusal {
        Refusal::Error { code, .. } => u16::try_from(*code).unwrap_or(400),
        Refusal::Unavailable => 503,
        Refusal::Disconnect { .. } => return websocket::close_refused(core, id, refusal),
    };
    refuse(core, id, name, code, &refusal.to_string());
}

/// The subscription to the channel that is named, or to the only one.
fn subscription(
    core: &Core,
    id: ConnId,
    channel: Option<&ChannelName>,
) -> Result<Subscription, Refused> {
    let mut all = core.subscriptions(id).map(|(_, subscription)| subscription);
    let found = match channel {
        Some(channel) => {
            all.find(|subscription| core.hub.name(subscription.channel) == Some(channel))
        }
        None => all.next().filter(|_| all.next().is_none()),
    };
    found.ok_or_else(|| match channel {
        Some(channel) => (404, format!("this connection does not listen to channel {channel}")),
        None => (400, "this connection has several channels: name one with `channel:`".to_owned()),
    })
}

fn code_of(error: Unpublished) -> u16 {
    match error {
        Unpublished::Unavailable { .. } | Unpublished::Unanswered => 503,
        Unpublished::TooLarge { .. } => 413,
        Unpublished::Refused { .. } | Unpublished::Versioned | Unpublished::HistoryStays => 502,
    }
}

fn status(error: &PublishError) -> u16 {
    match error {
        PublishError::Namespace(_) | PublishError::Right(_) => 403,
        PublishError::Several => 400,
        PublishError::TooMany { .. } | PublishError::Address | PublishError::User => 429,
    }
}

/// What became of a publication that went to another shard.
pub(super) fn published(core: &mut Core, id: ConnId, number: u32, published: Published) {
    if let Some(name) = take(core, id, number) {
        match published {
            Ok(receipt) => core.reply(id, |out| write_published(&name, receipt.position, out)),
            // Not through `refuse`, which ends clients that are refused too often: this is no fault of theirs.
            Err(error) => {
                let (code, reason) = (code_of(error), error.to_string());
                core.reply(id, |out| write_error(&name, code, &reason, out));
            }
        }
    }
    go_on(core, id);
}

/// A new token: of the same user, or of any where there was no name. It counts at once, also where it
/// takes rights away.
fn refresh(core: &mut Core, id: ConnId, name: &str, token: &[u8]) -> Result<(), Refused> {
    let now_ms = core.now_ms;
    if !asked(core, id).is_some_and(|asked| asked.may_refresh(now_ms)) {
        return Err((429, "a client may show one new token a second".to_owned()));
    }
    let claims = match identity::verify_again(core, token) {
        Ok(Some(claims)) => claims,
        Ok(None) => return Err((501, "this server accepts no tokens".to_owned())),
        Err(Unshown::Invalid(error)) => return Err((401, error.to_string())),
        Err(Unshown::Later | Unshown::Refused(_)) => {
            return Err((
                503,
                "many tokens are being checked: show it again in a second".to_owned(),
            ));
        }
    };
    let is_same = renewal::check(core, id, &claims).map_err(|why| {
        let reason = match why {
            NotRenewed::Revoked => "the backend has closed the connections of this user",
            NotRenewed::OtherUser => "the token names another user",
        };
        (403, reason.to_owned())
    })?;
    let shown = identity::Shown::from(Some(&*claims));
    let mut all = core.subscriptions(id).filter_map(|(_, to)| core.hub.name(to.channel));
    let lost = all.find(|name| !renewal::keeps(&core.config, shown, is_same, name)).cloned();
    drop(all);
    if let Some(channel) = lost {
        let reason = format!("the new token does not grant channel {channel}");
        core.counters.closed_right.add(1);
        websocket::close(core, id, close::FORBIDDEN, &reason);
        return Ok(());
    }
    let expires_s = identity::expires_s(core, id, &claims);
    let set = |core: &mut Core| core.identities.set(id.index(), &claims, expires_s);
    if !renewal::renew(core, id, is_same, set) {
        core.counters.refused_user.add(1);
        let reason = "this user has as many connections as it may (connections_per_user_max)";
        return Err((429, reason.to_owned()));
    }
    core.reply(id, |out| write_refreshed(name, out));
    Ok(())
}

/// No further message is taken before something has gone out.
pub(super) fn is_enough(core: &mut Core, id: ConnId) -> bool {
    is_full(core, id) || core.replies_are_enough(id)
}
