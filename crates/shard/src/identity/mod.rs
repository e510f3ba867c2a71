//! Who the clients are: what a request shows, what it may do, and what is kept of it while its connection
//! listens.
//!
//! A request is identified by itself, never by its connection: a proxy sends those of many clients on one.
//! What a connection that listens needs of its client stands beside the connections, by slot, and takes
//! nothing where clients are anonymous.

mod expiry;
mod grants;
mod rights;
mod show;
mod table;
mod token_time;
mod users;

pub(crate) use expiry::{due, end_s, expires_s, is_due, now_s};
pub(crate) use grants::{Grant, GrantedBy};
pub(crate) use rights::{
    Shown, asks, check_subscribe, may_have_history, may_publish, may_see_presence, may_subscribe,
    may_subscribe_by_token, without_history,
};
pub(crate) use show::{
    Unshown, may_forward_cookie, show, verify, verify_again, verify_subscription,
};
pub(crate) use table::{End, Identities, NEVER_S};
pub(crate) use token_time::{Shower, TokenTime};
