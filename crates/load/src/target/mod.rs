//! Where connections go: the URLs, and the local addresses they come from.

mod deal;
mod sources;
mod targets;
mod template;
mod tokens;

use template::TemplateError;

pub(crate) use sources::local_ports;
pub(crate) use targets::Targets;
pub(crate) use template::{Template, Values};
pub(crate) use tokens::Tokens;

use std::net::{SocketAddr, ToSocketAddrs as _};

/// A URL whose path may have placeholders, and the address behind it.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// As it was given.
    pub(crate) url: String,
    /// The first address that the host resolves to.
    pub(crate) address: SocketAddr,
    /// The value of the Host header.
    pub(crate) host: String,
    /// Path and query.
    pub(crate) path: Template,
}

/// What is wrong with a URL.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TargetError {
    #[error("{0}: the URL must begin with {1}://")]
    Scheme(String, &'static str),
    #[error("{0}: TLS is not supported, use {1}://")]
    Tls(String, &'static str),
    #[error("{0}: the URL has no host")]
    Host(String),
    #[error("{0}: the port must be a number from 1 to 65535")]
    Port(String),
    #[error("{0}: the URL has a space or a control character")]
    Character(String),
    #[error("{0}: {1}")]
    Template(String, TemplateError),
    #[error("{0}: the host does not resolve: {1}")]
    Resolve(String, std::io::Error),
    #[error("{0}: the host resolves to no address")]
    NoAddress(String),
}

impl Target {
    /// Reads `scheme://host[:port][/path]`, where the scheme is `ws` or `http`, and resolves the
    /// host.
    pub(crate) fn parse(url: &str, scheme: &'static str) -> Result<Self, TargetError> {
        let given = || url.to_owned();
        if url.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(TargetError::Character(given()));
        }
        let (found, rest) =
            url.split_once("://").ok_or_else(|| TargetError::Scheme(given(), scheme))?;
        if found.eq_ignore_ascii_case("wss") || found.eq_ignore_ascii_case("https") {
            return Err(TargetError::Tls(given(), scheme));
        }
        if !found.eq_ignore_ascii_case(scheme) {
            return Err(TargetError::Scheme(given(), scheme));
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (name, port) = split_authority(authority).ok_or_else(|| TargetError::Port(given()))?;
        if name.is_empty() {
            return Err(TargetError::Host(given()));
        }
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let path =
            Template::strict(&path).map_err(|error| TargetError::Template(given(), error))?;
        let address = (name, port)
            .to_socket_addrs()
            .map_err(|error| TargetError::Resolve(given(), error))?
            .next()
            .ok_or_else(|| TargetError::NoAddress(given()))?;
        Ok(Self { url: given(), address, host: authority.to_owned(), path })
    }

    /// Whether it stays on this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        self.address.ip().to_canonical().is_loopback()
    }
}

/// The host without brackets, and the port, 80 when there is none.
fn split_authority(authority: &str) -> Option<(&str, u16)> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (name, port) = rest.split_once(']')?;
        let port = if port.is_empty() { "80" } else { port.strip_prefix(':')? };
        return Some((name, parse_port(port)?));
    }
    match authority.split_once(':') {
        Some((name, port)) => Some((name, parse_port(port)?)),
        None => Some((authority, 80)),
    }
}

fn parse_port(port: &str) -> Option<u16> {
    port.parse().ok().filter(|port| *port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        for (url, address, host) in [
            ("ws://127.0.0.1:8000/sub/{channel}", "127.0.0.1:8000", "127.0.0.1:8000"),
            ("ws://127.0.0.9", "127.0.0.9:80", "127.0.0.9"),
            ("WS://[::1]:9000?x={i}", "[::1]:9000", "[::1]:9000"),
            ("ws://[::1]/", "[::1]:80", "[::1]"),
        ] {
            let target = Target::parse(url, "ws").unwrap();
            assert_eq!(target.address, address.parse().unwrap(), "{url}");
            assert_eq!(target.host, host, "{url}");
            assert!(target.is_loopback());
        }
        assert!(!Target::parse("ws://192.0.2.1:80/", "ws").unwrap().is_loopback());
        assert!(Target::parse("ws://[::ffff:127.0.0.1]:80/", "ws").unwrap().is_loopback());
    }

    #[test]
    fn what_is_no_url_is_refused_with_a_reason() {
        for (url, reason) in [
            ("127.0.0.1:8000", "must begin with ws://"),
            ("http://127.0.0.1/", "must begin with ws://"),
            ("wss://127.0.0.1/", "TLS"),
            ("ws://:80/", "no host"),
            ("ws://127.0.0.1:0/", "port"),
            ("ws://127.0.0.1:x/", "port"),
            ("ws://127.0.0.1:80/a b", "space"),
            ("ws://127.0.0.1:80/{chanel}", "{chanel}"),
        ] {
            let error = Target::parse(url, "ws").unwrap_err().to_string();
            assert!(error.contains(reason), "{url}: {error}");
        }
    }
}
