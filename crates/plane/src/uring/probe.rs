//! Whether this kernel's `io_uring` can carry the plane.

use io_uring::{Probe, opcode};

use super::ring::{RingSize, build};
use super::self_test::SelfTest;
use crate::Descriptors;
use crate::findings::{DirectDescriptors, Refusal, Release};

/// What the plane submits, whatever names its sockets.
///
/// What it relies on, the kernel it came with, and what happens before that:
///
/// | what | since | before |
/// |---|---|---|
/// | `IORING_REGISTER_PROBE`, `SEND`, `RECV`, `CLOSE`, `SETUP_CLAMP` | 5.6 | refused |
/// | `CQ_EVENTFD_DISABLED`, `SQ_CQ_OVERFLOW` | 5.8 | refused with the next two |
/// | multishot `POLL_ADD` | 5.13 | the self-test fails |
/// | `IOSQE_CQE_SKIP_SUCCESS` | 5.17 | refused |
/// | `SETUP_SUBMIT_ALL` | 5.18 | a ring without it |
/// | `CQE_F_SOCK_NONEMPTY` | 5.19 | a full buffer alone says that there is more |
/// | `SETUP_COOP_TASKRUN` | 5.19 | a ring without it: more interrupts |
/// | `SETUP_SINGLE_ISSUER` | 6.0 | a ring without it |
/// | a send with `MSG_DONTWAIT` and `MSG_WAITALL` is over when its submission is | 6.1 or before | the self-test fails |
///
/// `MSG_RING`, multishot accept and receive, provided buffers and zero-copy sends are not used.
const NEEDED: [(u8, &str); 6] = [
    (opcode::PollAdd::CODE, "IORING_OP_POLL_ADD"),
    (opcode::AsyncCancel::CODE, "IORING_OP_ASYNC_CANCEL"),
    (opcode::Accept::CODE, "IORING_OP_ACCEPT"),
    (opcode::Close::CODE, "IORING_OP_CLOSE"),
    (opcode::Send::CODE, "IORING_OP_SEND"),
    (opcode::Recv::CODE, "IORING_OP_RECV"),
];

/// What it submits for direct descriptors only; without it the process's descriptors serve.
///
/// | what | since | before |
/// |---|---|---|
/// | `IORING_OP_SHUTDOWN` | 5.11 | not direct |
/// | a sparse table, entries that the kernel chooses (accept, `FILES_UPDATE`) | 5.19 | not direct |
/// | socket options by the ring (`IORING_OP_URING_CMD`, for resets) | 6.7 | not direct |
/// | a closed entry is released although older requests go on | 6.13 | not direct |
const NEEDED_FOR_DIRECT: [(u8, &str); 4] = [
    (opcode::FilesUpdate::CODE, "IORING_OP_FILES_UPDATE"),
    (opcode::Shutdown::CODE, "IORING_OP_SHUTDOWN"),
    // It came with the choice of entries by the kernel.
    (opcode::Socket::CODE, "IORING_OP_SOCKET"),
    (opcode::SetSockOpt::CODE, "IORING_OP_URING_CMD"),
];

/// See [`crate::choice::probe_io_uring`].
pub(crate) fn probe() -> Result<DirectDescriptors, Refusal> {
    // The plane's own size, since a limit on memory may only show then.
    let size = RingSize::usual();
    let ring = build(size).map_err(Refusal::from_setup)?;
    let mut operations = Probe::new();
    ring.submitter().register_probe(&mut operations).map_err(|_| Refusal::Lacks("a probe"))?;
    if let Some(name) = lacking(&operations, &NEEDED) {
        return Err(Refusal::Lacks(name));
    }
    if !ring.params().is_feature_skip_cqe_on_success() {
        return Err(Refusal::Lacks("IOSQE_CQE_SKIP_SUCCESS"));
    }
    let mut test = SelfTest::new(ring);
    match test.run(Descriptors::Process) {
        Ok(Release::AtOnce) => Ok(probe_direct(test, &operations, size.slots)),
        Ok(_) => Err(Refusal::SelfTest("a closed descriptor is not released at once")),
        Err(what) => Err(Refusal::SelfTest(what)),
    }
}

fn probe_direct(mut test: SelfTest, operations: &Probe, slots: u32) -> DirectDescriptors {
    if let Some(name) = lacking(operations, &NEEDED_FOR_DIRECT) {
        return DirectDescriptors::Lack(name);
    }
    if let Err(error) = test.ring().submitter().register_files_sparse(slots) {
        return DirectDescriptors::NoTable(error);
    }
    match test.run(Descriptors::Direct) {
        Ok(release) => DirectDescriptors::Work(release),
        Err(what) => DirectDescriptors::Fail(what),
    }
}

/// The first operation that the kernel does not have.
fn lacking(operations: &Probe, needed: &[(u8, &'static str)]) -> Option<&'static str> {
    needed.iter().find(|(code, _)| !operations.is_supported(*code)).map(|(_, name)| *name)
}
