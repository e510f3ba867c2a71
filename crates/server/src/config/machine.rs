//! What the machine allows this process, read once before anything is checked.

use std::fs;
use std::net::{Ipv6Addr, UdpSocket};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use switchboard_plane::choice::{DirectDescriptors, Refusal, probe_io_uring};

use super::control_group;

/// The figures that a configuration is checked against.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    /// Cores this process may run on, in order.
    pub cpus: Vec<usize>,
    /// Descriptors this process may have; also the entries of one ring's file table.
    pub descriptors_max: u64,
    /// Open files that the whole system may still get, connections of rings included.
    pub files_free: u64,
    /// IPv6 sockets can be bound.
    pub ipv6: bool,
    /// Also to `[::1]`, which a container may lack.
    pub ipv6_loopback: bool,
    /// Memory of the machine or of the control groups, whichever is smaller, in bytes.
    pub memory_bytes: u64,
    /// Finds out whether and how `io_uring` can be used here. Called only if needed, since with
    /// epoll the server makes no `io_uring` call at all.
    pub io_uring: fn() -> Result<DirectDescriptors, Refusal>,
}

impl Machine {
    /// Reads the machine, and raises the soft descriptor limit to the hard one on the way.
    pub(crate) fn read() -> Self {
        Self {
            cpus: allowed_cpus(),
            descriptors_max: raise_descriptor_limit(),
            files_free: files_free().unwrap_or(u64::MAX),
            ipv6: UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).is_ok(),
            ipv6_loopback: UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_ok(),
            memory_bytes: memory_total().unwrap_or(u64::MAX).min(control_group::memory_limit()),
            io_uring: probe_io_uring,
        }
    }
}

fn allowed_cpus() -> Vec<usize> {
    let Ok(set) = rustix::thread::sched_getaffinity(None) else {
        // More cores than the set can name: take what the standard library counts.
        let count = std::thread::available_parallelism().map_or(1, usize::from);
        return (0..count).collect();
    };
    (0..rustix::thread::CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu)).collect()
}

fn raise_descriptor_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let in_force = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => raised.current,
        Err(_) => limit.current,
    };
    in_force.unwrap_or(u64::MAX)
}

fn files_free() -> Option<u64> {
    let text = fs::read_to_string("/proc/sys/fs/file-nr").ok()?;
    let mut fields = text.split_whitespace();
    let open: u64 = fields.next()?.parse().ok()?;
    let max: u64 = fields.nth(1)?.parse().ok()?;
    Some(max.saturating_sub(open))
}

fn memory_total() -> Option<u64> {
    const KIB: u64 = 1_024;
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * KIB)
}
