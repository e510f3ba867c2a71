//! What the kernel says of this process, and what runs in it.

use std::fmt;
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};
use switchboard_api::{Kind, Metric, Unit};

use super::name::{kind, stem, unit};

const BUILD_INFO: Metric =
    Metric::gauge("build_info", "1. The labels say which version runs, and on which plane.");
const CPU: Metric =
    Metric::counter("process_cpu", "Time that all threads have spent on a processor.")
        .in_unit(Unit::Seconds);
const RESIDENT_MEMORY: Metric =
    Metric::gauge("process_resident_memory", "Memory of the process that is in RAM.")
        .in_unit(Unit::Bytes);
const OPEN_FDS: Metric = Metric::gauge(
    "process_open_fds",
    "Open descriptors of the process. Direct descriptors of `io_uring` are none of them.",
);
const MAX_FDS: Metric =
    Metric::gauge("process_max_fds", "How many descriptors the process may open.");
const START_TIME: Metric =
    Metric::gauge("process_start_time", "When the server started, in seconds since 1970.")
        .in_unit(Unit::Seconds);

/// All of them, in the order in which they are answered.
pub(super) const METRICS: &[Metric] =
    &[BUILD_INFO, CPU, RESIDENT_MEMORY, OPEN_FDS, MAX_FDS, START_TIME];

/// Reads the facts when they are asked for: a few system calls, whatever the number of connections.
#[derive(Debug)]
pub(super) struct Process {
    version: &'static str,
    plane: &'static str,
    start_time_s: f64,
}

impl Process {
    /// The process that runs this version on this plane, and starts now.
    pub(super) fn new(version: &'static str, plane: &'static str) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { version, plane, start_time_s: since.as_secs_f64() }
    }
}

impl Collector for Process {
    /// A fact that the kernel keeps for itself is left out.
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let name = stem(&BUILD_INFO);
        let labels = [("version", self.version), ("plane", self.plane)];
        encoder
            .encode_descriptor(&name, BUILD_INFO.help, None, kind(&BUILD_INFO))?
            .encode_family(&labels)?
            .encode_gauge(&1_u64)?;
        let facts = [
            (CPU, Some(cpu_s())),
            (RESIDENT_MEMORY, resident_bytes().map(|bytes| bytes as f64)),
            (OPEN_FDS, open_fds()),
            (MAX_FDS, max_fds()),
            (START_TIME, Some(self.start_time_s)),
        ];
        for (metric, value) in facts {
            if let Some(value) = value {
                encode_fact(&mut encoder, &metric, value)?;
            }
        }
        Ok(())
    }
}

fn encode_fact(encoder: &mut DescriptorEncoder<'_>, metric: &Metric, value: f64) -> fmt::Result {
    let (name, unit) = (stem(metric), unit(metric));
    let mut series = encoder.encode_descriptor(&name, metric.help, unit.as_ref(), kind(metric))?;
    match metric.kind {
        Kind::Counter => series.encode_counter::<NoLabelSet, f64, f64>(&value, None),
        _ => series.encode_gauge(&value),
    }
}

/// Seconds that all threads have spent on a processor.
pub(crate) fn cpu_s() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Memory in RAM, where the kernel says it.
pub(crate) fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = kilobytes.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1_024)
}

fn open_fds() -> Option<f64> {
    let folder = "/proc/self/fd";
    // Since Linux 6.2 its size is their number; before, they have to be listed.
    match fs::metadata(folder).ok()?.len() {
        0 => Some(fs::read_dir(folder).ok()?.count() as f64),
        count => Some(count as f64),
    }
}

fn max_fds() -> Option<f64> {
    getrlimit(Resource::Nofile).current.map(|count| count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_knows_this_process() {
        let open = open_fds().unwrap();
        assert!(open >= 3.0 && max_fds().unwrap() >= open);
        assert!(resident_bytes().unwrap() > 100_000);
        assert!((0.0..1e6).contains(&cpu_s()));
        let files: Vec<_> = (0..10).map(|_| fs::File::open("/proc/self/stat").unwrap()).collect();
        // Other tests open and close some, too.
        assert!(open_fds().unwrap() > files.len() as f64);
    }
}
