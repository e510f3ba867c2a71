//! One operation in a process of its own under callgrind, which counts inside of
//! [`counted_by_callgrind`] only.

use std::io;
use std::process::Command;

/// Makes this program run one operation, once, and print how many times it did it.
pub(crate) const RUN_FLAG: &str = "--run";

/// The function that switches counting on and off, as callgrind's patterns name it.
const TOGGLE: &str = "--toggle-collect=*counted_by_callgrind*";

#[derive(Debug, thiserror::Error)]
pub(crate) enum CountError {
    #[error("the budgets are for x86-64 processors with AVX2, which this one has not")]
    Processor,
    #[error("cannot run valgrind: {0}; it is in the Debian package `valgrind`")]
    Start(#[from] io::Error),
    #[error("{name} under valgrind: {reason}\n{output}")]
    Run { name: &'static str, reason: &'static str, output: String },
}

/// Does something so many times and has its instructions counted, with those of this loop.
#[inline(never)]
pub(crate) fn counted_by_callgrind(times: u64, mut operation: impl FnMut()) -> u64 {
    for _ in 0..times {
        operation();
    }
    times
}

/// Whether the budgets say anything about this processor.
pub(crate) fn check_processor() -> Result<(), CountError> {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        return Ok(());
    }
    Err(CountError::Processor)
}

/// Instructions for one of the operation with this name.
pub(crate) fn count(name: &'static str) -> Result<f64, CountError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", TOGGLE])
        .arg(std::env::current_exe()?)
        .args([RUN_FLAG, name])
        // The environment lies on the stack and would move it.
        .env_clear()
        .env("PATH", path)
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let failed = |reason| CountError::Run { name, reason, output: said.clone() };
    if !output.status.success() {
        return Err(failed("it did not end well"));
    }
    let times = str::from_utf8(&output.stdout).ok().and_then(|text| text.trim().parse().ok());
    let times: u64 = times.ok_or_else(|| failed("it did not say how many operations it did"))?;
    match collected(&said) {
        Some(instructions) if instructions >= times && times > 0 => {
            Ok(instructions as f64 / times as f64)
        }
        _ => Err(failed("nothing was counted")),
    }
}

/// Callgrind's total: `==1234== Collected : 56789`.
fn collected(said: &str) -> Option<u64> {
    let total = said.lines().find_map(|line| line.split_once("Collected : "))?.1;
    total.trim().parse().ok()
}
