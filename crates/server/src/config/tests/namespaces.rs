//! Namespaces: what they say, inherit and add.

use switchboard_auth::Access;
use switchboard_hub::NamespaceId;

use super::{file, flags, problem};
use crate::config::value::SlowPolicy;

#[test]
fn namespaces_keep_their_rules() {
    let config = file(
        "demo_publish_per_second = 5\n[namespace.default]\npublish = true\n[namespace.news]\n\
         publish_per_second = 3\n[namespace.ticks]\nslow_policy = 'latest'",
    );
    let namespaces = config.unwrap().namespaces;
    assert_eq!(namespaces[NamespaceId::DEFAULT].publish, Access::Anyone);
    assert_eq!(namespaces.named("news").unwrap().publish_per_second, 3);
    assert_eq!(namespaces.named("news").unwrap().publish, Access::Nobody);
    assert_eq!(namespaces.named("ticks").unwrap().slow_policy, SlowPolicy::Latest);
    assert_eq!(namespaces.named("demo").unwrap().publish_per_second, 5);
    assert!(!namespaces.named("ticks").unwrap().lossy_plain);
    // The file may change the built-in namespace in part.
    let config = file("[namespace.demo]\npublish_per_second = 0").unwrap();
    let demo = config.namespaces.named("demo").unwrap();
    assert_eq!((demo.publish, demo.publish_per_second), (Access::Anyone, 0));
}

#[test]
fn namespaces_inherit_the_bounds_that_they_do_not_name() {
    let config = file(
        "log_publications_max = 10\nlog_bytes_max = 2_000_000\n[namespace.a]\n\
         log_bytes_max = 3_000_000\n[namespace.b]\nhistory_publications = 0\n\
         history_bytes = 70_000\nlog_publications_max = 20",
    );
    let namespaces = config.unwrap().namespaces;
    let of = |name: &str| {
        let namespace = namespaces.iter().find(|(known, _)| *known == name).unwrap().1;
        (namespace.log_publications_max, namespace.log_bytes_max, namespace.history_bytes)
    };
    assert_eq!(of("default"), (10, 2_000_000, 2_000_000));
    assert_eq!(of("a"), (10, 3_000_000, 2_000_000));
    // A history of nothing may have any size.
    assert_eq!(of("b"), (20, 2_000_000, 70_000));
    // A problem of the server's own keys is reported once, however many namespaces inherit them.
    let problem = problem(file("shard_log_bytes_max = 2_000_000\n[namespace.a]\n[namespace.b]"));
    assert!(problem.starts_with("log_bytes_max = 8388608: must not be larger"), "{problem}");
}

#[test]
fn who_joins_and_leaves_is_told_by_the_server_alone() {
    assert!(flags(&[]).unwrap().namespaces.named("presence").is_none());
    let default = "[namespace.default]\npublish = true\n";
    let config = file(&format!("{default}[namespace.chat]\njoin_leave = true")).unwrap();
    assert_eq!(config.namespaces.named("presence").unwrap().publish, Access::Nobody);
    // An operator may want it otherwise.
    let own = "[namespace.chat]\njoin_leave = true\n[namespace.presence]\npublish = true";
    assert_eq!(file(own).unwrap().namespaces.named("presence").unwrap().publish, Access::Anyone);
}
