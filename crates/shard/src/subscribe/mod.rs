//! Subscriptions: the channels that a client asks for, where it begins in them, where it is told that
//! it stands, and how it leaves.

mod channels;
pub(crate) mod events;
mod joined;
pub(crate) mod position;
pub(crate) mod presence;
pub(crate) mod present;
pub(crate) mod resume;
mod subscriptions;
pub(crate) mod watches;

pub(crate) use crate::connection::Lost;
pub(crate) use channels::{Channels, Refusal};
pub(crate) use resume::{Missed, Resumed};
pub(crate) use subscriptions::{
    find, has_deleted_channel, leave, leave_one, subscribe, subscribe_to, unwatch, withdraw,
};
