//! The configuration as people write it.

mod capacity;
mod documentation;
mod hooks;
mod identity;
mod namespaces;

use std::ffi::OsString;

use switchboard_auth::Access;
use switchboard_hub::NamespaceId;
use switchboard_plane::choice::{DirectDescriptors, Release};

use super::Config;
use super::check::check;
use super::error::{ConfigError, Problem};
use super::keys::Settings;
use super::machine::Machine;
use super::raw::Raw;
use super::report::Report;
use super::table::Key;
use super::value::Secrets;

/// A machine like many: 4 cores, 8 GiB, 20,000 descriptors, two million files.
fn machine() -> Machine {
    Machine {
        cpus: vec![0, 1, 4, 5],
        descriptors_max: 20_000,
        files_free: 2_000_000,
        ipv6: true,
        ipv6_loopback: true,
        memory_bytes: 8 << 30,
        io_uring: || Ok(DirectDescriptors::Work(Release::AtOnce)),
    }
}

/// A way to write a configuration.
#[derive(Default)]
struct Words<'a> {
    flags: &'a [&'a str],
    environment: &'a [(&'a str, &'a str)],
    file: &'a str,
}

impl Words<'_> {
    fn raw(&self) -> Raw {
        // The name is that of the test's thread, so that tests do not share a file.
        let test = std::thread::current().name().unwrap_or("test").replace("::", "-");
        let path = std::env::temp_dir().join(format!("{}-{test}.toml", std::process::id()));
        std::fs::write(&path, self.file).unwrap();
        let mut arguments = vec![OsString::from("switchboard"), "--config".into(), (&path).into()];
        arguments.extend(self.flags.iter().map(OsString::from));
        let environment = self.environment.iter().map(|(k, v)| (k.into(), v.into()));
        let raw = Raw::read(arguments, environment).unwrap();
        std::fs::remove_file(path).unwrap();
        raw
    }

    fn check(&self, machine: &Machine) -> Result<Config, Vec<Problem>> {
        check(&self.raw(), machine)
    }
}

fn flags(flags: &[&str]) -> Result<Config, Vec<Problem>> {
    Words { flags, ..Words::default() }.check(&machine())
}

fn file(file: &str) -> Result<Config, Vec<Problem>> {
    Words { file, ..Words::default() }.check(&machine())
}

/// The one problem of a configuration, as it is printed.
fn problem(result: Result<Config, Vec<Problem>>) -> String {
    let problems = result.map(|_| ()).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:#?}");
    problems[0].to_string()
}

#[test]
fn defaults_work_on_a_common_machine() {
    let config = flags(&[]).unwrap();
    assert_eq!(config.settings.listen.len(), 2);
    assert_eq!(config.cpus, [0, 1, 4, 5]);
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    assert!(config.capacity.connections_max > 1_000_000);
    assert!(config.settings.listen.iter().all(|address| address.ip().is_loopback()));
    let demo = config.namespaces.named("demo").unwrap();
    assert!(demo.publish == Access::Anyone && demo.publish_per_second > 0);
    assert_eq!(config.namespaces[NamespaceId::DEFAULT].publish, Access::Nobody);
}

#[test]
fn flags_win_over_environment_and_that_over_file() {
    let environment = &[("SWITCHBOARD_BACKLOG", "20"), ("SWITCHBOARD_CORES", "2"), ("HOME", "/")];
    let file = "backlog = 10\ncores = 1\nfragments_max = 7";
    let words = Words { flags: &["--backlog", "30"], environment, file };
    let settings = words.check(&machine()).unwrap().settings;
    assert_eq!((settings.backlog, settings.cores, settings.fragments_max), (30, Some(2), 7));
}

#[test]
fn lists_are_written_in_every_way() {
    let wanted = ["127.0.0.1:80".parse().unwrap(), "[::1]:80".parse().unwrap()];
    let both = "127.0.0.1:80, [::1]:80";
    assert_eq!(flags(&["--listen", both]).unwrap().settings.listen, wanted);
    let repeated = ["--listen", "127.0.0.1:80", "--listen", "[::1]:80"];
    assert_eq!(flags(&repeated).unwrap().settings.listen, wanted);
    let environment = &[("SWITCHBOARD_LISTEN", both)];
    let words = Words { environment, ..Words::default() };
    assert_eq!(words.check(&machine()).unwrap().settings.listen, wanted);
    let array = r#"listen = ["127.0.0.1:80", "[::1]:80"]"#;
    assert_eq!(file(array).unwrap().settings.listen, wanted);
    assert_eq!(file(r#"listen = "127.0.0.1:80""#).unwrap().settings.listen, wanted[..1]);
    assert!(problem(file("listen = []")).contains("at least one"));
    assert!(problem(file(r#"listen = ["127.0.0.1:80", 3]"#)).contains("list of texts"));
}

#[test]
fn switches_need_no_value_as_flags() {
    assert!(flags(&["--echo"]).unwrap().settings.echo);
    let config = flags(&["--demo=false", "--echo=true"]).unwrap();
    assert!(config.settings.echo && config.settings.demo == Some(false));
    assert_eq!(config.namespaces.iter().count(), 1);
}

#[test]
fn unknown_names_are_refused_with_the_nearest() {
    assert!(problem(file("lissten = 1")).contains("did you mean `listen`?"));
    assert!(problem(file("quux = 1")).contains("switchboard --help"));
    assert!(problem(file("apikey = 'secret-secret-secret'")).find("secret-").is_none());
    let nested = problem(file("[namespace.news]\npublsh = true"));
    assert!(nested.starts_with("namespace.news.publsh"), "{nested}");
    assert!(nested.contains("did you mean `publish`?"), "{nested}");
    let environment = &[("SWITCHBOARD_PING_INTERVAL", "1")];
    let variable = problem(Words { environment, ..Words::default() }.check(&machine()));
    assert!(variable.contains("SWITCHBOARD_PING_INTERVAL_MS?"), "{variable}");
    let error = Raw::read(["switchboard", "--internal-lisen"].map(OsString::from), []).unwrap_err();
    assert!(error.to_string().contains("--internal-listen"));
    assert_eq!(ConfigError::CommandLine(error).exit_code(), 64);
}

#[test]
fn service_links_of_kubernetes_are_not_ours() {
    let environment = &[
        ("SWITCHBOARD_SERVICE_HOST", "10.0.0.1"),
        ("SWITCHBOARD_SERVICE_PORT", "8000"),
        ("SWITCHBOARD_SERVICE_PORT_HTTP", "8000"),
        ("SWITCHBOARD_PORT", "tcp://10.0.0.1:8000"),
        ("SWITCHBOARD_PORT_8000_TCP_ADDR", "10.0.0.1"),
    ];
    Words { environment, ..Words::default() }.check(&machine()).unwrap();
    let environment = &[("SWITCHBOARD_PORT", "8000")];
    assert!(Words { environment, ..Words::default() }.check(&machine()).is_err());
}

#[test]
fn problems_name_key_value_and_what_is_right() {
    let cases = [
        ("ping_interval_ms = 10", "ping_interval_ms = 10 (file", "from 1000 to 3600000"),
        ("ping_interval_ms = '10'", "ping_interval_ms = ", "without quotes"),
        ("ping_interval_ms = -1", "ping_interval_ms = -1", "whole number"),
        ("demo = 1", "demo = 1", "true or false"),
        ("plane = 'kqueue'", "plane = ", "auto, io_uring, epoll"),
        ("internal_listen = 'localhost:1'", "internal_listen = ", "IP address and a port"),
        ("log = 'a=b=c'", "log = ", "filter such as"),
        ("log = ''", "log = ", "must not be empty"),
        ("api_key = 'short'", "api_key = (hidden)", "16 or more"),
        ("api_key = \"0123456789abcdef\\n\"", "api_key = (hidden)", "visible ASCII"),
        ("api_key = ['0123456789abcdef', 'b']", "api_key = (hidden)", "16 or more"),
        ("api_key = []", "api_key = (hidden)", "list of two"),
        ("api_key = ['0123456789abcdef', 1]", "api_key = (hidden)", "list of two"),
        (
            "api_key = ['0123456789abcdef', '1123456789abcdef', '2123456789abcdef']",
            "api_key = (hidden)",
            "at most 2",
        ),
        ("metrics_key = '0123456789abcdef'", "metrics_key = (hidden)", "`api_key`"),
        (
            "metrics_key = '0123456789abcdef'\napi_key = ['1123456789abcdef', '0123456789abcdef']",
            "metrics_key = (hidden)",
            "must differ",
        ),
        ("cores = 5", "cores = 5", "4 cores"),
        ("pin = '0,2'", "pin = ", "core 2 is not among"),
        ("pin = '0-1,1'", "pin = ", "core 1 twice"),
        ("pin = '1-0'", "pin = ", "such as 0,2-3"),
        ("pin = '0-99999999999'", "pin = ", "such as 0,2-3"),
        ("cores = 1\npin = '0'", "pin = ", "excludes `cores`"),
        ("internal_listen = '0.0.0.0:8001'", "internal_listen = ", "set `api_key`"),
        ("internal_listen = '127.0.0.1:8000'", "internal_listen = ", "must differ"),
        ("listen = ['0.0.0.0:1', '127.0.0.1:1']", "listen = ", "127.0.0.1:1 twice"),
        ("publish_bytes_max = 10_000_000", "publish_bytes_max = 10000000", "`log_bytes_max`"),
        ("log_bytes_max = 100_000_000", "log_bytes_max = 100000000", "`shard_log_bytes_max`"),
        ("stop_timeout_ms = 1_000", "close_timeout_ms = 2000", "`stop_timeout_ms`"),
        ("connections_max = 3", "connections_max = 3", "each of 4 shards"),
        ("connections_max = 5_000_000", "connections_max = 5000000", "fs.file-max"),
        ("namespace = 1", "namespace = 1", "[namespace.news]"),
        ("namespace.x = 1", "namespace.x = 1", "table of their own"),
        ("[namespace.'a:b']", "namespace.a:b", "first `:`"),
        ("[namespace.a]\npublish = 1", "namespace.a.publish = 1", "text in quotes"),
        ("[namespace.a]\nslow_policy = 'drop'", "namespace.a.slow_policy = ", "disconnect, skip"),
        (
            "[namespace.a]\nlog_bytes_max = 100_000_000",
            "namespace.a.log_bytes_max = 1",
            "shard_log",
        ),
        ("[namespace.a]\nlog_bytes_max = 70_000", "namespace.a.log_bytes_max = 7", "publish_bytes"),
        ("[namespace.a]\nhistory_bytes = 100_000_000", "namespace.a.history_bytes = ", "shard_log"),
        ("[namespace.a]\nhistory_bytes = 70_000", "namespace.a.history_bytes = ", "publish_bytes"),
        ("[namespace.a]\nhistory_ttl_ms = 0", "namespace.a.history_ttl_ms = 0", "from 100"),
        ("[namespace.a]\nlog_bytes_max = '1'", "namespace.a.log_bytes_max = ", "without quotes"),
        ("[namespace.presence]\njoin_leave = true", "namespace.presence.join_leave = ", "false"),
        ("long_poll_timeout_status = 200", "long_poll_timeout_status = 200", "304 or 408"),
        ("long_poll_timeout_status = '304'", "long_poll_timeout_status = ", "without quotes"),
        ("allowed_origins = ['*', 'app://x']", "allowed_origins = ", "leave the others out"),
    ];
    for (written, named, right) in cases {
        let problem = problem(file(written));
        assert!(problem.starts_with(named), "{written}: {problem}");
        assert!(problem.contains(right), "{written}: {problem}");
    }
}

#[test]
fn all_problems_are_told_at_once() {
    let problems = file("lissten = 1\necho = 1\nbacklog = 0").map(|_| ()).unwrap_err();
    assert_eq!(problems.len(), 3);
}

#[test]
fn a_file_that_is_none_is_told() {
    assert!(problem(file("listen = ")).contains("must be TOML"));
    let arguments = ["switchboard", "--config", "/nowhere/at/all"].map(OsString::from);
    let raw = Raw::read(arguments, []).unwrap();
    assert!(problem(check(&raw, &machine())).contains("No such file"));
}

#[test]
fn other_addresses_need_a_key() {
    let key = "api_key = '0123456789abcdef'\n";
    for address in ["0.0.0.0:1", "[::]:1", "10.0.0.1:1"] {
        let listen = format!("internal_listen = '{address}'");
        assert!(file(&listen).is_err());
        assert!(file(&format!("{key}{listen}")).is_ok());
    }
    for address in ["127.9.9.9:1", "[::1]:1", "[::ffff:127.0.0.1]:1"] {
        assert!(file(&format!("internal_listen = '{address}'")).is_ok());
    }
}

#[test]
fn a_key_may_have_a_successor_and_in_the_file_commas() {
    let keys = |words: Words<'_>| {
        let settings = words.check(&machine()).unwrap().settings;
        let keys: Vec<_> = settings.api_key.iter().flat_map(Secrets::all).collect();
        keys.into_iter().map(|key| key.expose().to_owned()).collect::<Vec<_>>()
    };
    let both = "0123456789abcdef,fedcba9876543210";
    let two: Vec<_> = both.split(',').collect();
    assert_eq!(
        keys(Words { environment: &[("SWITCHBOARD_API_KEY", both)], ..Words::default() }),
        two
    );
    assert_eq!(keys(Words { flags: &["--api-key", both], ..Words::default() }), two);
    let list = "api_key = ['0123456789abcdef', 'fedcba9876543210']";
    assert_eq!(keys(Words { file: list, ..Words::default() }), two);
    let file = format!("api_key = '{both}'");
    assert_eq!(keys(Words { file: &file, ..Words::default() }), [both]);
    let file = format!("api_key = ['{both}', 'fedcba9876543210']");
    assert_eq!(keys(Words { file: &file, ..Words::default() }), [both, two[1]]);
}

#[test]
fn origins_must_be_as_browsers_send_them() {
    let origins = |origin: &str| file(&format!("allowed_origins = [\"{origin}\"]"));
    for right in [
        "https://example.org",
        "http://localhost:3000",
        "http://[::1]:8000",
        "app://x",
        // Apps and extensions.
        "file://",
        "ionic://",
        "capacitor://localhost",
        "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
        "moz-extension://0a1b2c3d-0000-4000-8000-00000000abcd",
        "safari-web-extension://0A1B2C3D-0000-4000-8000-00000000ABCD",
    ] {
        let expected = [right.to_owned()];
        assert_eq!(origins(right).unwrap().settings.allowed_origins, expected, "{right}");
    }
    assert_eq!(flags(&["--allowed-origins=*"]).unwrap().settings.allowed_origins, ["*"]);
    for wrong in [
        "null",
        "example.org",
        "https://*.example.org",
        "https://example.org/",
        "https://Example.org",
        "https://example.org:443",
        "https://user@example.org",
        "https://",
        "http://[::1]:80",
        "ws://example.org:80",
        "https://example.org:",
        "https://example.org:http",
        "https://exämple.org",
        "file:///",
        "file:///home/page.html",
        "://example.org",
        "1app://x",
        "app://x y",
    ] {
        assert!(problem(origins(wrong)).contains("https://example.org, "), "{wrong}");
    }
}

#[test]
fn demo_is_for_this_machine_unless_it_is_set() {
    let has_demo = |words: &[&str]| flags(words).unwrap().namespaces.named("demo").is_some();
    for (listen, expected) in [
        ("127.0.0.1:80", true),
        ("127.9.9.9:80,[::1]:80", true),
        ("[::ffff:127.0.0.1]:80", true),
        ("0.0.0.0:80", false),
        ("[::]:80", false),
        ("10.1.2.3:80", false),
        ("127.0.0.1:80,10.1.2.3:80", false),
    ] {
        let listen = format!("--listen={listen}");
        assert_eq!(has_demo(&[&listen]), expected, "{listen}");
        assert!(
            has_demo(&[&listen, "--demo"]) && !has_demo(&[&listen, "--demo=false"]),
            "{listen}"
        );
    }
}

#[test]
fn without_ipv6_only_the_default_is_left_out() {
    for ipv6 in [false, true] {
        let machine = Machine { ipv6, ipv6_loopback: false, ..machine() };
        let config = Words::default().check(&machine).unwrap();
        assert!(config.settings.listen.iter().all(std::net::SocketAddr::is_ipv4));
        assert!(config.warnings[0].contains("no IPv6"));
    }
    let machine = Machine { ipv6: false, ..machine() };
    let words = Words { file: "listen = ['[::]:8000']", ..Words::default() };
    assert!(problem(words.check(&machine)).contains("has no IPv6"));
}

#[test]
fn the_report_is_a_configuration_of_the_same_meaning() {
    let config = Words {
        flags: &["--cores", "2", "--echo", "--listen", "127.0.0.1:0,[::1]:0"],
        environment: &[("SWITCHBOARD_API_KEY", "0123456789abcdef")],
        file: "allowed_origins = ['https://a.example']\n[namespace.'a \"b']\npublish = true",
    };
    let config = config.check(&machine()).unwrap();
    let report = Report { config: &config }.to_string();
    assert!(!report.contains("0123456789abcdef"));
    for said in [
        "# api_key is set and not shown # environment SWITCHBOARD_API_KEY",
        "cores = 2 # flag --cores",
        "backlog = 65535 # default",
        "allowed_origins = [\"https://a.example\"] # file ",
        "# shards: 2, on cores [0, 1]",
    ] {
        assert!(report.contains(said), "{said}\n{report}");
    }
    let again = file(&report).unwrap();
    let key = Settings::KEYS.iter().position(|key| key.name == "api_key").unwrap();
    assert_eq!(again.settings.api_key, None);
    for (at, (one, other)) in config.settings.shown().iter().zip(again.settings.shown()).enumerate()
    {
        assert!(at == key || *one == other, "{}", Settings::KEYS[at].name);
    }
    assert_eq!(again.namespaces.iter().count(), 1 + 2);
    assert_eq!(again.namespaces.named("a \"b").unwrap().publish, Access::Anyone);
}

#[test]
fn every_key_is_explained_and_its_default_passes() {
    for key in Settings::KEYS {
        let Key { name, explanation, .. } = key;
        assert!(explanation.ends_with('.') && !explanation.contains("  "), "{name}: {explanation}");
        if let Some(value) = (key.default)() {
            let config = file(&format!("{name} = {value}"));
            assert!(config.is_ok(), "{name} = {value}: {config:?}");
        }
    }
    super::command::command().debug_assert();
}
