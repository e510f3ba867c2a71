//! Keys of tokens, and rights that need them.

use switchboard_auth::Access;

use super::{file, flags, problem};

const SECRET: &str = "token_secret = '0123456789abcdef0123456789abcdef'\n";

#[test]
fn rights_are_words_and_need_a_key_for_tokens() {
    let rights = "[namespace.a]\nsubscribe = 'authenticated'\npublish = 'granted'\n\
                  history = 'nobody'\nuser_channels = ['a:{sub}']";
    let config = file(&format!("{SECRET}{rights}")).unwrap();
    let namespace = config.namespaces.named("a").unwrap();
    assert_eq!((namespace.subscribe, namespace.publish), (Access::Authenticated, Access::Granted));
    assert_eq!((namespace.history, namespace.presence), (Some(Access::Nobody), None));
    assert!(config.verifier.is_some());
    let problems: String = file(rights).unwrap_err().iter().map(ToString::to_string).collect();
    for key in ["namespace.a.subscribe", "namespace.a.publish"] {
        assert!(problems.contains(key), "{problems}");
    }
    assert!(problems.contains("token_secret") && !problems.contains("history"), "{problems}");
    assert!(file("[namespace.a]\nsubscribe = 'nobody'").unwrap().verifier.is_none());
    let wrong = problem(file(&format!("{SECRET}[namespace.a]\nsubscribe = 'all'")));
    assert!(wrong.contains("anyone, authenticated, granted, hook, nobody"), "{wrong}");
}

#[test]
fn channels_of_users_cannot_be_those_of_others() {
    for (patterns, why) in [
        ("'a:x{sub}'", "between colons"),
        ("'b:{sub}'", "begin with the name of the namespace"),
        ("'a:7'", "once"),
        ("'a:{sub}', 'a:x:{sub}'", "begin alike"),
    ] {
        let rights = format!("[namespace.a]\nsubscribe = 'granted'\nuser_channels = [{patterns}]");
        let wrong = problem(file(&format!("{SECRET}{rights}")));
        assert!(wrong.contains("namespace.a.user_channels") && wrong.contains(why), "{wrong}");
    }
    let open = problem(file("[namespace.a]\nuser_channels = ['a:{sub}']"));
    assert!(open.contains("does nothing"), "{open}");
    let tables =
        "[namespace.default]\nsubscribe = 'granted'\nuser_channels = ['a:{sub}']\n[namespace.a]";
    let shadowed = problem(file(&format!("{SECRET}{tables}")));
    assert!(shadowed.contains("[namespace.a]"), "{shadowed}");
}

#[test]
fn a_cookie_needs_a_key_and_origins_that_are_named() {
    let cookie = "token_cookie = 'session'\n";
    assert!(problem(file(cookie)).contains("token_cookie"));
    let every = format!("{SECRET}{cookie}allowed_origins = ['*']");
    let wrong = problem(file(&every));
    assert!(wrong.contains("allowed_origins") && wrong.contains("token_cookie"), "{wrong}");
    let one = format!("{SECRET}{cookie}allowed_origins = ['https://a.example']");
    assert_eq!(file(&one).unwrap().settings.token_cookie.as_deref(), Some("session"));
    assert!(problem(file(&format!("{SECRET}token_cookie = 'a b'"))).contains("name of a cookie"));
}

#[test]
fn files_of_keys_are_read_at_the_start() {
    let none = problem(file("token_key = ['/nowhere/key.pem']"));
    assert!(none.contains("token_key") && none.contains("/nowhere/key.pem"), "{none}");
    let this = problem(file(&format!("token_jwks_file = ['{}']", file!())));
    assert!(this.contains("token_jwks_file"), "{this}");
}

#[test]
fn strangers_and_short_secrets_are_warned_of() {
    let warnings = |arguments: &[&str]| flags(arguments).unwrap().warnings.join("\n");
    let open = ["--listen", "0.0.0.0:8000", "--demo=false"];
    assert!(warnings(&open).contains("may listen to it"));
    assert!(!warnings(&[]).contains("may listen to it"));
    let short = warnings(&["--listen", "0.0.0.0:8000", "--token-secret", "secret"]);
    assert!(short.contains("6 bytes") && !short.contains("may listen to it"), "{short}");
    let config = flags(&["--token-secret", "a very secret secret"]).unwrap();
    assert!(!format!("{config:?}").contains("very secret"));
}

#[test]
fn fetched_keys_come_from_a_place_that_can_be_trusted() {
    for url in ["https://id.example/keys", "http://127.0.0.1:9/keys", "http://localhost/keys"] {
        let config = flags(&["--token-jwks", url, "--listen", "0.0.0.0:8000"]).unwrap();
        assert!(config.verifier.is_some() && config.settings.takes_tokens());
        assert!(!config.warnings.join("\n").contains("may listen to it"));
    }
    for (url, why) in
        [("http://id.example/keys", "must be https"), ("id.example", "must be an address")]
    {
        let problem = problem(flags(&["--token-jwks", url]));
        assert!(problem.starts_with("token_jwks") && problem.contains(why), "{problem}");
    }
}
