//! CPU time, its medians, and tables of them.

use std::time::Duration;

/// Rounds that are not counted.
const WARM_UP_ROUNDS: usize = 2;

/// Runs `round` for each of the named designs in turn, `rounds` times, and prints a table: CPU time
/// of each design divided by `units`, compared with the first one.
pub(crate) fn table(
    names: &[String],
    rounds: usize,
    units: usize,
    mut round: impl FnMut(usize) -> Duration,
) {
    let mut figures: Vec<Vec<f64>> = names.iter().map(|_| Vec::new()).collect();
    for nth in 0..WARM_UP_ROUNDS + rounds {
        for (design, figures) in figures.iter_mut().enumerate() {
            let ns = round(design).as_nanos() as f64 / units as f64;
            if nth >= WARM_UP_ROUNDS {
                figures.push(ns);
            }
        }
    }
    let mut base = None;
    for (name, figures) in names.iter().zip(&mut figures) {
        figures.sort_by(f64::total_cmp);
        let median = figures[figures.len() / 2];
        let base = *base.get_or_insert(median);
        println!(
            "  {name:<58} {median:>7.0} ns ({:.0} .. {:.0})  x {:.2}",
            figures[0],
            figures[figures.len() - 1],
            median / base,
        );
    }
}

/// CPU time that the process takes for `work`, all its threads and those that the kernel runs for
/// it.
pub(crate) fn cpu_time(work: impl FnOnce()) -> Duration {
    let before = process_cpu_time();
    work();
    process_cpu_time().saturating_sub(before)
}

fn process_cpu_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a timespec to write to.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    assert_eq!(result, 0);
    Duration::new(time.tv_sec.cast_unsigned(), time.tv_nsec.cast_unsigned() as u32)
}
