//! Which plane runs, and why: finds out whether this kernel lets this process use `io_uring`, and
//! whether it does what the plane relies on.

use std::fmt;
use std::fs;
use std::io;
use std::str::FromStr;

use crate::uring;

/// What the user asked for.
#[derive(Copy, Clone, Eq, PartialEq, Default, Debug)]
pub enum PlaneChoice {
    /// `io_uring` when it works here, otherwise epoll.
    #[default]
    Auto,
    /// `io_uring` or nothing.
    IoUring,
    /// epoll.
    Epoll,
}

/// The names of the choices, as written in flags and files.
const NAMES: [(PlaneChoice, &str); 3] = [
    (PlaneChoice::Auto, "auto"),
    (PlaneChoice::IoUring, "io_uring"),
    (PlaneChoice::Epoll, "epoll"),
];

impl FromStr for PlaneChoice {
    type Err = UnknownPlane;

    fn from_str(name: &str) -> Result<Self, UnknownPlane> {
        let known = NAMES.iter().find(|(_, known)| *known == name);
        known.map(|(choice, _)| *choice).ok_or(UnknownPlane)
    }
}

impl fmt::Display for PlaneChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.iter().find(|(choice, _)| choice == self).map_or("", |(_, name)| name);
        f.write_str(name)
    }
}

/// No plane has that name.
#[derive(Copy, Clone, Eq, PartialEq, Debug, thiserror::Error)]
#[error("a plane is one of auto, io_uring, epoll")]
pub struct UnknownPlane;

/// The plane to run.
#[derive(Debug)]
pub enum Decision {
    /// `io_uring`: it passed all tests.
    IoUring,
    /// epoll, because it was asked for (None) or because `io_uring` cannot run here.
    Epoll(Option<Refusal>),
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IoUring => f.write_str("io_uring: it passed its self-test"),
            Self::Epoll(None) => f.write_str("epoll: as configured"),
            Self::Epoll(Some(refusal)) => write!(f, "epoll: {refusal}"),
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
    /// The table of direct descriptors.
    #[error("io_uring refuses a table of direct descriptors: {0}")]
    Table(io::Error),
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

/// Decides which plane runs.
///
/// # Errors
/// Only for [`PlaneChoice::IoUring`], when it cannot run.
pub fn decide(choice: PlaneChoice) -> Result<Decision, Refusal> {
    if choice == PlaneChoice::Epoll {
        return Ok(Decision::Epoll(None));
    }
    match probe_io_uring() {
        Ok(()) => Ok(Decision::IoUring),
        Err(refusal) if choice == PlaneChoice::IoUring => Err(refusal),
        Err(refusal) => Ok(Decision::Epoll(Some(refusal))),
    }
}

/// Finds out whether `io_uring` can run: sets up a ring as the plane does, asks for the operations,
/// and tests on a socket pair that sends and receives behave as the plane relies on.
pub fn probe_io_uring() -> Result<(), Refusal> {
    uring::probe()
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

    #[test]
    fn choices_have_names() {
        for (choice, name) in NAMES {
            assert_eq!(name.parse(), Ok(choice));
            assert_eq!(choice.to_string(), name);
        }
        assert_eq!("uring".parse::<PlaneChoice>(), Err(UnknownPlane));
    }

    #[test]
    fn epoll_on_request_needs_no_probe() {
        let decision = decide(PlaneChoice::Epoll).unwrap();
        assert_eq!(decision.to_string(), "epoll: as configured");
    }
}
