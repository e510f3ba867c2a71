//! The one clock: monotonic, the same for all threads and processes of the machine.

use rustix::time::{ClockId, clock_gettime};

pub(crate) const NS_PER_S: u64 = 1_000_000_000;
pub(crate) const NS_PER_MS: u64 = 1_000_000;
pub(crate) const NS_PER_US: u64 = 1_000;

/// Nanoseconds of `CLOCK_MONOTONIC`.
pub(crate) fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec.cast_unsigned() * NS_PER_S + now.tv_nsec.cast_unsigned()
}

/// Seconds, 0 or more, as nanoseconds.
#[allow(clippy::cast_sign_loss)] // see above
pub(crate) fn nanoseconds(seconds: f64) -> u64 {
    (seconds * NS_PER_S as f64) as u64
}

/// Nanoseconds as seconds.
pub(crate) fn seconds(ns: u64) -> f64 {
    ns as f64 / NS_PER_S as f64
}

/// Microseconds from one point to another, rounded up.
pub(super) fn microseconds(from_ns: u64, to_ns: u64) -> u64 {
    to_ns.saturating_sub(from_ns).div_ceil(NS_PER_US)
}
