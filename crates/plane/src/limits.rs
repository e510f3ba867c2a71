//! What the process may have.

/// The soft limit of open descriptors, which is also the limit of each ring's direct descriptors.
pub(crate) fn descriptors_max() -> u32 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is valid for writing the structure.
    let result = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    // 1,024 is what every Linux grants.
    if result == 0 { u32::try_from(limit.rlim_cur).unwrap_or(u32::MAX) } else { 1_024 }
}
