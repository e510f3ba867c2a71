//! Which thread stays on which core.

use rustix::thread::{CpuSet, sched_getaffinity};

/// The cores that this process may use.
pub(super) fn allowed() -> Vec<usize> {
    let set = sched_getaffinity(None).unwrap_or_default();
    (0..CpuSet::MAX_CPU).filter(|cpu| set.is_set(*cpu)).collect()
}

/// A core for each of `threads`: the given ones in turn, or the last of the allowed ones.
pub(super) fn choose(
    given: Option<&str>,
    allowed: &[usize],
    threads: u32,
) -> Result<Vec<Option<usize>>, String> {
    let threads = threads as usize;
    let cpus = match given {
        Some("none") => return Ok(vec![None; threads]),
        Some(list) => parse(list)?,
        None => allowed[allowed.len().saturating_sub(threads)..].to_vec(),
    };
    if let Some(other) = cpus.iter().find(|cpu| !allowed.contains(cpu)) {
        return Err(format!("--pin: core {other} is not among those this process may use"));
    }
    if cpus.is_empty() {
        return Ok(vec![None; threads]);
    }
    Ok((0..threads).map(|thread| Some(cpus[thread % cpus.len()])).collect())
}

fn parse(list: &str) -> Result<Vec<usize>, String> {
    let mut cpus = Vec::new();
    for item in list.split(',') {
        let (first, last) = item.split_once('-').unwrap_or((item, item));
        match (first.trim().parse::<usize>(), last.trim().parse::<usize>()) {
            (Ok(first), Ok(last)) if first <= last && last < CpuSet::MAX_CPU => {
                cpus.extend(first..=last);
            }
            _ => return Err(format!("--pin: {item} is no core and no range of cores")),
        }
    }
    Ok(cpus)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_get_their_cores() {
        let allowed = [0, 1, 2, 3, 6];
        for (given, threads, expected) in [
            (None, 1, vec![Some(6)]),
            (None, 2, vec![Some(3), Some(6)]),
            (Some("0,2-3"), 4, vec![Some(0), Some(2), Some(3), Some(0)]),
            (Some("none"), 2, vec![None, None]),
        ] {
            assert_eq!(choose(given, &allowed, threads), Ok(expected), "{given:?}");
        }
        assert_eq!(choose(None, &[0], 2), Ok(vec![Some(0), Some(0)]));
        for wrong in ["", "x", "3-1", "5"] {
            assert!(choose(Some(wrong), &allowed, 1).is_err(), "{wrong}");
        }
    }
}
