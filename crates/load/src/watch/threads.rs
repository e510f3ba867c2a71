//! CPU of the threads of a process.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use crate::engine::clock;

/// How long each thread has run and has waited for a core, up to now.
#[derive(Debug, Clone, Default)]
pub(crate) struct Threads {
    at_ns: u64,
    threads: HashMap<i32, Time>,
}

#[derive(Debug, Clone, Default)]
struct Time {
    name: String,
    run_ns: u64,
    wait_ns: u64,
}

/// How busy a thread was in a stretch of time; 1 is a whole core.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Busy {
    pub(crate) tid: i32,
    pub(crate) name: String,
    /// Running.
    pub(crate) cpu: f64,
    /// Ready to run, but without a core.
    pub(crate) waiting: f64,
}

impl Threads {
    /// Reads all threads of a process.
    pub(crate) fn read(pid: &str) -> Self {
        let mut threads = HashMap::new();
        let tasks = fs::read_dir(Path::new("/proc").join(pid).join("task"));
        for task in tasks.into_iter().flatten().flatten() {
            let Some(tid) = task.file_name().to_str().and_then(|tid| tid.parse().ok()) else {
                continue;
            };
            if let Some(time) = Time::read(&task.path()) {
                threads.insert(tid, time);
            }
        }
        Self { at_ns: clock::now_ns(), threads }
    }

    /// Reads all threads of several processes, whose numbers tell them apart; nothing where there
    /// are none.
    pub(crate) fn of_all(pids: &[u32]) -> Option<Self> {
        let read = |pid: &u32| {
            let mut of_one = Self::read(&pid.to_string());
            if pids.len() > 1 {
                for time in of_one.threads.values_mut() {
                    time.name.push_str(" of ");
                    time.name.push_str(&pid.to_string());
                }
            }
            of_one
        };
        pids.iter().map(read).reduce(|mut all, more| {
            all.threads.extend(more.threads);
            all
        })
    }

    /// How busy each was since `earlier`, the busiest first.
    pub(crate) fn since(&self, earlier: &Self) -> Vec<Busy> {
        let elapsed_ns = self.at_ns.saturating_sub(earlier.at_ns).max(1) as f64;
        let mut busy: Vec<Busy> = self
            .threads
            .iter()
            .map(|(tid, now)| {
                let before = earlier.threads.get(tid).cloned().unwrap_or_default();
                Busy {
                    tid: *tid,
                    name: now.name.clone(),
                    cpu: now.run_ns.saturating_sub(before.run_ns) as f64 / elapsed_ns,
                    waiting: now.wait_ns.saturating_sub(before.wait_ns) as f64 / elapsed_ns,
                }
            })
            .collect();
        busy.sort_by(|a, b| b.cpu.total_cmp(&a.cpu));
        busy
    }

    /// Seconds of CPU that all threads together have used since `earlier`.
    pub(crate) fn cpu_seconds_since(&self, earlier: &Self) -> f64 {
        let elapsed_s = clock::seconds(self.at_ns.saturating_sub(earlier.at_ns));
        self.since(earlier).iter().map(|busy| busy.cpu * elapsed_s).sum()
    }
}

impl Time {
    fn read(task: &Path) -> Option<Self> {
        let schedstat = fs::read_to_string(task.join("schedstat")).ok()?;
        let mut fields = schedstat.split_whitespace().map(str::parse);
        let (run_ns, wait_ns) = (fields.next()?.ok()?, fields.next()?.ok()?);
        let name = fs::read_to_string(task.join("comm")).unwrap_or_default();
        Some(Self { name: name.trim_end().to_owned(), run_ns, wait_ns })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_works_is_seen_working() {
        let before = Threads::read("self");
        let until_ns = clock::now_ns() + 50 * clock::NS_PER_MS;
        while clock::now_ns() < until_ns {}
        let after = Threads::read("self");
        let busiest = &after.since(&before)[0];
        assert!(busiest.cpu > 0.1 && busiest.cpu < 1.2, "{busiest:?}");
        assert!(after.cpu_seconds_since(&before) > 0.005);
        let own = std::process::id();
        let all = Threads::of_all(&[own, std::os::unix::process::parent_id()]).unwrap();
        assert!(all.threads.len() > after.threads.len().min(1));
        assert!(Threads::of_all(&[]).is_none());
        let named = |pids: &[u32]| {
            let all = Threads::of_all(pids).unwrap();
            all.threads.values().filter(|time| time.name.ends_with(&format!(" of {own}"))).count()
        };
        assert!(named(&[own, std::os::unix::process::parent_id()]) > 0 && named(&[own]) == 0);
    }
}
