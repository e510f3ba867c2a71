//! The client's address as trusted proxies tell it: `X-Forwarded-For`, and `Forwarded` (RFC 7239).
//!
//! Each proxy appends the address that it was connected from, so what stands on the right was written
//! by the nearest proxy, and what stands on the left by anybody. The hops are read from the right for
//! as long as they are trusted.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use crate::head::Request;

/// The header in which proxies tell addresses. Only one is read: a client can add the one that its
/// proxy does not write.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`, which most proxies write.
    #[default]
    XForwardedFor,
    /// `Forwarded`.
    Forwarded,
}

impl ForwardedHeader {
    fn name(self) -> &'static str {
        match self {
            Self::XForwardedFor => "x-forwarded-for",
            Self::Forwarded => "forwarded",
        }
    }

    /// Cuts the last hop off a header line.
    fn split_last(self, line: &[u8]) -> (&[u8], &[u8]) {
        let at = match self {
            Self::XForwardedFor => line.iter().rposition(|byte| *byte == b','),
            Self::Forwarded => last_outside_quotes(line, b','),
        };
        at.map_or((b"", line), |at| (&line[..at], &line[at + 1..]))
    }

    /// The address that a hop tells, if it tells one.
    fn address(self, hop: &[u8]) -> Option<SocketAddr> {
        match self {
            Self::XForwardedFor => parse_address(unquoted(hop)),
            Self::Forwarded => parse_address(unquoted(for_parameter(hop)?)),
        }
    }
}

/// The client of a request that came from `proxy`, which is trusted: the last hop that is not trusted.
/// Where all are, it is the first of them. A hop that tells no address (garbage, `unknown`, a name that
/// hides it) ends the search, and the trusted hop behind it counts as the client.
pub fn client(
    request: &Request<'_>,
    header: ForwardedHeader,
    proxy: SocketAddr,
    is_trusted: impl Fn(IpAddr) -> bool,
) -> SocketAddr {
    let mut client = proxy;
    for line in request.headers(header.name()).rev() {
        let mut rest = line;
        while !rest.is_empty() {
            let (before, hop) = header.split_last(rest);
            rest = before;
            let hop = hop.trim_ascii();
            if hop.is_empty() {
                // Lists may have empty elements (RFC 9110 section 5.6.1.2).
                continue;
            }
            let Some(address) = header.address(hop) else {
                return client;
            };
            client = address;
            if !is_trusted(address.ip()) {
                return client;
            }
        }
    }
    client
}

/// From the right, so that a quote that a client leaves open hides nothing of what its proxy appends.
fn last_outside_quotes(text: &[u8], wanted: u8) -> Option<usize> {
    let mut is_quoted = false;
    text.iter().rposition(|byte| {
        is_quoted ^= *byte == b'"';
        *byte == wanted && !is_quoted
    })
}

/// The value of `for` among the parameters of a hop (RFC 7239 section 4). Each may stand there once.
fn for_parameter(hop: &[u8]) -> Option<&[u8]> {
    let mut rest = hop;
    let mut found = None;
    loop {
        let at = last_outside_quotes(rest, b';');
        let pair = at.map_or(rest, |at| &rest[at + 1..]).trim_ascii();
        if let Some((name, value)) = split_pair(pair)
            && name.eq_ignore_ascii_case(b"for")
            && found.replace(value).is_some()
        {
            return None;
        }
        let Some(at) = at else {
            return found;
        };
        rest = &rest[..at];
    }
}

fn split_pair(pair: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(b'=', pair)?;
    Some((pair[..at].trim_ascii(), pair[at + 1..].trim_ascii()))
}

/// Without the quotes around it. Addresses have nothing in them that needs a backslash.
fn unquoted(text: &[u8]) -> &[u8] {
    let inside = text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\""));
    inside.unwrap_or(text)
}

/// An address with or without a port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`,
/// `[2001:db8::1]:80`. Without one the port is 0. IPv4 written as IPv6 is IPv4.
fn parse_address(text: &[u8]) -> Option<SocketAddr> {
    let text = str::from_utf8(text).ok()?;
    let (ip, port) = match text.parse::<SocketAddr>() {
        Ok(address) => (address.ip(), address.port()),
        Err(_) => match text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
            Some(inside) => (IpAddr::V6(inside.parse::<Ipv6Addr>().ok()?), 0),
            None => (text.parse().ok()?, 0),
        },
    };
    Some(SocketAddr::new(ip.to_canonical(), port))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::head::{HeadLimits, HeaderSlots, parse};

    const PROXY: &str = "10.0.0.1:5000";

    /// The client of a request with these header lines; everything in 10/8 and in `fd00::/8` is trusted.
    fn found(header: ForwardedHeader, lines: &[&str]) -> String {
        let mut head = b"GET / HTTP/1.1\r\nHost: a\r\n".to_vec();
        for line in lines {
            head.extend_from_slice(format!("{}: {line}\r\n", header.name()).as_bytes());
        }
        // The other header, which nobody may be fooled by.
        let other = match header {
            ForwardedHeader::XForwardedFor => "Forwarded: for=9.9.9.9\r\n",
            ForwardedHeader::Forwarded => "X-Forwarded-For: 9.9.9.9\r\n",
        };
        head.extend_from_slice(other.as_bytes());
        head.extend_from_slice(b"\r\n");
        let mut slots = HeaderSlots::new();
        let request = parse(&head, &mut slots, &HeadLimits::default()).unwrap();
        let is_trusted = |ip: IpAddr| match ip {
            IpAddr::V4(v4) => v4.octets()[0] == 10,
            IpAddr::V6(v6) => v6.octets()[0] == 0xfd,
        };
        client(&request, header, PROXY.parse().unwrap(), is_trusted).to_string()
    }

    #[test]
    fn x_forwarded_for_is_read_from_the_right_to_the_first_untrusted_hop() {
        let all: [(&[&str], &str); 17] = [
            (&[], PROXY),
            (&[""], PROXY),
            (&["192.0.2.1"], "192.0.2.1:0"),
            (&["192.0.2.1:81"], "192.0.2.1:81"),
            (&["2001:db8::1"], "[2001:db8::1]:0"),
            (&["[2001:db8::1]"], "[2001:db8::1]:0"),
            (&["[2001:db8::1]:81"], "[2001:db8::1]:81"),
            (&["::ffff:192.0.2.1"], "192.0.2.1:0"),
            (&["1.2.3.4, 192.0.2.1"], "192.0.2.1:0"),
            (&["1.2.3.4, 192.0.2.1, 10.0.0.2 ,\tfd00::2"], "192.0.2.1:0"),
            (&["1.2.3.4", "192.0.2.1", "10.0.0.2"], "192.0.2.1:0"),
            (&["10.0.0.3, 10.0.0.2"], "10.0.0.3:0"),
            (&["192.0.2.1,, 10.0.0.2,"], "192.0.2.1:0"),
            (&["192.0.2.1, what, 10.0.0.3, 10.0.0.2"], "10.0.0.3:0"),
            (&["192.0.2.1, unknown"], PROXY),
            (&["192.0.2.1, 300.1.1.1"], PROXY),
            (&["192.0.2.1, 10.0.0.2:99999"], PROXY),
        ];
        for (lines, expected) in all {
            assert_eq!(found(ForwardedHeader::XForwardedFor, lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn forwarded_is_read_from_the_right_to_the_first_untrusted_hop() {
        let all: [(&[&str], &str); 16] = [
            (&[], PROXY),
            (&["for=192.0.2.1"], "192.0.2.1:0"),
            (&["For=\"192.0.2.1:81\";proto=https"], "192.0.2.1:81"),
            (&["proto=https;by=10.0.0.1; for = \"[2001:db8::1]:81\""], "[2001:db8::1]:81"),
            (&["for=\"[2001:db8::1]\""], "[2001:db8::1]:0"),
            (&["for=1.2.3.4, for=192.0.2.1, for=10.0.0.2"], "192.0.2.1:0"),
            (&["for=192.0.2.1;host=\"a,b;c\", for=10.0.0.2"], "192.0.2.1:0"),
            (&["for=1.2.3.4", "for=192.0.2.1", "for=10.0.0.2"], "192.0.2.1:0"),
            (&["for=1.2.3.4, proto=https"], PROXY),
            (&["for=1.2.3.4, for=unknown"], PROXY),
            (&["for=1.2.3.4, for=_hidden, for=10.0.0.2"], "10.0.0.2:0"),
            (&["for=1.2.3.4;for=1.2.3.5"], PROXY),
            (&["for="], PROXY),
            // A quote that the client leaves open.
            (&["for=\", for=192.0.2.1"], "192.0.2.1:0"),
            (&["for=\"1.2.3.4, for=192.0.2.1, for=10.0.0.2"], "192.0.2.1:0"),
            (&["for=\"\\", "for=192.0.2.1"], "192.0.2.1:0"),
        ];
        for (lines, expected) in all {
            assert_eq!(found(ForwardedHeader::Forwarded, lines), expected, "{lines:?}");
        }
    }

    proptest! {
        /// Whatever a client sends, what its proxy appends is believed.
        #[test]
        fn what_the_client_writes_never_hides_what_its_proxy_appends(
            of_client in "[ -~]{0,40}",
            is_appended in any::<bool>(),
            header in prop_oneof![
                Just(ForwardedHeader::XForwardedFor),
                Just(ForwardedHeader::Forwarded)
            ],
        ) {
            let hop = match header {
                ForwardedHeader::XForwardedFor => "192.0.2.1",
                ForwardedHeader::Forwarded => "for=192.0.2.1;proto=http",
            };
            let found = if is_appended {
                found(header, &[&format!("{of_client}, {hop}")])
            } else {
                found(header, &[&of_client, hop])
            };
            prop_assert_eq!(found, "192.0.2.1:0");
        }
    }
}
