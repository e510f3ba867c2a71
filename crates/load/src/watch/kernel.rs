//! Memory that the kernel holds for sockets, of all processes.

use std::fs;
use std::path::Path;

/// What the kernel holds. On loopback both ends of a connection are in here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Kernel {
    /// All slab caches: sockets, files, inodes, poll entries.
    pub(crate) slab_bytes: u64,
    /// Pages of TCP buffers: received and not read, sent and not acknowledged.
    pub(crate) tcp_bytes: u64,
    /// TCP sockets that are neither closed nor waiting, in this network namespace.
    pub(crate) tcp_sockets: u64,
    /// Sockets in TIME-WAIT.
    pub(crate) time_wait: u64,
    /// Sockets that belong to no process any more.
    pub(crate) orphans: u64,
}

impl Kernel {
    /// Reads `/proc`; what is not there counts as 0.
    pub(crate) fn read() -> Self {
        let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let page = rustix::param::page_size() as u64;
        Self::parse(&text("/proc/meminfo"), &text("/proc/net/sockstat"), page)
    }

    fn parse(meminfo: &str, sockstat: &str, page_bytes: u64) -> Self {
        let slab = meminfo.lines().find_map(|line| line.strip_prefix("Slab:"));
        let slab_kib = slab.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
        let tcp = sockstat.lines().find_map(|line| line.strip_prefix("TCP:")).unwrap_or_default();
        let words: Vec<&str> = tcp.split_whitespace().collect();
        let value = |name: &str| {
            let pair = words.chunks(2).find(|pair| pair[0] == name);
            pair.and_then(|pair| pair.get(1)?.parse::<u64>().ok()).unwrap_or_default()
        };
        Self {
            slab_bytes: slab_kib.unwrap_or_default() * 1024,
            tcp_bytes: value("mem") * page_bytes,
            tcp_sockets: value("inuse"),
            time_wait: value("tw"),
            orphans: value("orphan"),
        }
    }

    /// TCP sockets in the network namespace of a process, when it is another than ours: then they
    /// are the server's ends alone.
    pub(crate) fn sockets_of(pid: u32) -> Option<u64> {
        let namespace = |who: &str| fs::read_link(Path::new("/proc").join(who).join("ns/net")).ok();
        let theirs = namespace(&pid.to_string())?;
        if Some(theirs) == namespace("self") {
            return None;
        }
        let sockstat = fs::read_to_string(format!("/proc/{pid}/net/sockstat")).ok()?;
        Some(Self::parse("", &sockstat, 0).tcp_sockets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_are_read() {
        let meminfo = "MemTotal:  100 kB\nSlab:            2048 kB\n";
        let sockstat = "sockets: used 9\nTCP: inuse 20006 orphan 1 tw 7 alloc 20010 mem 12\nUDP: inuse 0 mem 0\n";
        let expected = Kernel {
            slab_bytes: 2 << 20,
            tcp_bytes: 12 * 4096,
            tcp_sockets: 20_006,
            time_wait: 7,
            orphans: 1,
        };
        assert_eq!(Kernel::parse(meminfo, sockstat, 4096), expected);
        assert_eq!(Kernel::parse("", "", 4096), Kernel::default());
        assert!(Kernel::read().slab_bytes > 0);
    }
}
