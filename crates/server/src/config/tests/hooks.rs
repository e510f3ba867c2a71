//! Backends that are asked and told.

use switchboard_auth::Access;
use switchboard_hooks::Hook;

use super::{file, problem};
use crate::config::hook_values::{EventName, HeaderName};
use crate::config::report::Report;
use crate::derive;

const CONNECT: &str = "[hook.connect]\nurl = 'http://127.0.0.1:9/c'\n";

#[test]
fn a_backend_has_its_bounds_and_the_rest_by_default() {
    let config = file(&format!(
        "{CONNECT}timeout_ms = 250\nheaders = ['Cookie', 'X-Request-Id']\n\
         static_headers = {{ X-Key = 'a: b', Authorization = 'Bearer hush-hush' }}\n\
         secret = 'a-secret-that-nobody-knows'\n\
         [hook.events]\nurl = 'https://b.example/'\nevents = ['occupied', 'vacated']\ndebounce_ms = 0",
    ))
    .unwrap();
    let connect = &config.hooks.asked[&Hook::Connect];
    assert_eq!((connect.timeout_ms, connect.concurrency_max, connect.queue_max), (250, 64, 1_024));
    let names: Vec<&str> = connect.headers.iter().map(HeaderName::name).collect();
    assert_eq!(names, ["cookie", "x-request-id"]);
    assert_eq!(connect.static_headers.expose()["x-key"], "a: b");
    let events = config.hooks.events.as_ref().unwrap();
    assert_eq!(events.events, [EventName("occupied"), EventName("vacated")]);
    assert_eq!((events.batch_ms, events.debounce_ms), (100, 0));
    let derived = derive::hooks_config(&config.hooks);
    assert!(derived.asked[&Hook::Connect].endpoint.signer.is_some() && derived.events.is_some());
    let rules = derive::shard_config(&config, &[0; 32]).hooks;
    assert_eq!(rules.connect.unwrap(), ["cookie".into(), "x-request-id".into()]);
    assert!(rules.subscribe.is_none() && !rules.refresh && !rules.message);
    let report = Report { config: &config }.to_string();
    for line in
        ["[hook.connect]", "timeout_ms = 250", "# secret is set and not shown", "[hook.events]"]
    {
        assert!(report.lines().any(|have| have == line), "{line}: {report}");
    }
    for text in [report, format!("{config:?}")] {
        assert!(!text.contains("nobody-knows") && !text.contains("hush-hush"), "{text}");
    }
}

#[test]
fn what_is_wrong_with_a_backend_is_said() {
    let url = "url = 'http://a/'\n";
    for (table, key, why) in [
        ("[hook.conect]".to_owned(), "hook.conect", "[hook.connect]"),
        ("[hook.connect]".to_owned(), "hook.connect.url", "must be set"),
        ("[hook.connect]\nurl = 'a'".to_owned(), "hook.connect.url", "http://"),
        ("[hook.connect]\nurl = 'http://me:pw@a/'".to_owned(), "hook.connect.url", "password"),
        (format!("[hook.connect]\n{url}timeout = 5"), "hook.connect.timeout", "`timeout_ms`"),
        (format!("[hook.connect]\n{url}timeout_ms = 5"), "hook.connect.timeout_ms", "from 10 to"),
        (
            format!("[hook.connect]\n{url}headers = ['host']"),
            "hook.connect.headers",
            "server's own",
        ),
        (
            format!("[hook.connect]\n{url}headers = ['a b']"),
            "hook.connect.headers",
            "name of a header",
        ),
        (format!("[hook.publish]\n{url}headers = ['cookie']"), "hook.publish.headers", "not kept"),
        (
            format!("[hook.connect]\n{url}static_headers = ['a']"),
            "static_headers = (hidden)",
            "table",
        ),
        (
            format!("[hook.connect]\n{url}static_headers = {{ Te = 'x' }}"),
            "(hidden)",
            "server's own",
        ),
        (
            format!("[hook.connect]\n{url}static_headers = {{ A = 'x', a = 'y' }}"),
            "(hidden)",
            "twice",
        ),
        (format!("[hook.connect]\n{url}static_headers = {{ A = 5 }}"), "(hidden)", "texts"),
        (format!("[hook.connect]\n{url}secret = 'short'"), "hook.connect.secret = (hidden)", "16"),
        (
            format!("[hook.events]\n{url}concurrency_max = 2"),
            "hook.events.concurrency_max",
            "not known",
        ),
        (format!("[hook.events]\n{url}events = ['gone']"), "hook.events.events", "occupied"),
        (format!("[hook.events]\n{url}events = []"), "hook.events.events", "must name"),
        ("hook = 5".to_owned(), "hook", "[hook.connect]"),
        ("[hook]\nconnect = 'http://a/'".to_owned(), "hook", "[hook.connect]"),
    ] {
        let problem = problem(file(&table));
        assert!(problem.contains(key) && problem.contains(why), "{table}: {problem}");
    }
}

#[test]
fn rights_that_a_backend_decides_need_it() {
    let rights = "[namespace.a]\nsubscribe = 'hook'\n[namespace.b]\npublish = 'hook'\n";
    let problems: Vec<_> = file(rights).unwrap_err().iter().map(ToString::to_string).collect();
    assert!(
        problems[0].contains("namespace.a.subscribe") && problems[0].contains("[hook.subscribe]")
    );
    assert!(problems[1].contains("namespace.b.publish") && problems[1].contains("[hook.publish]"));
    let hooks = "[hook.subscribe]\nurl = 'http://a/'\n[hook.publish]\nurl = 'http://a/'";
    let config = file(&format!("{rights}{hooks}")).unwrap();
    assert_eq!(config.namespaces.named("a").unwrap().subscribe, Access::Hook);
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    for right in ["presence", "history"] {
        let problem = problem(file(&format!("[namespace.a]\n{right} = 'hook'\n")));
        assert!(
            problem.contains(right) && problem.contains("`subscribe` and `publish`"),
            "{problem}"
        );
    }
    let unused = file(hooks).unwrap().warnings.join("\n");
    assert!(
        unused.contains("[hook.subscribe] is never asked") && unused.contains("publish"),
        "{unused}"
    );
}

#[test]
fn a_connect_hook_says_who_clients_are() {
    let open = "listen = ['0.0.0.0:8000']\ndemo = false\n";
    let warnings = file(&format!("{open}{CONNECT}")).unwrap().warnings.join("\n");
    assert!(!warnings.contains("may listen to it"), "{warnings}");
    assert!(warnings.contains("has no `headers`"), "{warnings}");
    let rights = "[namespace.a]\nsubscribe = 'authenticated'\n";
    assert!(file(&format!("{CONNECT}{rights}")).is_ok());
    let every = format!("allowed_origins = ['*']\n{CONNECT}headers = ['Cookie']");
    let problem = problem(file(&every));
    assert!(problem.contains("allowed_origins") && problem.contains("cookie"), "{problem}");
}
