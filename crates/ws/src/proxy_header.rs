//! The header of the PROXY protocol, versions 1 and 2, with which a proxy begins a connection: whose it is.
//!
//! A listener either expects it or does not; nobody looks whether it might be there.

use std::net::SocketAddr;

use ppp::{v1, v2};

/// A header of version 1 is a line of at most so many bytes.
const LINE_BYTES_MAX: usize = 107;
/// Of version 2: what proxies add to the addresses takes a few hundred.
const BYTES_MAX: usize = 4_096;
/// Of version 2: up to its length.
const FIXED_BYTES: usize = 16;

/// Of version 2: version and command of a connection that is the proxy's own, such as a health check.
const LOCAL: u8 = 0x20;

const LINE_START: &[u8] = b"PROXY ";

/// What begins a connection is no PROXY header, or one that is not understood.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the connection does not begin with a header of the PROXY protocol")]
pub struct NoProxyHeader;

/// A whole header.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ProxyHeader {
    /// How many bytes it takes.
    pub length: usize,
    /// The address of the client; none where the proxy speaks for itself, or does not know.
    pub client: Option<SocketAddr>,
}

/// Reads the header at the start of `received`; none while it is not whole.
///
/// # Errors
/// As soon as it cannot become a header any more.
pub fn parse(received: &[u8]) -> Result<Option<ProxyHeader>, NoProxyHeader> {
    if begins(received, LINE_START) {
        parse_line(received)
    } else if begins(received, v2::PROTOCOL_PREFIX) {
        parse_binary(received)
    } else {
        Err(NoProxyHeader)
    }
}

/// Whether it begins with `start`, as far as it has come.
fn begins(received: &[u8], start: &[u8]) -> bool {
    let length = received.len().min(start.len());
    received[..length] == start[..length]
}

fn parse_line(received: &[u8]) -> Result<Option<ProxyHeader>, NoProxyHeader> {
    let line = &received[..received.len().min(LINE_BYTES_MAX)];
    let Some(end) = memchr::memchr(b'\n', line) else {
        return if line.len() < LINE_BYTES_MAX { Ok(None) } else { Err(NoProxyHeader) };
    };
    let length = end + 1;
    let text = line[..end].strip_suffix(b"\r").ok_or(NoProxyHeader)?;
    if is_unknown(text) {
        return Ok(Some(ProxyHeader { length, client: None }));
    }
    // The parser underneath takes a CR for a space, a space for a CR, and ports with a sign.
    if memchr::memchr2(b'\r', b'+', text).is_some() {
        return Err(NoProxyHeader);
    }
    let header = v1::Header::try_from(&line[..length]).map_err(|_| NoProxyHeader)?;
    let client = match header.addresses {
        v1::Addresses::Unknown => None,
        v1::Addresses::Tcp4(it) => Some((it.source_address, it.source_port).into()),
        v1::Addresses::Tcp6(it) => Some((it.source_address, it.source_port).into()),
    };
    Ok(Some(ProxyHeader { length, client: client.map(canonical) }))
}

/// The proxy does not know whose the connection is. What it writes behind that means nothing, whatever it is (section
/// 2.1 of the protocol); the parser underneath wants four words at most.
fn is_unknown(text: &[u8]) -> bool {
    text.strip_prefix(b"PROXY UNKNOWN")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(b" "))
}

fn parse_binary(received: &[u8]) -> Result<Option<ProxyHeader>, NoProxyHeader> {
    let Some(fixed) = received.first_chunk::<FIXED_BYTES>() else {
        return Ok(None);
    };
    let length = FIXED_BYTES + usize::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    if length > BYTES_MAX {
        return Err(NoProxyHeader);
    }
    // Nobody knows, TCP over IPv4 and IPv6, and a Unix stream; connections with others are to be dropped (section 2.2).
    // Of the proxy's own connections nothing is looked at but the length.
    let is_local = fixed[12] == LOCAL;
    if !is_local && !matches!(fixed[13], 0x00 | 0x11 | 0x21 | 0x31) {
        return Err(NoProxyHeader);
    }
    let Some(whole) = received.get(..length) else {
        return Ok(None);
    };
    if is_local {
        return Ok(Some(ProxyHeader { length, client: None }));
    }
    let header = v2::Header::try_from(whole).map_err(|_| NoProxyHeader)?;
    if header.protocol == v2::Protocol::Datagram {
        return Err(NoProxyHeader);
    }
    let client = match header.addresses {
        v2::Addresses::IPv4(it) => Some((it.source_address, it.source_port).into()),
        v2::Addresses::IPv6(it) => Some((it.source_address, it.source_port).into()),
        v2::Addresses::Unspecified | v2::Addresses::Unix(_) => None,
    };
    Ok(Some(ProxyHeader { length, client: client.map(canonical) }))
}

/// IPv4 written as IPv6 is IPv4.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A header of version 2 with these parts.
    fn binary(command: u8, family: u8, addresses: &[u8], more: &[u8]) -> Vec<u8> {
        let mut header = v2::PROTOCOL_PREFIX.to_vec();
        header.extend_from_slice(&[command, family]);
        header.extend_from_slice(&((addresses.len() + more.len()) as u16).to_be_bytes());
        header.extend_from_slice(addresses);
        header.extend_from_slice(more);
        header
    }

    const IPV4: [u8; 12] = [192, 0, 2, 1, 127, 0, 0, 1, 0x30, 0x39, 0, 80];

    fn ipv6() -> Vec<u8> {
        let source = "2001:db8::1".parse::<std::net::Ipv6Addr>().unwrap().octets();
        [&source[..], &source[..], &[0x30, 0x39, 0, 80]].concat()
    }

    fn all() -> Vec<(Vec<u8>, Option<&'static str>)> {
        let line = |text: &str| text.as_bytes().to_vec();
        vec![
            (line("PROXY TCP4 192.0.2.1 127.0.0.1 12345 80\r\n"), Some("192.0.2.1:12345")),
            (line("PROXY TCP6 2001:db8::1 ::1 12345 80\r\n"), Some("[2001:db8::1]:12345")),
            (line("PROXY TCP6 ::ffff:192.0.2.1 ::1 12345 80\r\n"), Some("192.0.2.1:12345")),
            (line("PROXY UNKNOWN\r\n"), None),
            (line("PROXY UNKNOWN ffff::1 ::1 1 2\r\n"), None),
            (line("PROXY UNKNOWN more words than addresses and ports have\r\n"), None),
            (b"PROXY UNKNOWN \xff\r\r\n".to_vec(), None),
            (binary(0x21, 0x11, &IPV4, b""), Some("192.0.2.1:12345")),
            (binary(0x21, 0x11, &IPV4, &[4, 0, 2, 1, 2]), Some("192.0.2.1:12345")),
            (binary(0x21, 0x21, &ipv6(), b""), Some("[2001:db8::1]:12345")),
            (binary(0x21, 0x31, &[b'/'; 216], b""), None),
            (binary(0x21, 0x00, b"", b""), None),
            (binary(0x20, 0x00, b"", b""), None),
            (binary(0x20, 0x11, &IPV4, b""), None),
            (binary(0x20, 0x41, b"health check", b""), None),
        ]
    }

    #[test]
    fn headers_are_read_whole_however_they_are_split() {
        for (header, client) in all() {
            let length = header.len();
            for end in 0..length {
                assert_eq!(parse(&header[..end]), Ok(None), "{end} of {header:?}");
            }
            let client = client.map(|text| text.parse().unwrap());
            let followed = [&header[..], b"GET / HTTP/1.1\r\n"].concat();
            assert_eq!(parse(&followed), Ok(Some(ProxyHeader { length, client })), "{header:?}");
        }
    }

    #[test]
    fn what_is_no_header_is_refused_as_soon_as_that_is_clear() {
        let long = format!("PROXY UNKNOWN {}\r\n", "x".repeat(100));
        let texts = [
            "G",
            "GET / HTTP/1.1\r\n",
            "PROXX",
            "proxy TCP4",
            "PROXY\r\n",
            " PROXY ",
            "\r\n\r\nX",
            "PROXY TCP4 192.0.2.1 127.0.0.1 12345 80\n",
            "PROXY TCP4 192.0.2.1\r\n",
            "PROXY TCP4 ::1 ::1 1 2\r\n",
            "PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n",
            "PROXY TCP4 192.0.2.1 127.0.0.1 65536 80\r\n",
            "PROXY TCP4  192.0.2.1 127.0.0.1 1 2\r\n",
            "PROXY TCP4 300.0.2.1 127.0.0.1 1 2\r\n",
            "PROXY UNKNOWNS\r\n",
            "PROXY UNKNOWN \n",
            "PROXY TCP4 192.0.2.1 127.0.0.1 12345 80 \n",
            "PROXY TCP4 192.0.2.1 127.0.0.1 12345 +80\r\n",
            "PROXY\rTCP4 192.0.2.1 127.0.0.1 12345 80\r\n",
            "PROXY UDP4 192.0.2.1 127.0.0.1 1 2\r\n",
            &long,
        ];
        for text in texts {
            assert_eq!(parse(text.as_bytes()), Err(NoProxyHeader), "{text:?}");
        }
        for header in [
            binary(0x11, 0x11, &IPV4, b""),
            binary(0x22, 0x11, &IPV4, b""),
            binary(0x21, 0x12, &IPV4, b""),
            binary(0x21, 0x10, &IPV4, b""),
            binary(0x21, 0x41, &IPV4, b""),
            binary(0x21, 0x21, &IPV4, b""),
            binary(0x21, 0x11, &IPV4, &[0; 4_096]),
        ] {
            assert_eq!(parse(&header), Err(NoProxyHeader), "{header:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics_and_more_bytes_never_undo_an_answer(
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
            nth in any::<prop::sample::Index>(),
            more in prop::collection::vec(any::<u8>(), 0..50),
        ) {
            let all = all();
            let (mut bytes, _) = nth.get(&all).clone();
            for (at, byte) in damage {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            bytes.extend_from_slice(&more);
            let mut before = Ok(None);
            for end in 0..=bytes.len() {
                let now = parse(&bytes[..end]);
                prop_assert!(before == Ok(None) || now == before, "{before:?}, then {now:?}");
                before = now;
            }
        }
    }
}
