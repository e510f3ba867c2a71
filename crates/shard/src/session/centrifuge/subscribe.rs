//! `subscribe` and `unsubscribe`: the channels of a connection, as it goes.

use serde_json::value::RawValue;
use switchboard_auth::{SubscriptionClaims, TokenError};
use switchboard_dialects::centrifuge::{
    Disconnect, ErrorCode, Push, Reply, Subscribe, Unsubscribed,
};
use switchboard_hooks::{Answer, Question, Refusal};
use switchboard_hub::{ChannelName, Start, Subscription};
use switchboard_plane::ConnId;

use super::begin::{self, start};
use super::messages::payload;
use super::progress::{Progress, take_verdict};
use super::push::push;
use super::reply::{refuse, refuse_by_backend, reply};
use super::subscription_token::{self, Fault};
use super::{close, join_leave, server_side};
use crate::connection::{Asking, Awaited, Beginning, Ticket};
use crate::core::Core;
use crate::encoding::Wanted;
use crate::hooks;
use crate::identity::{self, Grant, GrantedBy, Shower, Shown};
use crate::lifecycle::admission;
use crate::subscribe::{self, events, presence, watches};

/// A client asks for a channel.
pub(super) fn subscribe(
    core: &mut Core,
    id: ConnId,
    number: u32,
    request: &Subscribe<'_>,
) -> Progress {
    match try_subscribe(core, id, number, request) {
        Ok(progress) => progress,
        Err(code) => {
            refuse(core, id, number, code);
            Progress::Done
        }
    }
}

fn try_subscribe(
    core: &mut Core,
    id: ConnId,
    number: u32,
    request: &Subscribe<'_>,
) -> Result<Progress, ErrorCode> {
    // Subscriptions of other kinds, and with a filter, would get what they did not ask for.
    if request.kind != 0 || request.tf.is_some() {
        return Err(ErrorCode::BadRequest);
    }
    let name = ChannelName::new(&request.channel).map_err(|_| ErrorCode::BadRequest)?;
    let namespace = core.config.namespaces.resolve(&name).ok_or(ErrorCode::UnknownChannel)?;
    if core.config.namespaces.rules(namespace).join_leave && presence::channel_of(&name).is_none() {
        return Err(ErrorCode::BadRequest);
    }
    if subscribe::find(core, id, &name).is_some() {
        return Err(ErrorCode::AlreadySubscribed);
    }
    let presence = join_leave::wanted(core, id, &name, request);
    let channels = 1 + usize::from(presence.is_some());
    if core.subscriptions(id).count() + channels > core.config.channels_per_connection_max {
        return Err(ErrorCode::LimitExceeded);
    }
    let start = start(core, id, &name, request.start());
    // Its home may have to be asked, or what it missed be sent: then the reply goes out behind what is still
    // to be sent. And a position may come from another shard, whose mail is to be read first.
    if core.outgoing.pending_bytes(id) > 0 || (start != Start::Now && core.exchange.is_behind()) {
        return Ok(Progress::Again);
    }
    let token = match show(core, id, &name, &request.token)? {
        Token::None => None,
        Token::Good(claims) => Some(claims),
        Token::Later => return Ok(Progress::Again),
        Token::Final => return Ok(Progress::Done),
    };
    let (shown, mut data) = (Shown::by(core, id), None);
    if token.is_some() && identity::may_subscribe_by_token(&core.config, shown, &name) {
        // It was charged when it was checked.
        if channels > 1 {
            charge(core, id, channels - 1)?;
        }
    } else if identity::may_subscribe(&core.config, shown, &name) {
        charge(core, id, channels)?;
    } else {
        match permit(core, id, &name, (channels, request.data))? {
            Permit::Granted(said) => data = said,
            Permit::Asked => return Ok(Progress::Again),
            Permit::Refused(refusal) => {
                refuse_by_backend(core, id, number, &refusal);
                return Ok(Progress::Done);
            }
        }
    }
    let Some(nth) = subscribe::subscribe_to(core, id, &name) else {
        return Ok(Progress::Done);
    };
    if let Some(claims) = &token {
        let end_s = subscription_token::end_s(claims);
        core.identities.grants.add(id.index(), Grant { nth, by: GrantedBy::Token, end_s });
    }
    if request.wants_deltas()
        && core.config.namespaces.rules(namespace).delta
        && let Some(subscription) = core.subscription(id, nth)
    {
        Wanted::First.set(&mut core.hub, subscription);
    }
    watches::give_way(core, id, &name);
    if let Some(presence) = presence {
        watches::watch(core, id, nth, &presence);
    }
    presence::joined_one(core, id, nth);
    events::joined_one(core, id, nth);
    let beginning = Beginning {
        nth,
        start,
        offset: request.offset,
        rejects_unrecovered: request.rejects_unrecovered(),
        data,
        end_s: token.and_then(|claims| claims.expires_at_s),
    };
    begin::begin(core, id, Awaited::Subscription(number, beginning));
    Ok(Progress::Done)
}

/// What a client shows for a channel.
enum Token {
    /// Nothing, or nothing that this server takes.
    None,
    Good(SubscriptionClaims),
    /// It is checked later.
    Later,
    /// It ends the connection.
    Final,
}

/// The token that a client shows for a channel.
fn show(core: &mut Core, id: ConnId, name: &ChannelName, token: &str) -> Result<Token, ErrorCode> {
    if token.is_empty() {
        return Ok(Token::None);
    }
    match subscription_token::check(core, id, name, (token, Shower::Newcomer)) {
        Ok(claims) => Ok(claims.map_or(Token::None, Token::Good)),
        Err(Fault::Later) => {
            core.await_verification(id);
            Ok(Token::Later)
        }
        Err(Fault::Refused(reason)) => {
            admission::refuse(core, id, reason);
            Err(ErrorCode::TooManyRequests)
        }
        Err(Fault::Other) => {
            close::close(core, id, Disconnect::InvalidToken);
            Ok(Token::Final)
        }
        Err(Fault::Invalid(TokenError::Expired)) => Err(ErrorCode::TokenExpired),
        Err(Fault::Invalid(_)) => Err(ErrorCode::PermissionDenied),
    }
}

/// Counts channels that the client begins to listen to.
fn charge(core: &Core, id: ConnId, channels: usize) -> Result<(), ErrorCode> {
    let user = core.identities.user(id.index());
    admission::may_join(core, id, user, channels).map_err(|reason| {
        admission::refuse(core, id, reason);
        ErrorCode::TooManyRequests
    })
}

/// What is known of the right to listen.
enum Permit {
    /// With what the backend tells the client.
    Granted(Option<Box<[u8]>>),
    /// A backend is to say.
    Asked,
    Refused(Refusal),
}

/// Asks the backend about a channel of which it decides.
fn permit(
    core: &mut Core,
    id: ConnId,
    name: &ChannelName,
    (channels, data): (usize, Option<&RawValue>),
) -> Result<Permit, ErrorCode> {
    if !identity::asks(&core.config, Shown::by(core, id), name) {
        core.counters.refused_right.add(1);
        return Err(ErrorCode::PermissionDenied);
    }
    match take_verdict(core, id) {
        Some(Ok(Answer::Subscribed(said))) => {
            Ok(Permit::Granted(said.map(|said| said.bytes.into())))
        }
        Some(verdict) => Ok(Permit::Refused(verdict.err().unwrap_or(Refusal::Unavailable))),
        None => {
            charge(core, id, channels)?;
            let mut client = hooks::of_connection(core, id);
            client.headers = core.identities.headers(id.index());
            let question =
                Question::Subscribe { client, channels: vec![name.clone()], data: payload(data) };
            hooks::ask_and_wait(core, id, (Ticket::Command, question), Asking::Command);
            Ok(Permit::Asked)
        }
    }
}

/// A client leaves a channel.
pub(super) fn unsubscribe(core: &mut Core, id: ConnId, number: u32, channel: &str) {
    let Ok(name) = ChannelName::new(channel) else {
        return refuse(core, id, number, ErrorCode::BadRequest);
    };
    if let Some((nth, _)) = subscribe::find(core, id, &name) {
        subscribe::leave_one(core, id, nth);
    }
    reply(core, id, number, &Reply::Unsubscribe {});
}

/// Publications of a channel, or the joins and leaves in it, are lost to the client, so it asks anew where it
/// stands.
pub(super) fn missed(core: &mut Core, id: ConnId, subscription: Subscription) {
    let channel = subscription.channel;
    let found = core.subscriptions(id).find(|(_, to)| to.channel == channel);
    if let Some((nth, _)) = found {
        core.counters.gaps_announced.add(1);
        lose(core, id, own(core, id, nth));
    }
}

/// The subscription that the client knows: itself, or the one beside which it is there.
fn own(core: &Core, id: ConnId, nth: u16) -> u16 {
    core.watches.watched_by(id.index(), nth).unwrap_or(nth)
}

/// A client cannot go on in a channel. It asks for it anew, or connects anew where it did not ask for it.
fn lose(core: &mut Core, id: ConnId, nth: u16) {
    if server_side::is(core, id, nth) {
        close::close(core, id, Disconnect::InsufficientState);
    } else {
        end(core, id, nth, Unsubscribed::InsufficientState);
    }
}

/// Ends a subscription of a client that goes on.
pub(super) fn end(core: &mut Core, id: ConnId, nth: u16, why: Unsubscribed) {
    let channel = core.subscription(id, nth).map(|to| to.channel);
    let name = channel.and_then(|channel| core.hub.name(channel)).cloned();
    subscribe::leave_one(core, id, nth);
    if let Some(name) = name {
        push(core, id, name.as_str(), &Push::unsubscribe(why));
    }
}

/// Some channels of the connection were deleted. Their streams begin anew, and the client asks where it
/// stands in them. One that had not begun is told to try again.
pub(super) fn deleted(core: &mut Core, id: ConnId) {
    begin::deleted(core, id);
    let deleted = core.subscriptions(id).filter(|(_, to)| core.hub.is_deleted(*to));
    let deleted: Vec<u16> = deleted.map(|(nth, _)| own(core, id, nth)).collect();
    for nth in deleted {
        lose(core, id, nth);
    }
}
