//! Who the clients are: what a request shows, what it may do, and what is kept of it while its connection
//! listens.
//!
//! A request is identified by itself, never by its connection: a proxy sends those of many clients on one.
//! What a connection that listens needs of its client stands beside the connections, by slot, and takes
//! nothing where clients are anonymous.

mod by_slot;
mod expiry;
mod rights;
mod show;
mod table;
mod users;

pub(crate) use expiry::{due, end_s, expires_s, is_due, now_s};
pub(crate) use rights::{asks, check_subscribe, may_publish, may_subscribe, without_history};
pub(crate) use show::{Unshown, may_forward_cookie, show, verify};
pub(crate) use table::{End, Identities};

/// Time that the tokens of a turn with so many events may take, in microseconds, since the turn also delivers.
/// What is beyond waits for the next one. Where everyone comes back at once, turns are long by their events, and
/// tokens take as long again: with the same time in each turn, their queue would grow.
pub(crate) fn verify_us_max(events: usize) -> u32 {
    const IN_ANY_TURN: u32 = 1_000;
    // A connection that is accepted takes longer: its accept and its request are two events.
    const FOR_EACH_EVENT: u32 = 10;
    let events = u32::try_from(events).unwrap_or(u32::MAX);
    IN_ANY_TURN.saturating_add(events.saturating_mul(FOR_EACH_EVENT))
}
