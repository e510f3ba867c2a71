//! How much memory the control groups of this process allow.

use std::fs;
use std::path::{Component, Path};

/// The smallest limit of this process's own group and the groups above it, in bytes; `u64::MAX`
/// without any.
pub(crate) fn memory_limit() -> u64 {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    limit_within(Path::new("/sys/fs/cgroup"), &groups)
}

/// As [`memory_limit`], where the groups are mounted at `mount`. `groups` is the text of
/// `/proc/self/cgroup`, with one `hierarchy:controllers:path` a line.
fn limit_within(mount: &Path, groups: &str) -> u64 {
    groups.lines().filter_map(|line| hierarchy_limit(mount, line)).min().unwrap_or(u64::MAX)
}

fn hierarchy_limit(mount: &Path, line: &str) -> Option<u64> {
    let mut fields = line.splitn(3, ':');
    let (hierarchy, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
    let (root, file) = if controllers.split(',').any(|controller| controller == "memory") {
        // Version 1: a hierarchy for each set of controllers.
        (mount.join("memory"), "memory.limit_in_bytes")
    } else if hierarchy == "0" {
        (mount.to_owned(), "memory.max")
    } else {
        return None;
    };
    // A group outside of the namespace of this process is shown with `..`: what is mounted is then
    // all that can be seen of it.
    let own = path.trim_start_matches('/');
    let inside = Path::new(own).components().all(|part| matches!(part, Component::Normal(_)));
    let group = if inside { root.join(own) } else { root.clone() };
    // In a container the path may be that of the host and the mount the group itself, so groups
    // that are not there are passed over. "max" is no number.
    group
        .ancestors()
        .take_while(|folder| folder.starts_with(&root))
        .filter_map(|folder| fs::read_to_string(folder.join(file)).ok())
        .filter_map(|text| text.trim().parse().ok())
        .min()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    /// What version 1 says of a group without a limit.
    const NO_LIMIT_V1: &str = "9223372036854771712\n";

    /// A mount with these files, removed at the end.
    struct Mount(PathBuf);

    impl Mount {
        fn new(files: &[(&str, &str)]) -> Self {
            let test = std::thread::current().name().unwrap_or("test").replace("::", "-");
            let mount = std::env::temp_dir().join(format!("{}-{test}", std::process::id()));
            for (path, text) in files {
                let path = mount.join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            Self(mount)
        }

        fn limit(&self, groups: &str) -> u64 {
            limit_within(&self.0, groups)
        }
    }

    impl Drop for Mount {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    #[test]
    fn version_2_the_own_group_and_those_above_it_bound() {
        let mount = Mount::new(&[
            ("system.slice/memory.max", "3000\n"),
            ("system.slice/push.service/memory.max", "2000\n"),
            ("system.slice/push.service/below/memory.max", "1\n"),
            ("system.slice/open.service/memory.max", "max\n"),
            ("other.slice/memory.max", "1\n"),
        ]);
        assert_eq!(mount.limit("0::/system.slice/push.service\n"), 2_000);
        assert_eq!(mount.limit("0::/system.slice/open.service\n"), 3_000);
        assert_eq!(mount.limit("0::/free.slice\n"), u64::MAX);
        assert_eq!(mount.limit("0::/\n"), u64::MAX);
    }

    #[test]
    fn version_1_the_own_group_bounds_and_not_only_the_root() {
        let mount = Mount::new(&[
            ("memory/memory.limit_in_bytes", NO_LIMIT_V1),
            ("memory/docker/memory.limit_in_bytes", NO_LIMIT_V1),
            ("memory/docker/abc/memory.limit_in_bytes", "2000\n"),
            ("memory/docker/other/memory.limit_in_bytes", "1\n"),
        ]);
        let groups = "12:cpu,cpuacct:/docker/other\n5:memory:/docker/abc\n1:name=systemd:/x\n";
        assert_eq!(mount.limit(groups), 2_000);
        assert_eq!(mount.limit("5:memory:/docker\n"), 9_223_372_036_854_771_712);
        assert_eq!(mount.limit("5:hugetlb,memory:/docker/abc\n"), 2_000);
    }

    #[test]
    fn both_versions_at_once_bound_by_the_one_that_has_memory() {
        let mount = Mount::new(&[
            ("memory/docker/abc/memory.limit_in_bytes", "2000\n"),
            ("unified/docker/abc/cgroup.procs", "1\n"),
        ]);
        assert_eq!(mount.limit("5:memory:/docker/abc\n0::/docker/abc\n"), 2_000);
    }

    #[test]
    fn in_a_container_the_mount_is_the_own_group() {
        let v1 = [("memory/memory.limit_in_bytes", "2000\n")];
        assert_eq!(Mount::new(&v1).limit("5:memory:/docker/abc\n"), 2_000);
        let v2 = Mount::new(&[("memory.max", "2000\n")]);
        assert_eq!(v2.limit("0::/\n"), 2_000);
        assert_eq!(v2.limit("0::/../../abc\n"), 2_000);
    }

    #[test]
    fn what_cannot_be_read_bounds_nothing() {
        let mount = Mount::new(&[("memory.max", "many\n")]);
        for groups in ["", "nonsense\n", "0:\n", "0::/\n", "5:memory:/x\n"] {
            assert_eq!(mount.limit(groups), u64::MAX, "{groups:?}");
        }
    }
}
