//! What the probe of `io_uring` finds out: why it cannot run, and what direct descriptors are good for.

use std::fmt;
use std::fs;
use std::io;

/// When the kernel releases a direct descriptor that was closed while an older poll on another one
/// was armed. Until then the peer sees no end, and the socket stays in memory.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub enum Release {
    /// With the close.
    AtOnce,
    /// When the older poll has ended.
    Later,
    /// Not within the time of the self-test, although the older poll had ended.
    Never,
}

/// What the self-test found out about direct descriptors, where `io_uring` itself can run.
#[derive(Debug)]
pub enum DirectDescriptors {
    /// They work, and a closed one is released at this time.
    Work(Release),
    /// The kernel lacks an operation that they need.
    Lack(&'static str),
    /// The kernel refuses a table of them.
    NoTable(io::Error),
    /// They do not behave as the plane relies on.
    Fail(&'static str),
}

impl DirectDescriptors {
    /// Whether the plane can use them.
    pub fn are_usable(&self) -> bool {
        matches!(self, Self::Work(Release::AtOnce))
    }
}

impl fmt::Display for DirectDescriptors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SEEN: &str = "the self-test saw that a closed direct descriptor is";
        match self {
            Self::Work(Release::AtOnce) => write!(f, "{SEEN} released at once"),
            Self::Work(Release::Later) => {
                write!(f, "{SEEN} released only when all older polls have ended")
            }
            Self::Work(Release::Never) => {
                write!(f, "{SEEN} not released soon after all older polls have ended")
            }
            Self::Lack(name) => write!(f, "for direct descriptors this kernel lacks {name}"),
            Self::NoTable(error) => {
                write!(f, "io_uring refuses a table of direct descriptors: {error}")
            }
            Self::Fail(what) => write!(f, "the self-test of direct descriptors fails: {what}"),
        }
    }
}

/// Why `io_uring` cannot run.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// `kernel.io_uring_disabled` is 1.
    #[error(
        "sysctl kernel.io_uring_disabled=1 allows io_uring only to CAP_SYS_ADMIN and to the group \
         in kernel.io_uring_group"
    )]
    SysctlGroup,
    /// `kernel.io_uring_disabled` is 2.
    #[error("sysctl kernel.io_uring_disabled=2 forbids io_uring")]
    Sysctl,
    /// `EPERM` or `ENOSYS` although the kernel has it and the sysctl allows it.
    #[error(
        "a seccomp filter forbids io_uring ({0}): container runtimes do by default, allow \
         io_uring_setup, io_uring_enter and io_uring_register"
    )]
    Seccomp(io::Error),
    /// `ENOSYS`.
    #[error("this kernel has no io_uring, or a seccomp filter hides it ({0})")]
    NoSuchCall(io::Error),
    /// `ENOMEM`.
    #[error("no memory for an io_uring ({0}): before Linux 5.12 RLIMIT_MEMLOCK limits it")]
    Memory(io::Error),
    /// Any other error of the set-up.
    #[error("io_uring_setup fails: {0}")]
    Setup(io::Error),
    /// An operation or a feature that the plane needs.
    #[error("this kernel's io_uring lacks {0}: Linux 6.1 or later has it")]
    Lacks(&'static str),
    /// Direct descriptors were asked for and cannot be used.
    #[error("{0}")]
    Direct(DirectDescriptors),
    /// It does not behave as the plane relies on.
    #[error("the io_uring self-test fails: {0}")]
    SelfTest(&'static str),
}

impl Refusal {
    /// Explains an error of the set-up by what the system says about itself.
    pub(crate) fn from_setup(error: io::Error) -> Self {
        let sysctl = fs::read_to_string("/proc/sys/kernel/io_uring_disabled").ok();
        Self::explain(error, sysctl.as_deref())
    }

    fn explain(error: io::Error, sysctl: Option<&str>) -> Self {
        match (error.raw_os_error(), sysctl.map(str::trim)) {
            (Some(libc::EPERM), Some("2")) => Self::Sysctl,
            (Some(libc::EPERM), Some("1")) => Self::SysctlGroup,
            (Some(libc::EPERM), _) | (Some(libc::ENOSYS), Some(_)) => Self::Seccomp(error),
            (Some(libc::ENOSYS), None) => Self::NoSuchCall(error),
            (Some(libc::ENOMEM), _) => Self::Memory(error),
            _ => Self::Setup(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(errno: i32, sysctl: Option<&str>) -> String {
        let error = io::Error::from_raw_os_error(errno);
        Refusal::explain(error, sysctl).to_string()
    }

    #[test]
    fn the_likely_cause_is_named() {
        for (errno, sysctl, cause) in [
            (libc::EPERM, Some("2\n"), "io_uring_disabled=2"),
            (libc::EPERM, Some("1\n"), "io_uring_disabled=1"),
            (libc::EPERM, Some("0\n"), "seccomp"),
            (libc::EPERM, None, "seccomp"),
            (libc::ENOSYS, Some("0\n"), "a seccomp filter forbids"),
            (libc::ENOSYS, None, "this kernel has no io_uring"),
            (libc::ENOMEM, Some("0\n"), "RLIMIT_MEMLOCK"),
            (libc::EINVAL, Some("0\n"), "io_uring_setup fails"),
        ] {
            let text = explained(errno, sysctl);
            assert!(text.contains(cause), "{errno} {sysctl:?}: {text}");
        }
    }
}
