//! By which right a client listens to a channel for which it asks: its own, that of a token for this subscription,
//! or a backend's word.

use serde_json::value::RawValue;
use switchboard_auth::{ChannelOptions, SubscriptionClaims, TokenError};
use switchboard_dialects::centrifuge::{Disconnect, ErrorCode, Subscribe};
use switchboard_hooks::{Answer, Question, Refusal};
use switchboard_hub::ChannelName;
use switchboard_plane::ConnId;

use super::close;
use super::messages::payload;
use super::progress::{Progress, take_verdict};
use super::reply::refuse_by_backend;
use super::subscription_token::{self, Fault};
use crate::connection::{Asking, Ticket};
use crate::core::Core;
use crate::hooks;
use crate::identity::{self, GrantedBy, Shower, Shown};
use crate::lifecycle::admission;

/// What is known of a client's right.
pub(super) enum Right {
    /// It has one, which is not its own where somebody has granted it, and what is said of the subscription.
    Has(Option<GrantedBy>, ChannelOptions),
    /// It is not known yet, or the client has been told that it has none.
    Unclear(Progress),
}

/// Looks for the right to a channel and as many beside it, and counts them.
pub(super) fn find(
    core: &mut Core,
    id: ConnId,
    (number, name, request): (u32, &ChannelName, &Subscribe<'_>),
    channels: usize,
) -> Result<Right, ErrorCode> {
    let token = match show(core, id, name, &request.token)? {
        Token::None => None,
        Token::Good(claims) => Some(claims),
        Token::Later => return Ok(Right::Unclear(Progress::Again)),
        Token::Final => return Ok(Right::Unclear(Progress::Done)),
    };
    let shown = Shown::by(core, id);
    let by = token.as_ref().map(|_| GrantedBy::Token);
    let options = token.map_or_else(ChannelOptions::default, |claims| claims.options);
    if by.is_some() && identity::may_subscribe_by_token(&core.config, shown, name) {
        // It was charged when it was checked.
        if channels > 1 {
            charge(core, id, channels - 1)?;
        }
        return Ok(Right::Has(by, options));
    }
    if identity::may_subscribe(&core.config, shown, name) {
        charge(core, id, channels)?;
        return Ok(Right::Has(by, options));
    }
    Ok(match permit(core, id, name, (channels, request.data))? {
        Permit::Granted(options) => Right::Has(Some(GrantedBy::Hook), options),
        Permit::Asked => Right::Unclear(Progress::Again),
        Permit::Refused(refusal) => {
            refuse_by_backend(core, id, number, &refusal);
            Right::Unclear(Progress::Done)
        }
    })
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
pub(super) fn charge(core: &Core, id: ConnId, channels: usize) -> Result<(), ErrorCode> {
    let user = core.identities.user(id.index());
    admission::may_join(core, id, user, channels).map_err(|reason| {
        admission::refuse(core, id, reason);
        ErrorCode::TooManyRequests
    })
}

/// What is known of the right to listen.
enum Permit {
    /// With what the backend says of the subscription.
    Granted(ChannelOptions),
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
            Ok(Permit::Granted(said.map(|said| *said).unwrap_or_default()))
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
