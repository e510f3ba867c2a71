//! The memory of a process.

use std::fs;
use std::path::Path;

/// Memory of a process in bytes.
#[allow(clippy::struct_field_names)] // the unit is a part of a name
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    /// Resident.
    pub(crate) rss_bytes: u64,
    /// Resident, what is shared with others counted in part.
    pub(crate) pss_bytes: u64,
    /// Written by the process and its own: what it really costs.
    pub(crate) dirty_bytes: u64,
}

impl Memory {
    /// Reads `smaps_rollup`, which walks over all pages; where it may not be read, only the
    /// resident size is known.
    pub(crate) fn read(pid: &str) -> Self {
        let rollup = fs::read_to_string(Path::new("/proc").join(pid).join("smaps_rollup"));
        rollup.map_or_else(
            |_| Self { rss_bytes: Self::rss(pid).unwrap_or_default(), ..Self::default() },
            |text| Self::parse(&text),
        )
    }

    /// Of all of these processes together; nothing where there are none.
    pub(crate) fn of_all(pids: &[u32]) -> Option<Self> {
        pids.iter().map(|pid| Self::read(&pid.to_string())).reduce(|a, b| Self {
            rss_bytes: a.rss_bytes + b.rss_bytes,
            pss_bytes: a.pss_bytes + b.pss_bytes,
            dirty_bytes: a.dirty_bytes + b.dirty_bytes,
        })
    }

    /// The resident size of all of these together, of those that are still there.
    pub(crate) fn rss_of_all(pids: &[u32]) -> Option<u64> {
        pids.iter().filter_map(|pid| Self::rss(&pid.to_string())).reduce(|a, b| a + b)
    }

    fn parse(rollup: &str) -> Self {
        let value = |name: &str| {
            let rest = rollup.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            rest.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok())
                .unwrap_or_default()
                * 1024
        };
        Self {
            rss_bytes: value("Rss"),
            pss_bytes: value("Pss"),
            dirty_bytes: value("Private_Dirty"),
        }
    }

    /// The resident size alone, which costs nothing to read.
    pub(crate) fn rss(pid: &str) -> Option<u64> {
        let statm = fs::read_to_string(Path::new("/proc").join(pid).join("statm")).ok()?;
        let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
        Some(pages * rustix::param::page_size() as u64)
    }
}

/// Whether there is a process with this number.
pub(crate) fn exists(pid: u32) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
}

/// What a process calls itself, as `pgrep -x` compares it.
pub(crate) fn name(pid: u32) -> Option<String> {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some(name.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read() {
        let rollup = "55-7f ---p 00 00:00 0 [rollup]\nRss:  200 kB\nPss:  150 kB\nPss_Dirty: 9 kB\n\
                      Private_Clean: 7 kB\nPrivate_Dirty:  100 kB\n";
        let memory = Memory::parse(rollup);
        assert_eq!(memory.rss_bytes, 200 << 10);
        assert_eq!(memory.pss_bytes, 150 << 10);
        assert_eq!(memory.dirty_bytes, 100 << 10);
        assert!(Memory::read("self").rss_bytes > 0 && Memory::rss("self").unwrap() > 0);
        assert!(exists(std::process::id()) && !exists(u32::MAX));
    }

    #[test]
    fn several_processes_are_added_up() {
        let (own, other) = (std::process::id(), std::os::unix::process::parent_id());
        let one = Memory::rss_of_all(&[own]).unwrap();
        assert!(Memory::rss_of_all(&[own, other]).unwrap() > one);
        assert!(Memory::of_all(&[own, other]).unwrap().rss_bytes > 0);
        assert_eq!((Memory::of_all(&[]), Memory::rss_of_all(&[])), (None, None));
        assert!(name(own).is_some_and(|name| !name.is_empty()));
    }
}
