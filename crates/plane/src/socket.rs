//! Thin wrappers of the socket system calls.

use std::io;
use std::mem::size_of;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use crate::address::RawAddress;

/// Turns the -1 of a system call into its errno.
pub(crate) fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// A TCP socket of the address's family, closed on exec.
pub(crate) fn tcp(addr: &SocketAddr, flags: libc::c_int) -> io::Result<OwnedFd> {
    let domain = if addr.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC | flags;
    // SAFETY: socket takes no pointers.
    let fd = check(unsafe { libc::socket(domain, kind, 0) })?;
    // SAFETY: the kernel just made this descriptor and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Sets a socket option; `T` must be the type that the option takes.
pub(crate) fn set<T>(
    fd: BorrowedFd<'_>,
    level: libc::c_int,
    name: libc::c_int,
    value: &T,
) -> io::Result<()> {
    let len = size_of::<T>() as libc::socklen_t;
    let at = std::ptr::from_ref(value).cast();
    // SAFETY: `at` is valid for `len` bytes; the kernel only reads them.
    check(unsafe { libc::setsockopt(fd.as_raw_fd(), level, name, at, len) }).map(drop)
}

/// Sets an option that is an `int`.
pub(crate) fn set_int(
    fd: BorrowedFd<'_>,
    level: libc::c_int,
    name: libc::c_int,
    value: u32,
) -> io::Result<()> {
    let value = libc::c_int::try_from(value).unwrap_or(libc::c_int::MAX);
    set(fd, level, name, &value)
}

/// Binds to a local address.
pub(crate) fn bind(fd: BorrowedFd<'_>, addr: &SocketAddr) -> io::Result<()> {
    let raw = RawAddress::from(*addr);
    // SAFETY: the pointer and the length describe the initialised address in `raw`.
    check(unsafe { libc::bind(fd.as_raw_fd(), raw.as_ptr(), raw.len()) }).map(drop)
}

/// Makes a bound socket listen.
pub(crate) fn listen(fd: BorrowedFd<'_>, backlog: u32) -> io::Result<()> {
    let backlog = libc::c_int::try_from(backlog).unwrap_or(libc::c_int::MAX);
    // SAFETY: listen takes no pointers.
    check(unsafe { libc::listen(fd.as_raw_fd(), backlog) }).map(drop)
}

/// A non-blocking socket whose connect has begun. With `from`, the port is left to connect time,
/// so that many connections to different places share one local port.
pub(crate) fn begin_connect(to: &SocketAddr, from: Option<IpAddr>) -> io::Result<OwnedFd> {
    use std::os::fd::AsFd as _;
    let socket = tcp(to, libc::SOCK_NONBLOCK)?;
    let fd = socket.as_fd();
    set_int(fd, libc::IPPROTO_TCP, libc::TCP_NODELAY, 1)?;
    if let Some(ip) = from {
        set_int(fd, libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT, 1)?;
        bind(fd, &SocketAddr::new(ip, 0))?;
    }
    let raw = RawAddress::from(*to);
    // SAFETY: the pointer and the length describe the initialised address in `raw`.
    match check(unsafe { libc::connect(fd.as_raw_fd(), raw.as_ptr(), raw.len()) }) {
        Ok(_) => Ok(socket),
        Err(e) if e.raw_os_error() == Some(libc::EINPROGRESS) => Ok(socket),
        Err(e) => Err(e),
    }
}

/// Switches `O_NONBLOCK` on or off.
pub(crate) fn set_nonblocking(fd: BorrowedFd<'_>, on: bool) -> io::Result<()> {
    let fd = fd.as_raw_fd();
    // SAFETY: F_GETFL takes no pointers.
    let flags = check(unsafe { libc::fcntl(fd, libc::F_GETFL) })?;
    let flags = if on { flags | libc::O_NONBLOCK } else { flags & !libc::O_NONBLOCK };
    // SAFETY: F_SETFL takes no pointers.
    check(unsafe { libc::fcntl(fd, libc::F_SETFL, flags) }).map(drop)
}

/// The error that a socket holds, and forgets by this call; 0 when there is none.
pub(crate) fn take_error(fd: RawFd) -> libc::c_int {
    let mut error: libc::c_int = 0;
    let mut len = size_of::<libc::c_int>() as libc::socklen_t;
    let at = (&raw mut error).cast();
    // SAFETY: both pointers are valid for writing, and `len` says how much.
    match check(unsafe { libc::getsockopt(fd, libc::SOL_SOCKET, libc::SO_ERROR, at, &raw mut len) })
    {
        Ok(_) => error,
        Err(e) => e.raw_os_error().unwrap_or(libc::EIO),
    }
}

/// Lets the close of a socket throw away what was not delivered and send RST.
pub(crate) fn reset_on_close(fd: BorrowedFd<'_>) -> io::Result<()> {
    set(fd, libc::SOL_SOCKET, libc::SO_LINGER, &RESET_ON_CLOSE)
}

/// The linger option that turns a close into a reset.
pub(crate) static RESET_ON_CLOSE: libc::linger = libc::linger { l_onoff: 1, l_linger: 0 };

/// The local address of a socket.
pub(crate) fn local_addr(fd: BorrowedFd<'_>) -> io::Result<SocketAddr> {
    let mut raw = RawAddress::empty();
    let (addr, len) = raw.as_mut_ptrs();
    // SAFETY: both pointers are valid for writing, and `len` holds the size of the buffer.
    check(unsafe { libc::getsockname(fd.as_raw_fd(), addr, len) })?;
    Ok(raw.to_socket_addr())
}

/// Receives without waiting: a byte count, or a negative errno.
///
/// # Safety
/// `to` must be valid for writing `len` bytes.
pub(crate) unsafe fn receive(fd: RawFd, to: *mut u8, len: usize) -> i32 {
    loop {
        // SAFETY: promised by the caller.
        let received = unsafe { libc::recv(fd, to.cast(), len, libc::MSG_DONTWAIT) };
        match count_or_errno(received) {
            errno if errno == -libc::EINTR => {}
            result => return result,
        }
    }
}

/// Sends without waiting: a byte count, or a negative errno.
pub(crate) fn send(fd: RawFd, bytes: &[u8]) -> i32 {
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    loop {
        // SAFETY: the slice is valid for the call.
        let sent = unsafe { libc::send(fd, bytes.as_ptr().cast(), bytes.len(), flags) };
        match count_or_errno(sent) {
            errno if errno == -libc::EINTR => {}
            result => return result,
        }
    }
}

fn count_or_errno(result: isize) -> i32 {
    if result < 0 { -last_errno() } else { i32::try_from(result).unwrap_or(i32::MAX) }
}

/// The errno of the system call that just failed.
pub(crate) fn last_errno() -> i32 {
    io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO)
}

/// Lets a listening socket drop all SYNs that come from now on. What belongs to a handshake under way
/// passes, and so does all that comes for connections, which inherit the filter. Where the kernel does not
/// let it, clients go on coming until the socket is closed.
pub(crate) fn hold_off(listener: BorrowedFd<'_>) {
    // The filter sees the TCP header first; its flags are in byte 13.
    const FLAGS: u32 = 13;
    const SYN: u32 = 0x02;
    const ACK: u32 = 0x10;
    let op = |code: u32, jf, k| libc::sock_filter { code: code as u16, jt: 0, jf, k };
    let mut program = [
        op(libc::BPF_LD | libc::BPF_B | libc::BPF_ABS, 0, FLAGS),
        op(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, 0, SYN | ACK),
        op(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 1, SYN),
        op(libc::BPF_RET | libc::BPF_K, 0, 0),
        op(libc::BPF_RET | libc::BPF_K, 0, u32::MAX),
    ];
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    let _ = set(listener, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &filter);
}

/// How many clients wait in the queue of a listening socket; 0 where the kernel does not say.
pub(crate) fn waiting(listener: BorrowedFd<'_>) -> u32 {
    // SAFETY: the structure has numbers only.
    let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
    let mut len = size_of::<libc::tcp_info>() as libc::socklen_t;
    let (fd, at) = (listener.as_raw_fd(), (&raw mut info).cast());
    // SAFETY: both pointers are valid for writing, and `len` says how much.
    let result =
        unsafe { libc::getsockopt(fd, libc::IPPROTO_TCP, libc::TCP_INFO, at, &raw mut len) };
    // Of a listening socket, this field is the length of its queue.
    if result == 0 { info.tcpi_unacked } else { 0 }
}

/// Accepts without waiting, if the listener is non-blocking.
pub(crate) fn accept(listener: BorrowedFd<'_>) -> Result<(OwnedFd, SocketAddr), i32> {
    let mut raw = RawAddress::empty();
    let (addr, len) = raw.as_mut_ptrs();
    let flags = libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: both pointers are valid for writing, and `len` holds the size of the buffer.
    let fd = unsafe { libc::accept4(listener.as_raw_fd(), addr, len, flags) };
    if fd < 0 {
        return Err(last_errno());
    }
    // SAFETY: the kernel just made this descriptor and nobody else owns it.
    Ok((unsafe { OwnedFd::from_raw_fd(fd) }, raw.to_socket_addr()))
}

/// Shuts down the sending direction; a connection that is gone already does not matter.
pub(crate) fn shutdown_write(fd: RawFd) {
    // SAFETY: shutdown takes no pointers.
    unsafe { libc::shutdown(fd, libc::SHUT_WR) };
}
