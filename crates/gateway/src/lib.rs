//! Where a node that shares its channels with others meets the engine that numbers their streams.
//!
//! A [`Gateway`] is the home of all channels of its node, in the place of the shards: their hubs mirror it and
//! send it what their clients publish, and need not know that anything is different. It numbers nothing itself.
//! What is published goes to the engine, and what the engine says goes into a hub that
//! [follows](switchboard_hub::Hub::follow) its streams.
//!
//! - In from the shards: [`Gateway::handle`] takes what their hubs send to a channel's home, and
//!   [`Gateway::publish`], [`Gateway::history`] and their like what programs ask of it.
//! - Out to the shards: [`Out`] has the mail for them and the replies that may be given once it is posted.
//! - To and from the engine: [`Call`] is what is asked of it, and the methods `on_…` take what it says.
//!
//! All of it is values: no socket, clock, thread or client of an engine.
#![forbid(unsafe_code)]

mod call;
mod channel;
mod gateway;
mod load;
mod out;
mod space;
mod under_way;
mod waiter;

pub use call::{Asker, Call, Stream};
pub use gateway::Gateway;
pub use out::{Out, Reply};
pub use space::Sharing;
