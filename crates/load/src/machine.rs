//! The machine a run took place on: what a reader must know before comparing figures.
//!
//! Everything is read from `/proc` and everything is best effort: a fact that cannot be read is left
//! out.

use std::fs;

use rustix::process::{Resource, getrlimit};
use serde::Serialize;

use crate::report::units;

/// Facts about the machine. Sysctls keep the kernel's text, since some hold several numbers.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Machine {
    /// Such as `6.18.44`.
    pub(crate) kernel: Option<String>,
    /// As the CPU calls itself.
    pub(crate) cpu_model: Option<String>,
    /// CPUs that are online.
    pub(crate) cpus: Option<u64>,
    /// A hypervisor is below: times are noisier than on bare metal.
    pub(crate) virtualised: bool,
    /// All memory.
    pub(crate) memory_bytes: Option<u64>,
    /// Memory that new programs could have had at the end of the run.
    pub(crate) memory_available_bytes: Option<u64>,
    /// Load over 1, 5 and 15 minutes at the end of the run.
    pub(crate) load_average: Option<String>,
    /// Descriptors one process may open, soft and hard. `None` inside is "no limit".
    pub(crate) nofile: (Option<u64>, Option<u64>),
    /// Descriptors all processes may open.
    pub(crate) file_max: Option<u64>,
    /// Descriptors all processes had open at the end of the run.
    pub(crate) file_open: Option<u64>,
    /// A page in bytes: the unit of `tcp_mem_pages`.
    pub(crate) page_bytes: Option<u64>,
    /// `net.ipv4.ip_local_port_range`.
    pub(crate) port_range: Option<String>,
    /// `net.ipv4.tcp_mem`: no pressure below, pressure above, the most. In pages, not bytes.
    pub(crate) tcp_mem_pages: Option<String>,
    /// `net.ipv4.tcp_rmem`: least, first, most.
    pub(crate) tcp_rmem_bytes: Option<String>,
    /// `net.ipv4.tcp_wmem`: least, first, most.
    pub(crate) tcp_wmem_bytes: Option<String>,
    /// `net.ipv4.tcp_max_orphans`.
    pub(crate) tcp_max_orphans: Option<u64>,
    /// `net.ipv4.tcp_max_tw_buckets`.
    pub(crate) tcp_max_tw_buckets: Option<u64>,
    /// `net.ipv4.tcp_max_syn_backlog`.
    pub(crate) tcp_max_syn_backlog: Option<u64>,
    /// `net.core.somaxconn`.
    pub(crate) somaxconn: Option<u64>,
    /// `net.core.netdev_max_backlog`.
    pub(crate) netdev_max_backlog: Option<u64>,
    /// `net.ipv4.tcp_congestion_control`.
    pub(crate) congestion_control: Option<String>,
    /// `kernel.io_uring_disabled`: 0 everyone, 1 a group, 2 nobody may use it.
    pub(crate) io_uring_disabled: Option<u64>,
    /// `net.netfilter.nf_conntrack_max`, where connection tracking is loaded.
    pub(crate) conntrack_max: Option<u64>,
}

impl Machine {
    /// Reads all facts.
    pub(crate) fn read() -> Self {
        let cpuinfo = text("/proc/cpuinfo").unwrap_or_default();
        let meminfo = text("/proc/meminfo").unwrap_or_default();
        let nofile = getrlimit(Resource::Nofile);
        Self {
            kernel: sysctl("kernel/osrelease"),
            cpu_model: field(&cpuinfo, "model name").or_else(|| field(&cpuinfo, "CPU part")),
            cpus: cpus(&cpuinfo),
            virtualised: field(&cpuinfo, "flags")
                .is_some_and(|flags| flags.split_whitespace().any(|flag| flag == "hypervisor")),
            memory_bytes: kilobytes(&meminfo, "MemTotal"),
            memory_available_bytes: kilobytes(&meminfo, "MemAvailable"),
            load_average: text("/proc/loadavg")
                .map(|line| line.split_whitespace().take(3).collect::<Vec<_>>().join(" ")),
            nofile: (nofile.current, nofile.maximum),
            file_max: number("fs/file-max"),
            file_open: sysctl("fs/file-nr").and_then(|line| first_number(&line)),
            page_bytes: text("/proc/self/smaps")
                .and_then(|maps| kilobytes(&maps, "KernelPageSize")),
            port_range: sysctl("net/ipv4/ip_local_port_range"),
            tcp_mem_pages: sysctl("net/ipv4/tcp_mem"),
            tcp_rmem_bytes: sysctl("net/ipv4/tcp_rmem"),
            tcp_wmem_bytes: sysctl("net/ipv4/tcp_wmem"),
            tcp_max_orphans: number("net/ipv4/tcp_max_orphans"),
            tcp_max_tw_buckets: number("net/ipv4/tcp_max_tw_buckets"),
            tcp_max_syn_backlog: number("net/ipv4/tcp_max_syn_backlog"),
            somaxconn: number("net/core/somaxconn"),
            netdev_max_backlog: number("net/core/netdev_max_backlog"),
            congestion_control: sysctl("net/ipv4/tcp_congestion_control"),
            io_uring_disabled: number("kernel/io_uring_disabled"),
            conntrack_max: number("net/netfilter/nf_conntrack_max"),
        }
    }

    /// The facts for people: what, and how much. Those that could not be read are left out.
    pub(crate) fn facts(&self) -> Vec<(&'static str, String)> {
        let count = |value: Option<u64>| value.map(|n| units::count(n as f64));
        let bytes = |value: Option<u64>| value.map(|n| units::bytes(n as f64));
        let facts = [
            ("kernel", self.kernel.clone()),
            ("CPU", self.cpu()),
            ("memory", bytes(self.memory_bytes)),
            ("memory available", bytes(self.memory_available_bytes)),
            ("load average", self.load_average.clone()),
            ("descriptors per process", Some(self.descriptors())),
            ("fs.file-max", count(self.file_max)),
            ("descriptors open, all", count(self.file_open)),
            ("ip_local_port_range", self.port_range.clone()),
            ("tcp_mem", self.tcp_mem()),
            ("tcp_rmem (B)", self.tcp_rmem_bytes.clone()),
            ("tcp_wmem (B)", self.tcp_wmem_bytes.clone()),
            ("tcp_max_orphans", count(self.tcp_max_orphans)),
            ("tcp_max_tw_buckets", count(self.tcp_max_tw_buckets)),
            ("tcp_max_syn_backlog", count(self.tcp_max_syn_backlog)),
            ("somaxconn", count(self.somaxconn)),
            ("netdev_max_backlog", count(self.netdev_max_backlog)),
            ("congestion control", self.congestion_control.clone()),
            ("io_uring", self.io_uring_disabled.map(io_uring)),
            ("nf_conntrack_max", count(self.conntrack_max)),
        ];
        facts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// The machine in one line.
    pub(crate) fn in_short(&self) -> String {
        let kernel = self.kernel.as_ref().map(|release| format!("Linux {release}"));
        let memory = self.memory_bytes.map(|bytes| units::bytes(bytes as f64));
        [self.cpu(), memory, kernel].into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    fn cpu(&self) -> Option<String> {
        let mut out = match (self.cpus, &self.cpu_model) {
            (Some(cpus), Some(model)) => format!("{cpus} x {model}"),
            (Some(cpus), None) => format!("{cpus} CPUs"),
            (None, model) => model.clone()?,
        };
        if self.virtualised {
            out.push_str(" (virtual machine)");
        }
        Some(out)
    }

    fn descriptors(&self) -> String {
        let limit = |n: Option<u64>| n.map_or("no limit".into(), |n| units::count(n as f64));
        match self.nofile {
            (soft, hard) if soft == hard => limit(soft),
            (soft, hard) => format!("{}, can be raised to {}", limit(soft), limit(hard)),
        }
    }

    /// `tcp_mem` is in pages and is often read as bytes, so its last number is shown as both.
    fn tcp_mem(&self) -> Option<String> {
        let pages = self.tcp_mem_pages.as_ref()?;
        let most = pages.split_whitespace().last().and_then(|n| n.parse::<u64>().ok());
        Some(match most.zip(self.page_bytes) {
            Some((most, page)) => {
                let most = units::bytes(most as f64 * page as f64);
                format!("{pages} pages (at most {most})")
            }
            None => format!("{pages} pages"),
        })
    }
}

fn io_uring(disabled: u64) -> String {
    match disabled {
        0 => "allowed for everyone".into(),
        1 => "allowed for one group (io_uring_disabled = 1)".into(),
        n => format!("switched off (io_uring_disabled = {n})"),
    }
}

fn text(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()
}

/// A file below `/proc/sys`, its numbers separated by single blanks.
fn sysctl(name: &str) -> Option<String> {
    let value = text(&format!("/proc/sys/{name}"))?;
    Some(value.split_whitespace().collect::<Vec<_>>().join(" "))
}

fn number(name: &str) -> Option<u64> {
    sysctl(name)?.parse().ok()
}

fn first_number(line: &str) -> Option<u64> {
    line.split_whitespace().next()?.parse().ok()
}

/// The value of the first `key : value` line.
fn field(text: &str, key: &str) -> Option<String> {
    let value = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == key).then(|| value.trim())
    })?;
    (!value.is_empty()).then(|| value.to_owned())
}

/// The value of a `Key:   123 kB` line, in bytes.
fn kilobytes(text: &str, key: &str) -> Option<u64> {
    first_number(&field(text, key)?)?.checked_mul(1024)
}

fn cpus(cpuinfo: &str) -> Option<u64> {
    let count = cpuinfo.lines().filter(|line| line.starts_with("processor")).count() as u64;
    (count > 0).then_some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_every_linux_has() {
        let machine = Machine::read();
        assert!(machine.kernel.is_some());
        assert!(machine.memory_bytes.is_some_and(|bytes| bytes > 1 << 20));
        assert!(machine.facts().iter().all(|(name, value)| !name.is_empty() && !value.is_empty()));
    }

    #[test]
    fn fields_of_proc_files() {
        let info = "processor\t: 0\nmodel name\t: A: fast one\n\nprocessor\t: 1\nempty :\n";
        assert_eq!(field(info, "model name").as_deref(), Some("A: fast one"));
        assert_eq!(field(info, "empty"), None);
        assert_eq!(cpus(info), Some(2));
        assert_eq!(cpus("nothing"), None);
        assert_eq!(kilobytes("MemTotal:  24 kB\n", "MemTotal"), Some(24 * 1024));
    }

    #[test]
    fn pages_are_said_to_be_pages() {
        let machine = Machine {
            tcp_mem_pages: Some("10 20 10000000".into()),
            page_bytes: Some(4096),
            ..Machine::default()
        };
        assert_eq!(machine.tcp_mem().unwrap(), "10 20 10000000 pages (at most 38.1 GiB)");
    }
}
