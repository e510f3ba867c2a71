//! A message right before an abort.

/// Writes to standard error what it takes at once. Nothing may keep the process from its end: neither
/// a reader that is gone nor a pipe that is full.
pub(crate) fn say(message: &str) {
    let mut stderr = libc::pollfd { fd: libc::STDERR_FILENO, events: libc::POLLOUT, revents: 0 };
    // SAFETY: the pointer is valid for one entry.
    let writable = unsafe { libc::poll(&raw mut stderr, 1, 0) };
    if writable == 1 {
        // A writable pipe takes PIPE_BUF bytes, far more than a message, without waiting.
        // SAFETY: the string is valid for its length.
        unsafe { libc::write(libc::STDERR_FILENO, message.as_ptr().cast(), message.len()) };
    }
}
