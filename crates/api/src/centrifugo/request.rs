//! Calls of any kind, as `control` answers them.

use super::Method;
use super::calls::Calls;
use super::command::read;
use super::described::METHODS;
use super::error::Unread;
use super::params::{OfChannel, OfChannels, OfHistory, OfUser};
use super::subscription::OfSubscription;
use crate::ItemLimits;

/// One command, by its own or of a batch.
#[derive(Debug)]
pub enum Request {
    /// `publish` or `broadcast`.
    Publish(Calls),
    /// A part of a history.
    History(OfHistory),
    /// Its removal.
    HistoryRemove(OfChannel),
    /// Who listens.
    Presence(OfChannel),
    /// How many listen.
    PresenceStats(OfChannel),
    /// Channels with subscribers.
    Channels(OfChannels),
    /// The server.
    Info,
    /// The end of connections.
    Disconnect(OfUser),
    /// Another end of connections.
    Refresh(OfUser),
    /// A channel for connections.
    Subscribe(OfSubscription),
    /// The end of subscriptions.
    Unsubscribe(OfSubscription),
    /// A procedure of the application; there is none.
    Rpc,
}

impl Request {
    /// Reads what a method is given. None where there is no such method.
    ///
    /// # Errors
    /// Where it is no JSON object of the method.
    pub fn read(method: &str, params: &[u8], limits: ItemLimits) -> Result<Option<Self>, Unread> {
        if !METHODS.contains(&method) {
            return Ok(None);
        }
        if let Some(method) = Method::of_command(method) {
            return Ok(Calls::read(method, params, limits)?.map(Self::Publish));
        }
        Ok(Some(match method {
            "history" => Self::History(read(params)?),
            "history_remove" => Self::HistoryRemove(read(params)?),
            "presence" => Self::Presence(read(params)?),
            "presence_stats" => Self::PresenceStats(read(params)?),
            "channels" => Self::Channels(read(params)?),
            "disconnect" => Self::Disconnect(read(params)?),
            "refresh" => Self::Refresh(read(params)?),
            "info" => of_no_interest(params, Self::Info)?,
            "subscribe" => Self::Subscribe(read(params)?),
            "unsubscribe" => Self::Unsubscribe(read(params)?),
            "rpc" => of_no_interest(params, Self::Rpc)?,
            _ => return Ok(None),
        }))
    }
}

fn of_no_interest(params: &[u8], request: Request) -> Result<Request, Unread> {
    read::<serde::de::IgnoredAny>(params).map(|_| request)
}
