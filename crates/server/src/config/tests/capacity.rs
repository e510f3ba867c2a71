//! Cores, connections and memory.

use switchboard_plane::choice::{DirectDescriptors, Refusal, Release};

use super::{Words, file, flags, machine, problem};
use crate::config::machine::Machine;
use crate::config::report::Report;
use crate::config::value::PlaneChoice;

#[test]
fn what_channels_may_keep_is_told_before_memory_runs_out() {
    let more = flags(&["--shard-log-bytes-max", "1_000_000_000"]).unwrap();
    assert!(more.warnings[0].contains("shard_log_bytes_max"), "{:?}", more.warnings);
    assert_eq!(more.capacity.log_bytes, 4_000_000_000);
    let connections = ["--connections-max", "1000"];
    let usual = flags(&connections).unwrap().capacity;
    let fewer = [&connections[..], &["--channels-idle-max", "1000"]].concat();
    let fewer = flags(&fewer).unwrap().capacity;
    let less = usual.full_load_bytes() - fewer.full_load_bytes();
    assert_eq!(less, 99 * fewer.idle_channel_bytes);
    let report = Report { config: &file("[namespace.a]\nhistory_publications = 0").unwrap() };
    let report = report.to_string().replace("\n# ", " ");
    assert!(report.contains("8.0 MiB or 3600000 ms for clients that resume"), "{report}");
    assert!(report.contains("up to nothing for clients that resume"), "{report}");
}

#[test]
fn cores_are_named_or_counted() {
    assert_eq!(flags(&["--cores", "2"]).unwrap().cpus, [0, 1]);
    assert_eq!(flags(&["--pin", "5,0-1"]).unwrap().cpus, [5, 0, 1]);
}

#[test]
fn connections_are_bounded_by_what_the_plane_needs() {
    let uring = flags(&["--plane", "io_uring"]).unwrap();
    assert!(uring.capacity.connections_max > 1_000_000);
    let epoll = flags(&["--plane", "epoll"]).unwrap();
    assert!((15_000..20_000).contains(&epoll.capacity.connections_max));
    assert!(u64::from(epoll.connections_per_shard_max()) * 4 < 20_000);
    let asked = problem(flags(&["--plane", "epoll", "--connections-max", "20000"]));
    assert!(asked.contains("ulimit -n"), "{asked}");
    // `auto` counts with its fallback.
    let refused = Machine { io_uring: || Err(Refusal::Sysctl), ..machine() };
    let auto = Words::default().check(&refused).unwrap();
    assert_eq!(auto.settings.plane, PlaneChoice::Auto);
    assert_eq!(auto.capacity.connections_max, epoll.capacity.connections_max);
}

#[test]
fn a_kernel_that_releases_closed_descriptors_late_gets_those_of_the_process() {
    let late = || Ok(DirectDescriptors::Work(Release::Later));
    let late = Machine { io_uring: late, ..machine() };
    let epoll = flags(&["--plane", "epoll"]).unwrap();
    let config = Words::default().check(&late).unwrap();
    assert_eq!(config.capacity.connections_max, epoll.capacity.connections_max);
    let report = Report { config: &config }.to_string();
    assert!(
        report.contains("# plane: io_uring with process descriptors: the self-test"),
        "{report}"
    );

    let words = Words { flags: &["--io-uring-descriptors", "direct"], ..Words::default() };
    let report = Report { config: &words.check(&late).unwrap() }.to_string().replace("\n#   ", "");
    assert!(report.contains("# plane: none, since io_uring cannot run here"), "{report}");

    let process = flags(&["--io-uring-descriptors", "process"]).unwrap();
    assert_eq!(process.capacity.connections_max, epoll.capacity.connections_max);
}

#[test]
fn few_descriptors_are_warned_of_and_too_few_refused() {
    let config = |flags: &[&str], descriptors_max| {
        let machine = Machine { descriptors_max, ..machine() };
        Words { flags, ..Words::default() }.check(&machine).unwrap()
    };
    for flags in [&["--plane", "epoll"][..], &["--io-uring-descriptors", "process"]] {
        let enough = config(flags, 4_096);
        assert!(enough.capacity.shortage.is_none() && enough.warnings.is_empty());
        let few = config(flags, 1_024);
        assert!(few.capacity.shortage.is_none());
        assert!(few.warnings[0].contains("ulimit -n"), "{:?}", few.warnings);
        assert_eq!(few.settings.internal_connections_max, 256);
        let too_few = config(flags, 256);
        assert!(too_few.capacity.shortage.unwrap().contains("of 256 (ulimit -n)"));
        assert!(too_few.warnings.is_empty());
    }
    // Who names a number is served with it, or told that it cannot be.
    let named = [&["--plane", "epoll", "--cores", "1", "--connections-max", "20"][..]].concat();
    assert!(config(&named, 256).capacity.shortage.is_none());
}

#[test]
fn direct_descriptors_are_bounded_by_what_the_rings_need() {
    let config = |descriptors_max| {
        let machine = Machine { descriptors_max, ..machine() };
        Words { flags: &["--plane", "io_uring"], ..Words::default() }.check(&machine).unwrap()
    };
    // 64 of the program, 16 of each of 4 shards, a quarter for the internal API, and for each shard
    // one ring or more of as many slots as there are descriptors.
    assert!(config(160).capacity.shortage.unwrap().contains("each ring needs one of 160"));
    let capacity = config(176).capacity;
    assert!(capacity.shortage.is_none());
    // Of those, 64 refuse clients, and a quarter of 176 and 16 are the internal API's.
    assert_eq!(capacity.connections_max, 4 * (176 - 64 - 44 - 16));
}

#[test]
fn with_epoll_io_uring_is_not_even_asked_for() {
    let machine = Machine { io_uring: || panic!("asked"), ..machine() };
    Words { flags: &["--plane", "epoll"], ..Words::default() }.check(&machine).unwrap();
}

#[test]
fn more_connections_than_memory_is_a_warning() {
    let small = Machine { memory_bytes: 1 << 30, ..machine() };
    let words = Words { flags: &["--connections-max", "500000"], ..Words::default() };
    let config = words.check(&small).unwrap();
    assert!(config.warnings[0].contains("memory"), "{:?}", config.warnings);
    assert_eq!(config.capacity.connections_max, 500_000);
}

#[test]
fn tables_of_addresses_and_users_are_counted() {
    let connections = ["--connections-max", "100000"];
    let bytes = |more: &[&str]| {
        let config = flags(&[&connections[..], more].concat()).unwrap();
        config.capacity.limits_bytes(&config.settings)
    };
    assert_eq!(bytes(&[]), 0);
    let budgets = ["--joins-per-second-per-address", "5", "--publishes-per-second-per-user", "5"];
    assert_eq!(bytes(&budgets), 2 << 20);
    assert_eq!(bytes(&["--connections-per-user-max", "5"]), 3_900_000);
    // Where strangers can connect, their addresses are counted by default.
    assert_eq!(bytes(&["--listen", "0.0.0.0:8000"]), 3_900_000);
    let config = flags(&[&connections[..], &["--connections-per-user-max", "5"]].concat()).unwrap();
    let report = Report { config: &config }.to_string().replace("\n#     ", " ");
    assert!(report.contains("3.7 MiB the addresses and users that limits count"), "{report}");
}
