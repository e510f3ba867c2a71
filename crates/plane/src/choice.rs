//! Which plane runs, and why: finds out whether this kernel lets this process use `io_uring`, and
//! whether it does what the plane relies on.

use std::fmt;
use std::fs;
use std::io;
use std::str::FromStr;

use crate::uring;
use crate::{DescriptorChoice, Descriptors};

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
    /// `io_uring`: it passed its self-test.
    IoUring {
        /// What names its sockets.
        descriptors: Descriptors,
        /// Why these.
        reason: String,
    },
    /// epoll, because it was asked for (None) or because `io_uring` cannot run here.
    Epoll(Option<Refusal>),
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IoUring { descriptors, reason } => {
                write!(f, "io_uring with {descriptors}: {reason}")
            }
            Self::Epoll(None) => f.write_str("epoll: as configured"),
            Self::Epoll(Some(refusal)) => write!(f, "epoll: {refusal}"),
        }
    }
}

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

/// Decides which plane runs.
///
/// # Errors
/// For [`PlaneChoice::IoUring`], when it cannot run; and when it can, but not with
/// [`DescriptorChoice::Direct`] as asked for.
pub fn decide(choice: PlaneChoice, descriptors: DescriptorChoice) -> Result<Decision, Refusal> {
    decide_with(choice, descriptors, probe_io_uring)
}

/// [`decide`] with another probe. It is not called for epoll, since with epoll not one call of
/// `io_uring` is made.
///
/// # Errors
/// As [`decide`].
pub fn decide_with(
    choice: PlaneChoice,
    descriptors: DescriptorChoice,
    probe: impl FnOnce() -> Result<DirectDescriptors, Refusal>,
) -> Result<Decision, Refusal> {
    if choice == PlaneChoice::Epoll {
        return Ok(Decision::Epoll(None));
    }
    match probe() {
        Ok(direct) => decide_descriptors(direct, descriptors),
        Err(refusal) if choice == PlaneChoice::IoUring => Err(refusal),
        Err(refusal) => Ok(Decision::Epoll(Some(refusal))),
    }
}

fn decide_descriptors(
    direct: DirectDescriptors,
    choice: DescriptorChoice,
) -> Result<Decision, Refusal> {
    let (descriptors, reason) = match (choice, direct.are_usable()) {
        (DescriptorChoice::Process, _) => (Descriptors::Process, "as configured".to_owned()),
        (DescriptorChoice::Auto, false) => (Descriptors::Process, direct.to_string()),
        (DescriptorChoice::Direct, false) => return Err(Refusal::Direct(direct)),
        (_, true) => (Descriptors::Direct, direct.to_string()),
    };
    Ok(Decision::IoUring { descriptors, reason })
}

/// Finds out whether `io_uring` can run: sets up a ring as the plane does, asks for the operations,
/// and tests on socket pairs that they behave as the plane relies on; then what direct descriptors
/// are good for here.
///
/// # Errors
/// Why `io_uring` cannot run, whatever names its sockets.
pub fn probe_io_uring() -> Result<DirectDescriptors, Refusal> {
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
        let decision = decide(PlaneChoice::Epoll, DescriptorChoice::Direct).unwrap();
        assert_eq!(decision.to_string(), "epoll: as configured");
    }

    #[test]
    fn direct_descriptors_run_only_where_they_are_released_at_once() {
        use DescriptorChoice::{Auto, Direct, Process};
        let decided = |release, choice| {
            let decision = decide_descriptors(DirectDescriptors::Work(release), choice);
            decision.map(|decision| decision.to_string()).map_err(|refusal| refusal.to_string())
        };
        for (release, seen) in
            [(Release::Later, "released only when"), (Release::Never, "not released")]
        {
            let auto = decided(release, Auto).unwrap();
            assert!(
                auto.starts_with("io_uring with process descriptors: the self-test saw"),
                "{auto}"
            );
            assert!(auto.contains(seen), "{auto}");
            assert!(decided(release, Direct).unwrap_err().contains(seen));
        }
        for choice in [Auto, Direct] {
            let direct = decided(Release::AtOnce, choice).unwrap();
            assert!(direct.starts_with("io_uring with direct descriptors: "), "{direct}");
        }
        let process = decided(Release::AtOnce, Process).unwrap();
        assert_eq!(process, "io_uring with process descriptors: as configured");
    }
}
