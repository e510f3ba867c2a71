//! Access: with the key, or without a key for anything but web pages.

use std::fmt;

use subtle::ConstantTimeEq;
use switchboard_ws::authority::Authority;
use switchboard_ws::authorization::bearer;
use switchboard_ws::head::Request;

use crate::{ApiError, centrifugo};

/// Who may use the internal API.
#[derive(Clone, Debug, Default)]
pub struct AccessRules {
    /// The secrets of which requests must carry one: two while one takes the place of the other. Without
    /// any the API serves only programs on this machine, and the listener must be bound to loopback.
    pub keys: Vec<ApiKey>,
    /// A secret that opens `/metrics` and nothing else.
    pub metrics_key: Option<ApiKey>,
}

/// What a request that is not refused has shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Granted {
    /// It has access to everything.
    Access,
    /// Nothing: it asks what everybody may know, or for the metrics with the key to them.
    Public,
}

/// What load balancers ask without a key; the answers give nothing away.
const PUBLIC_PATHS: [&str; 2] = ["/health", "/ready"];

/// What the key to the metrics opens.
const METRICS_PATH: &str = "/metrics";

impl AccessRules {
    /// Admits or refuses a request by its head.
    ///
    /// # Errors
    /// 401 without the key that is needed; 403 where no key is needed and a web page may have sent it.
    pub fn check(&self, request: &Request<'_>) -> Result<Granted, ApiError> {
        if self.keys.is_empty() {
            return check_local(request);
        }
        if PUBLIC_PATHS.contains(&request.path()) {
            return Ok(Granted::Public);
        }
        self.check_keys(request)
    }

    fn check_keys(&self, request: &Request<'_>) -> Result<Granted, ApiError> {
        let own = request.header("x-api-key");
        let given = [own, request.header("authorization").and_then(bearer)];
        if opens(&self.keys, &given) {
            return Ok(Granted::Access);
        }
        if request.path() == METRICS_PATH && opens(self.metrics_key.as_slice(), &given) {
            return Ok(Granted::Public);
        }
        if !request.path().starts_with(centrifugo::PREFIX) {
            return refuse();
        }
        let given = centrifugo::key_in(request);
        if opens(&self.keys, &given.each_ref().map(Option::as_deref)) {
            return Ok(Granted::Access);
        }
        // Centrifugo's clients look at the status alone.
        Err(ApiError::without_body(401, "unauthorized"))
    }
}

/// Whether one of the keys was given. All are compared, so that the time does not tell which one it is.
fn opens(keys: &[ApiKey], given: &[Option<&[u8]>]) -> bool {
    let given = || given.iter().flatten();
    keys.iter().flat_map(|key| given().map(|given| key.matches(given))).fold(false, |a, b| a | b)
}

fn refuse() -> Result<Granted, ApiError> {
    Err(ApiError::new(
        401,
        "unauthorized",
        "send the API key as `X-API-Key` or `Authorization: Bearer`",
    ))
}

/// A web page open on this machine could reach the API on loopback. Browsers reveal it by `Origin`,
/// or by a `Host` that an attacker's name server points to 127.0.0.1.
fn check_local(request: &Request<'_>) -> Result<Granted, ApiError> {
    if request.header("origin").is_some() {
        let message = "requests from web pages (with `Origin`) need an API key (api_key)";
        return Err(ApiError::new(403, "forbidden_origin", message));
    }
    // The Host header, or the authority of an absolute target, which were checked to be the same.
    if request.host().is_none_or(is_loopback) {
        return Ok(Granted::Access);
    }
    let message = "without an API key (api_key) `Host` must be localhost, 127.0.0.1 or [::1]";
    Err(ApiError::new(403, "forbidden_host", message))
}

/// Whether a `Host` names this machine's loopback: `localhost`, 127.0.0.0/8 or `[::1]`, with any
/// port.
fn is_loopback(host: &str) -> bool {
    Authority::parse(host.as_bytes()).is_some_and(|authority| authority.is_loopback())
}

/// The secret of the internal API; never printed.
#[derive(Clone)]
pub struct ApiKey(Box<[u8]>);

impl ApiKey {
    /// Wraps a secret.
    pub fn new(key: &str) -> Self {
        Self(key.as_bytes().into())
    }

    /// Compares in a time that depends only on the lengths.
    fn matches(&self, given: &[u8]) -> bool {
        self.0.ct_eq(given).into()
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use switchboard_ws::head::{self, HeadLimits, HeaderSlots};

    use super::*;

    /// What the rules say of `GET {path}` with these header lines.
    fn check(rules: &AccessRules, path: &str, lines: &str) -> Result<Granted, (u16, &'static str)> {
        let head = format!("GET {path} HTTP/1.1\r\n{lines}\r\n\r\n");
        let mut slots = HeaderSlots::new();
        let request = head::parse(head.as_bytes(), &mut slots, &HeadLimits::default()).unwrap();
        rules.check(&request).map_err(|error| (error.status, error.code))
    }

    fn with_key() -> AccessRules {
        AccessRules { keys: vec![ApiKey::new("correct horse")], metrics_key: None }
    }

    #[test]
    fn the_key_is_needed_everywhere_but_for_health() {
        let rules = with_key();
        for line in [
            "Host: a",
            "Host: a\r\nX-API-Key: correct hors",
            "Host: a\r\nX-API-Key:",
            "Host: a\r\nAuthorization: correct horse",
            "Host: a\r\nAuthorization: Basic correct horse",
            "Host: a\r\nAuthorization: Bearer correct horses",
        ] {
            for path in ["/pub/a", "/pub", "/publish", "/counters", "/metrics", "/nowhere"] {
                assert_eq!(check(&rules, path, line), Err((401, "unauthorized")), "{line} {path}");
            }
            for path in ["/health", "/ready"] {
                assert_eq!(check(&rules, path, line), Ok(Granted::Public));
            }
        }
        assert!(!format!("{rules:?}").contains("horse"));
    }

    #[test]
    fn with_the_key_web_pages_and_other_hosts_are_welcome() {
        let others = "Host: example.org\r\nOrigin: https://example.org";
        for key in ["X-API-Key: correct horse", "Authorization: bearer correct horse"] {
            let lines = format!("{others}\r\n{key}");
            assert_eq!(check(&with_key(), "/pub/a", &lines), Ok(Granted::Access));
        }
    }

    #[test]
    fn either_of_two_keys_has_access() {
        let keys = ["correct horse", "battery staple"].map(ApiKey::new).into();
        let rules = AccessRules { keys, metrics_key: None };
        for key in ["correct horse", "battery staple"] {
            let line = format!("Host: a\r\nX-API-Key: {key}");
            assert_eq!(check(&rules, "/pub/a", &line), Ok(Granted::Access));
        }
        for key in ["correct horse,battery staple", "correct staple", ""] {
            let line = format!("Host: a\r\nX-API-Key: {key}");
            assert_eq!(check(&rules, "/pub/a", &line), Err((401, "unauthorized")));
        }
    }

    #[test]
    fn the_key_to_the_metrics_opens_nothing_else() {
        let rules = AccessRules { metrics_key: Some(ApiKey::new("read only")), ..with_key() };
        for line in ["X-API-Key: read only", "Authorization: Bearer read only"] {
            let lines = format!("Host: a\r\n{line}");
            assert_eq!(check(&rules, "/metrics", &lines), Ok(Granted::Public));
            assert_eq!(check(&rules, "/metrics?a=b", &lines), Ok(Granted::Public));
            for path in ["/counters", "/pub/a", "/pub", "/publish", "/slow", "/metrics/", "/"] {
                assert_eq!(check(&rules, path, &lines), Err((401, "unauthorized")), "{path}");
            }
        }
        let lines = "Host: a\r\nX-API-Key: correct horse";
        assert_eq!(check(&rules, "/metrics", lines), Ok(Granted::Access));
    }

    #[test]
    fn calls_of_centrifugos_api_show_the_key_in_three_ways_and_others_do_not() {
        let rules = with_key();
        let (key, query) = ("X-API-Key: correct horse", "/api/publish?api_key=correct%20horse");
        for (path, lines) in [
            ("/api/publish", format!("Host: a\r\n{key}")),
            ("/api/publish", "Host: a\r\nAuthorization: apikey correct horse".to_owned()),
            ("/api/info", "Host: a\r\nAuthorization: APIKEY correct horse".to_owned()),
            (query, "Host: a".to_owned()),
            ("/api/publish?a=b&api_key=correct+horse", "Host: a".to_owned()),
        ] {
            assert_eq!(check(&rules, path, &lines), Ok(Granted::Access), "{path} {lines}");
        }
        for (path, lines) in [
            ("/pub/a", "Host: a\r\nAuthorization: apikey correct horse"),
            ("/pub/a?api_key=correct%20horse", "Host: a"),
            ("/apis?api_key=correct%20horse", "Host: a"),
            ("/api/publish", "Host: a\r\nAuthorization: apikey correct hors"),
            ("/api/publish?api_key=", "Host: a"),
            ("/api/publish?api_key=wrong&api_key=correct%20horse", "Host: a"),
        ] {
            assert_eq!(check(&rules, path, lines), Err((401, "unauthorized")), "{path} {lines}");
        }
        let head = b"GET /api/publish HTTP/1.1\r\nHost: a\r\n\r\n";
        let mut slots = HeaderSlots::new();
        let request = head::parse(head, &mut slots, &HeadLimits::default()).unwrap();
        assert_eq!(rules.check(&request).unwrap_err().to_json(), b"");
    }

    #[test]
    fn without_a_key_web_pages_are_refused() {
        let rules = AccessRules::default();
        for origin in ["null", "http://127.0.0.1:8001", "https://evil.example"] {
            let lines = format!("Host: localhost\r\nOrigin: {origin}");
            assert_eq!(check(&rules, "/pub/a", &lines), Err((403, "forbidden_origin")));
        }
        for host in ["evil.example", "127.0.0.1.evil.example:8001", "192.168.0.1"] {
            let line = format!("Host: {host}");
            assert_eq!(check(&rules, "/health", &line), Err((403, "forbidden_host")));
            let target = format!("http://{host}/pub/a");
            assert_eq!(check(&rules, &target, &line), Err((403, "forbidden_host")));
        }
        assert_eq!(check(&rules, "/pub/a", "Host: localhost:8001"), Ok(Granted::Access));
        assert_eq!(check(&rules, "http://[::1]:1/", "Host: [::1]:1"), Ok(Granted::Access));
    }

    #[test]
    fn loopback_hosts_are_known_by_their_whole_name() {
        for host in [
            "localhost",
            "localhost:",
            "LOCALHOST:80",
            "127.0.0.1",
            "127.0.0.1:",
            "127.9.9.9:8001",
            "[::1]",
            "[::1]:1",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            ":",
            "localhost.",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "10.0.0.1",
            "[::1",
            "::1",
            "[::2]",
            "[::1]x",
            "[127.0.0.1]",
            "localhost:x",
            "a@localhost",
            "0.0.0.0",
            "localhost:1:2",
            "127.1",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
