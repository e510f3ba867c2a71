//! `host[:port]`, as in the Host header and in origins (RFC 3986 section 3.2, without userinfo).

use std::net::{IpAddr, Ipv6Addr};

/// A checked authority.
#[derive(Debug, Clone, Copy)]
pub struct Authority<'a> {
    host: &'a str,
    port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// Reads the whole of `text`; `None` when it is not an authority, has userinfo or an empty host,
    /// or its port is not a number up to 65535. An empty port counts as none (RFC 3986 section 3.2.3).
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let text = str::from_utf8(text).ok()?;
        let (host, port) = if text.starts_with('[') {
            let end = text.find(']')? + 1;
            let (host, rest) = text.split_at(end);
            host[1..end - 1].parse::<Ipv6Addr>().ok()?;
            (host, if rest.is_empty() { "" } else { rest.strip_prefix(':')? })
        } else {
            let (host, port) = text.split_once(':').unwrap_or((text, ""));
            if host.is_empty() || !is_name(host.as_bytes()) {
                return None;
            }
            (host, port)
        };
        let port = if port.is_empty() { None } else { Some(parse_port(port)?) };
        Some(Self { host, port })
    }

    /// A registered name, an IPv4 address, or an IPv6 address in brackets. Not empty.
    pub fn host(&self) -> &'a str {
        self.host
    }

    /// Whether it names the loopback of a machine: `localhost`, 127.0.0.0/8 or `[::1]`.
    pub fn is_loopback(&self) -> bool {
        let address = match self.host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
            Some(v6) => v6.parse().map(IpAddr::V6).ok(),
            None => self.host.parse().map(IpAddr::V4).ok(),
        };
        self.host.eq_ignore_ascii_case("localhost") || address.is_some_and(|ip| ip.is_loopback())
    }

    /// Whether `other` names this host, in any case, and this port, if this names one. Where `other`
    /// leaves its port out, it is that of http or https: which of them, a proxy may know.
    pub fn covers(&self, other: &Self) -> bool {
        let is_port = |port| other.port.map_or(matches!(port, 80 | 443), |other| other == port);
        self.host.eq_ignore_ascii_case(other.host) && self.port.is_none_or(is_port)
    }

    /// Whether both name the same host, in any case, and the same port. A port that one side
    /// leaves out is `default_port`; when there is no default, both must leave it out.
    pub fn is_same(&self, other: &Self, default_port: Option<u16>) -> bool {
        self.host.eq_ignore_ascii_case(other.host)
            && self.port.or(default_port) == other.port.or(default_port)
    }
}

/// The port that a scheme means when none is given.
pub fn default_port(scheme: &[u8]) -> Option<u16> {
    let is = |known: &[u8]| scheme.eq_ignore_ascii_case(known);
    if is(b"http") || is(b"ws") {
        Some(80)
    } else if is(b"https") || is(b"wss") {
        Some(443)
    } else {
        None
    }
}

fn parse_port(digits: &str) -> Option<u16> {
    let all_digits = (1..=5).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    if all_digits { digits.parse().ok() } else { None }
}

/// A registered name: unreserved bytes, sub-delimiters, and percent signs with two hexadecimal digits.
fn is_name(name: &[u8]) -> bool {
    let mut bytes = name.iter();
    while let Some(byte) = bytes.next() {
        let is_sound = match byte {
            b'%' => {
                let mut is_digit = || bytes.next().is_some_and(u8::is_ascii_hexdigit);
                is_digit() && is_digit()
            }
            byte => is_name_byte(*byte),
        };
        if !is_sound {
            return false;
        }
    }
    true
}

/// The bytes that stand for themselves in a registered name.
const fn is_name_byte(byte: u8) -> bool {
    matches!(byte,
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&'
        | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Option<(&str, Option<u16>)> {
        Authority::parse(text.as_bytes()).map(|Authority { host, port }| (host, port))
    }

    #[test]
    fn host_and_port_are_told_apart() {
        assert_eq!(parse("a.example"), Some(("a.example", None)));
        assert_eq!(parse("a.example:8000"), Some(("a.example", Some(8000))));
        assert_eq!(parse("[::1]:8000"), Some(("[::1]", Some(8000))));
        assert_eq!(parse("a%C3%a9"), Some(("a%C3%a9", None)));
    }

    #[test]
    fn an_empty_port_is_none() {
        assert_eq!(parse("a.example:"), Some(("a.example", None)));
        assert_eq!(parse("[::1]:"), Some(("[::1]", None)));
    }

    #[test]
    fn a_host_covers_its_ports_and_a_port_only_itself() {
        let covers = |one: &str, other: &str| {
            let parse = |text| Authority::parse(str::as_bytes(text)).unwrap();
            parse(one).covers(&parse(other))
        };
        for (one, other) in [
            ("a.example", "a.example"),
            ("a.example", "A.Example:8000"),
            ("a.example:8000", "a.example:8000"),
            ("a.example:443", "a.example"),
            ("a.example:80", "a.example"),
            ("[::1]", "[::1]:80"),
        ] {
            assert!(covers(one, other), "{one} {other}");
        }
        for (one, other) in [
            ("a.example", "a.example."),
            ("a.example", "b.a.example"),
            ("a.example", "a.example.org"),
            ("a.example:8000", "a.example:8001"),
            ("a.example:8000", "a.example"),
            ("a.example:443", "a.example:80"),
        ] {
            assert!(!covers(one, other), "{one} {other}");
        }
    }

    #[test]
    fn what_is_no_authority_is_refused() {
        for text in [
            "", ":", ":80", "a::", "a:b", "a:80:", "a:+1", "a:65536", "a:000080", "u@a", "a/b",
            "a b", "a%", "a%z", "a%4", "a%zz", "a%4z", "%", "[]", "[::1", "[::1]x", "[::g]", "::1",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
