//! When to try again after the kernel refused an accept.

use std::time::{Duration, Instant};

const DELAY_MIN: Duration = Duration::from_millis(100);
const DELAY_MAX: Duration = Duration::from_secs(1);

/// What the errno of an accept asks for.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub(crate) enum AcceptError {
    /// That client is gone or the call was interrupted; the next one may succeed.
    Transient,
    /// Descriptors or memory ran out, or the listener is broken: trying again at once would spin.
    Exhausted,
}

impl AcceptError {
    pub(crate) fn from_errno(errno: i32) -> Self {
        match errno {
            libc::ECONNABORTED
            | libc::EINTR
            | libc::EAGAIN
            | libc::EPROTO
            | libc::EPERM
            | libc::ENETDOWN
            | libc::ENETUNREACH
            | libc::EHOSTDOWN
            | libc::EHOSTUNREACH
            | libc::ETIMEDOUT => Self::Transient,
            _ => Self::Exhausted,
        }
    }
}

/// A pause that doubles from 100 ms to 1 s while accepts keep failing.
#[derive(Debug)]
pub(crate) struct Backoff {
    until: Option<Instant>,
    delay: Duration,
}

impl Backoff {
    pub(crate) fn new() -> Self {
        Self { until: None, delay: DELAY_MIN }
    }

    /// Begins a pause; false when there is one already.
    pub(crate) fn pause(&mut self, now: Instant) -> bool {
        if self.until.is_some() {
            return false;
        }
        self.until = Some(now + self.delay);
        self.delay = (self.delay * 2).min(DELAY_MAX);
        true
    }

    /// An accept succeeded: the next pause is short again. One that comes to its end during a pause was
    /// under way before it and tells nothing.
    pub(crate) fn succeeded(&mut self) {
        if self.until.is_none() {
            self.delay = DELAY_MIN;
        }
    }

    /// Whether no accept has succeeded since the last pause began: one at a time is enough to find out
    /// that there is room again.
    pub(crate) fn is_recovering(&self) -> bool {
        self.delay > DELAY_MIN
    }

    /// Whether a pause was begun and not found over yet, without a look at the clock.
    pub(crate) fn is_pausing(&self) -> bool {
        self.until.is_some()
    }

    /// Whether a pause goes on. It looks at the clock only while there is one.
    pub(crate) fn is_paused(&mut self) -> bool {
        if self.until.is_some_and(|until| Instant::now() >= until) {
            self.until = None;
        }
        self.until.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_doubles_and_success_resets_it() {
        let past = Instant::now().checked_sub(Duration::from_secs(9)).unwrap();
        let mut backoff = Backoff::new();
        for expected_ms in [100, 200, 400, 800, 1_000, 1_000] {
            assert!(backoff.pause(past) && !backoff.pause(past));
            assert_eq!(backoff.until, Some(past + Duration::from_millis(expected_ms)));
            assert!(!backoff.is_paused(), "a pause in the past is over");
        }
        assert!(backoff.is_recovering());
        backoff.succeeded();
        assert!(!backoff.is_recovering());
        assert!(backoff.pause(Instant::now()));
        backoff.succeeded();
        assert!(backoff.is_paused() && backoff.is_recovering());
        assert_eq!(backoff.delay, 2 * DELAY_MIN);
    }

    #[test]
    fn running_out_is_told_from_bad_luck() {
        for errno in [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM, libc::EINVAL] {
            assert_eq!(AcceptError::from_errno(errno), AcceptError::Exhausted);
        }
        assert_eq!(AcceptError::from_errno(libc::ECONNABORTED), AcceptError::Transient);
    }
}
