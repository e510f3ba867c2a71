//! Which origins pass, and which tricks do not.

use super::*;

/// The origin rule, with `https://app.example.org` and `http://localhost:3000` allowed.
fn origin_passes(host: &str, origin: &[u8]) -> bool {
    passes(host, origin, &["https://app.example.org", "http://localhost:3000"])
}

fn passes(host: &str, origin: &[u8], allowed: &[&str]) -> bool {
    let allowed: Vec<String> = allowed.iter().map(|&origin| origin.to_owned()).collect();
    let rules = Rules { protocols: &[], allowed_origins: Some(&allowed) };
    let head = format!("GET / HTTP/1.1\r\nHost: {host}\r\n{}Origin: ", with(""));
    match ask_head(&[head.as_bytes(), origin, b"\r\n\r\n"].concat(), &rules) {
        Ok(_) => true,
        Err(HandshakeError::OriginNotAllowed) => false,
        Err(other) => panic!("{host} {origin:?}: {other}"),
    }
}

#[test]
fn pages_of_the_same_host_and_of_allowed_origins_may_connect() {
    for (host, origin) in [
        ("example.com", "http://example.com"),
        ("example.com", "https://example.com"),
        ("EXAMPLE.com", "https://example.COM"),
        ("example.com:8000", "http://example.com:8000"),
        // The scheme says which port is meant when one side leaves it out.
        ("example.com:80", "http://example.com"),
        ("example.com:443", "https://example.com"),
        ("example.com", "https://example.com:443"),
        ("example.com", "HTTP://example.com:80"),
        ("example.com", "custom://example.com"),
        ("example.com:", "http://example.com"),
        ("127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("[::1]:8000", "http://[::1]:8000"),
        ("example.com.", "http://example.com."),
        ("example.com", "https://app.example.org"),
        ("example.com", "http://localhost:3000"),
    ] {
        assert!(origin_passes(host, origin.as_bytes()), "{origin} on {host}");
    }
}

#[test]
fn pages_of_other_hosts_may_not_connect() {
    for (host, origin) in [
        ("example.com", ""),
        ("example.com", "null"),
        ("example.com", "example.com"),
        ("example.com", "//example.com"),
        ("example.com", "http:example.com"),
        ("example.com", "http:/example.com"),
        ("example.com", "://example.com"),
        ("example.com", "ht tp://example.com"),
        ("example.com", "1http://example.com"),
        ("example.com", "http://"),
        // Prefixes, suffixes and what a careless reader takes for the host.
        ("example.com", "http://example.com.evil.org"),
        ("example.com", "http://evil-example.com"),
        ("example.com", "http://evil.example.com"),
        ("evil.example.com", "http://example.com"),
        ("example.com", "http://example.co"),
        ("example.com", "http://example.com."),
        ("example.com.", "http://example.com"),
        ("example.com", "http://user@example.com"),
        ("example.com", "http://example.com@evil.org"),
        ("example.com", "http://evil.org/example.com"),
        ("example.com", "http://example.com/"),
        ("example.com", "http://example.com?"),
        ("example.com", "http://example.com#"),
        ("example.com", "http://example.com\\evil.org"),
        ("example.com", "http://evil.org http://example.com"),
        ("example.com", "http://example.com http://evil.org"),
        ("example.com", "http://example.com, http://evil.org"),
        ("example.com", "http://example.com%2eevil.org"),
        // Ports.
        ("example.com", "http://example.com:8000"),
        ("example.com:8000", "http://example.com"),
        ("example.com:8000", "http://example.com:8001"),
        ("example.com:80", "https://example.com"),
        ("example.com:443", "http://example.com"),
        ("example.com", "http://example.com:443"),
        ("example.com", "custom://example.com:80"),
        ("example.com", "http://example.com:"),
        ("example.com", "http://example.com:+80"),
        ("example.com", "http://example.com:65616"),
        ("example.com", "http://example.com:000080"),
        // Allowed origins are compared byte for byte.
        ("example.com", "http://app.example.org"),
        ("example.com", "https://app.example.org:443"),
        ("example.com", "https://APP.example.org"),
        ("example.com", "https://app.example.org/"),
        ("example.com", "https://app.example.org.evil.org"),
        ("example.com", "http://localhost:30000"),
        ("example.com:", "http://example.com:"),
    ] {
        assert!(!origin_passes(host, origin.as_bytes()), "{origin} on {host:?}");
    }
    assert!(!origin_passes("example.com", b"http://example.com\xff"));
}

#[test]
fn a_star_allows_whatever_is_one_origin() {
    for origin in [
        "http://example.com",
        "https://evil.org:8443",
        "http://[::1]:3000",
        "chrome-extension://abcdefghijklmnop",
        "safari-web-extension://0A1B2C3D-0000-4000-8000-00000000ABCD",
        "capacitor://localhost",
        "ionic://",
        "file://",
        "null",
    ] {
        assert!(passes("example.com", origin.as_bytes(), &["*"]), "{origin}");
        assert!(passes("example.com", origin.as_bytes(), &["https://a.example", "*"]), "{origin}");
        assert!(origin == "http://example.com" || !passes("example.com", origin.as_bytes(), &[]));
    }
    for origin in [
        "",
        "*",
        "Null",
        "null, null",
        "evil.org",
        "://evil.org",
        "http:evil.org",
        "ht tp://evil.org",
        "http://evil.org/",
        "http://evil.org/path",
        "http://evil.org?",
        "http://evil.org:",
        "http://evil.org:99999",
        "http://user@evil.org",
        "http://evil.org http://example.com",
        "http://evil.org, http://example.com",
        "http://evil.org,example.com",
        "http://evil.org\"",
        "http://\u{e4}.example",
    ] {
        assert!(!passes("example.com", origin.as_bytes(), &["*"]), "{origin}");
    }
    assert!(!passes("example.com", b"http://\xff", &["*"]));
    let rules = Rules { protocols: &[], allowed_origins: Some(&["*".to_owned()]) };
    let twice = with("Origin: http://a.example\r\nOrigin: http://a.example\r\n");
    assert_eq!(ask(twice.as_bytes(), &rules), Err(HandshakeError::OriginRepeated));
}

#[test]
fn a_missing_origin_is_no_browser_and_two_are_refused() {
    assert!(plain(&with("")).is_ok());
    let twice = with("Origin: http://example.com\r\nOrigin: http://example.com\r\n");
    assert_eq!(plain(&twice), Err(HandshakeError::OriginRepeated));
    assert_eq!(HandshakeError::OriginNotAllowed.status(), 403);
    assert!(HandshakeError::OriginNotAllowed.to_string().contains("allowed_origins"));
}
