//! `host[:port]`, as in the Host header and in origins (RFC 3986 section 3.2, without userinfo).

use std::net::Ipv6Addr;

/// A checked authority.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Authority<'a> {
    /// A registered name, an IPv4 address, or an IPv6 address in brackets. Not empty.
    host: &'a str,
    port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// Reads the whole of `text`; `None` when it is not an authority, has userinfo, an empty host
    /// or an empty port, or its port is not a number up to 65535.
    pub(crate) fn parse(text: &'a [u8]) -> Option<Self> {
        let text = str::from_utf8(text).ok()?;
        let (host, port) = if text.starts_with('[') {
            let end = text.find(']')? + 1;
            let (host, rest) = text.split_at(end);
            host[1..end - 1].parse::<Ipv6Addr>().ok()?;
            (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) })
        } else {
            let (host, port) = match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            };
            if host.is_empty() || !host.bytes().all(is_name_byte) {
                return None;
            }
            (host, port)
        };
        let port = match port {
            Some(digits) => Some(parse_port(digits)?),
            None => None,
        };
        Some(Self { host, port })
    }

    /// Whether both name the same host, in any case, and the same port. A port that one side
    /// leaves out is `default_port`; when there is no default, both must leave it out.
    pub(crate) fn is_same(&self, other: &Self, default_port: Option<u16>) -> bool {
        self.host.eq_ignore_ascii_case(other.host)
            && self.port.or(default_port) == other.port.or(default_port)
    }
}

fn parse_port(digits: &str) -> Option<u16> {
    let all_digits = (1..=5).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    if all_digits { digits.parse().ok() } else { None }
}

/// The bytes of a registered name: unreserved, percent signs, sub-delimiters.
const fn is_name_byte(byte: u8) -> bool {
    matches!(byte,
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~' | b'%' | b'!' | b'$'
        | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=')
}
