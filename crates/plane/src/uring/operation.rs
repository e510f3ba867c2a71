//! Submission entries. Connections are named by a [`Target`]; listeners are descriptors of the
//! process.

use io_uring::opcode;
use io_uring::squeue::{Entry, Flags};
use io_uring::types::{DestinationSlot, Fd, Fixed};
use std::os::fd::RawFd;

use super::sockets::Target;
use super::tag::{Op, Tag};
use crate::Descriptors;
use crate::socket::RESET_ON_CLOSE;

/// Poll results that mean: the stream has an end, receive until it is reached.
pub(super) const HANGUP: i32 = (libc::POLLRDHUP | libc::POLLHUP | libc::POLLERR) as i32;
/// Poll results that mean: the connection is broken.
pub(super) const BROKEN: i32 = (libc::POLLHUP | libc::POLLERR) as i32;

/// Poll results that mean: there is room to send.
pub(super) const ROOM: i32 = libc::POLLOUT as i32;

/// With these flags a send is over when the submission is: a full send needs no completion, a
/// short one completes with its count, a full socket with EAGAIN. With fewer flags the rest of a
/// short send would be lost without a word.
pub(super) const SEND_FLAGS: i32 = libc::MSG_DONTWAIT | libc::MSG_WAITALL | libc::MSG_NOSIGNAL;

fn tagged(entry: Entry, tag: Tag) -> Entry {
    entry.user_data(tag.pack())
}

/// An entry whose descriptor field is that of `target`.
fn aimed(entry: Entry, target: Target, tag: Tag) -> Entry {
    tagged(entry.flags(target.flags()), tag)
}

/// Says when there is something to read, again and again, at the edges.
pub(super) fn poll(target: Target, slot: u32, generation: u32) -> Entry {
    let events = (libc::POLLIN | libc::POLLRDHUP) as u32;
    let entry = opcode::PollAdd::new(target.fd(), events).multi(true).build();
    aimed(entry, target, Tag::new(Op::Poll, slot, generation))
}

/// Says once that there is room to send (`Op::Writable`) or that a connect ended (`Op::Connect`).
pub(super) fn poll_out(op: Op, target: Target, slot: u32, generation: u32) -> Entry {
    let entry = opcode::PollAdd::new(target.fd(), libc::POLLOUT as u32).build();
    aimed(entry, target, Tag::new(op, slot, generation))
}

/// As `poll_out` for room, but it says so again and again, at the edges: until it is cancelled.
pub(super) fn poll_out_edges(target: Target, slot: u32, generation: u32) -> Entry {
    let entry = opcode::PollAdd::new(target.fd(), libc::POLLOUT as u32).multi(true).build();
    aimed(entry, target, Tag::new(Op::WritableEdge, slot, generation))
}

/// `to` must stay valid for `len` bytes until the completion.
pub(super) fn receive(target: Target, to: *mut u8, len: u32, number: u32) -> Entry {
    let entry = opcode::Recv::new(target.fd(), to, len).flags(libc::MSG_DONTWAIT).build();
    aimed(entry, target, Tag::new(Op::Receive, number, 0))
}

/// The bytes must stay valid until the submission is over.
pub(super) fn send(target: Target, slot: u32, generation: u32, bytes: &[u8]) -> Entry {
    let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let entry = opcode::Send::new(target.fd(), bytes.as_ptr(), len).flags(SEND_FLAGS).build();
    aimed(entry.flags(Flags::SKIP_SUCCESS), target, Tag::new(Op::Send, slot, generation))
}

/// Accepts one client, into a direct descriptor that the kernel chooses or into a new one of the
/// process. The pointers must stay valid until the completion.
pub(super) fn accept(
    listener: RawFd,
    (addr, len): (*mut libc::sockaddr, *mut libc::socklen_t),
    buffer: u32,
    descriptors: Descriptors,
) -> Entry {
    let accept = opcode::Accept::new(Fd(listener), addr, len);
    let entry = match descriptors {
        Descriptors::Direct => accept.file_index(Some(DestinationSlot::auto_target())),
        Descriptors::Process => accept.flags(libc::SOCK_CLOEXEC),
    };
    tagged(entry.build(), Tag::new(Op::Accept, buffer, 0))
}

/// Ends an operation by its tag, which is cheap; by descriptor the kernel would search.
pub(super) fn cancel(target: Tag) -> Entry {
    let entry = opcode::AsyncCancel::new(target.pack()).build().flags(Flags::SKIP_SUCCESS);
    tagged(entry, Tag::new(Op::Other, 0, 0))
}

pub(super) fn close(target: Target, slot: u32, generation: u32) -> Entry {
    let entry = match target {
        Target::Direct(entry) => opcode::Close::new(Fixed(entry)).build(),
        Target::Process(fd) => opcode::Close::new(Fd(fd)).build(),
    };
    tagged(entry, Tag::new(Op::Close, slot, generation))
}

/// Makes the close of a direct descriptor that follows a reset.
pub(super) fn reset_on_close(slot: u32) -> Entry {
    let entry = opcode::SetSockOpt::new(
        Fixed(slot),
        libc::SOL_SOCKET as u32,
        libc::SO_LINGER as u32,
        (&raw const RESET_ON_CLOSE).cast(),
        size_of::<libc::linger>() as u32,
    );
    tagged(entry.build().flags(Flags::SKIP_SUCCESS), Tag::new(Op::Reset, slot, 0))
}

/// Ends the sending side of a direct descriptor. The kernel gives it to a worker, which looks the slot
/// up when its turn comes: a close before its completion would let it hit the next connection in that
/// slot.
pub(super) fn shutdown_write(slot: u32, generation: u32) -> Entry {
    let entry = opcode::Shutdown::new(Fixed(slot), libc::SHUT_WR).build();
    tagged(entry, Tag::new(Op::Shutdown, slot, generation))
}

/// Copies a descriptor into a free slot of the table; the kernel replaces the descriptor at `fd`
/// by the number of the slot. The pointer must stay valid until the completion.
pub(super) fn install(fd: *mut RawFd) -> Entry {
    // All bits set: the kernel chooses the slot (IORING_FILE_INDEX_ALLOC).
    let entry = opcode::FilesUpdate::new(fd.cast_const(), 1).offset(-1).build();
    tagged(entry, Tag::new(Op::Install, 0, 0))
}
