//! What an answer to a poll is made of.

use std::sync::Arc;

use switchboard_hub::{ChannelName, Gap, Publication};

use crate::cors::Cors;
use crate::date::WallTime;

/// What all answers to one request have in common.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// Whether another request may follow on the connection.
    pub keep_alive: bool,
    /// The value of `Access-Control-Allow-Origin`, if any.
    pub cors: Option<Cors<'a>>,
    /// Where to resume after this answer ([`crate::id`]).
    pub id: &'a str,
    /// What was missed before this answer's publications.
    pub gaps: &'a [(ChannelName, Gap)],
    /// The time now.
    pub wall: WallTime,
}

/// One publication of a JSON answer.
#[derive(Clone, Copy, Debug)]
pub struct Item<'a> {
    /// Where to resume after it ([`crate::id`]).
    pub id: &'a str,
    /// Its channel.
    pub channel: &'a ChannelName,
    /// The publication.
    pub publication: &'a Arc<Publication>,
}
