//! Access: with the key, or without a key for anything but web pages.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use switchboard_ws::authority::Authority;

use crate::access::Access;
use crate::config::ApiKey;
use crate::error::ApiError;
use crate::state::ApiState;

/// Admits or refuses a request before any of its body is read.
pub(crate) async fn guard(
    State(state): State<Arc<ApiState>>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    match &state.config.api_key {
        // Load balancers check health without a key; the answer gives nothing away, and the
        // connection counts as a stranger's.
        Some(_) if request.uri().path() == "/health" => return Ok(next.run(request).await),
        Some(key) => check_key(key, request.headers())?,
        None => check_local(&request)?,
    }
    if let Some(access) = request.extensions().get::<Access>() {
        access.grant();
    }
    Ok(next.run(request).await)
}

fn check_key(key: &ApiKey, headers: &HeaderMap) -> Result<(), ApiError> {
    let own = headers.get("x-api-key").map(axum::http::HeaderValue::as_bytes);
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| bearer(value.as_bytes()));
    if own.into_iter().chain(bearer).any(|given| key.matches(given)) {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::UNAUTHORIZED,
        "unauthorized",
        "send the API key as `X-API-Key` or `Authorization: Bearer`",
    ))
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    const SCHEME: &[u8] = b"bearer ";
    let (scheme, token) = value.split_at_checked(SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then(|| token.trim_ascii())
}

/// A web page open on this machine could reach the API on loopback. Browsers reveal it by `Origin`,
/// or by a `Host` that an attacker's name server points to 127.0.0.1.
fn check_local(request: &Request) -> Result<(), ApiError> {
    let refuse =
        |code, message: &'static str| Err(ApiError::new(StatusCode::FORBIDDEN, code, message));
    if request.headers().contains_key(header::ORIGIN) {
        return refuse(
            "forbidden_origin",
            "requests from web pages (with `Origin`) need an API key (api_key)",
        );
    }
    let hosts = request.headers().get_all(header::HOST).iter();
    let target = request.uri().authority().map(|authority| authority.as_str().as_bytes());
    let mut hosts = hosts.map(axum::http::HeaderValue::as_bytes).chain(target);
    if hosts.all(is_loopback) {
        return Ok(());
    }
    refuse(
        "forbidden_host",
        "without an API key (api_key) `Host` must be localhost, 127.0.0.1 or [::1]",
    )
}

/// Whether a `Host` names this machine's loopback: `localhost`, 127.0.0.0/8 or `[::1]`, with any
/// port.
fn is_loopback(host: &[u8]) -> bool {
    let Some(name) = Authority::parse(host).map(|authority| authority.host()) else {
        return false;
    };
    let address = match name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
        Some(v6) => v6.parse().map(IpAddr::V6).ok(),
        None => name.parse().map(IpAddr::V4).ok(),
    };
    name.eq_ignore_ascii_case("localhost") || address.is_some_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert!(is_loopback(host.as_bytes()), "{host}");
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
            assert!(!is_loopback(host.as_bytes()), "{host}");
        }
    }

    #[test]
    fn bearer_scheme_is_case_insensitive() {
        assert_eq!(bearer(b"BEARER  abc "), Some(&b"abc"[..]));
        assert_eq!(bearer(b"Basic abc"), None);
        assert_eq!(bearer(b"bear"), None);
    }
}
