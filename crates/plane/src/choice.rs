//! Which plane runs, and why: finds out whether this kernel lets this process use `io_uring`, and
//! whether it does what the plane relies on.

use std::fmt;

pub use crate::findings::{DirectDescriptors, Refusal, Release};
use crate::named::named;
use crate::uring;
use crate::{DescriptorChoice, Descriptors};

/// The user's choice.
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

named!(PlaneChoice or UnknownPlane: Auto = "auto", IoUring = "io_uring", Epoll = "epoll");

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

    #[test]
    fn choices_have_names() {
        use PlaneChoice as Choice;
        for (choice, name) in
            [(Choice::Auto, "auto"), (Choice::IoUring, "io_uring"), (Choice::Epoll, "epoll")]
        {
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
