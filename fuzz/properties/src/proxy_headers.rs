//! A header of the PROXY protocol is read as a reader of the whole one does, however it comes, and no byte more.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use switchboard_ws::proxy_header::{ProxyHeader, parse};

const LINE_BYTES_MAX: usize = 107;
const BYTES_MAX: usize = 4_096;
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// The input is what a connection begins with.
pub fn check(data: &[u8]) {
    let mut first = Ok(None);
    for end in (0..=data.len()).filter(|end| *end < 300 || *end % 64 == 0 || *end == data.len()) {
        let now = parse(&data[..end]);
        assert!(first == Ok(None) || first == now, "{first:?}, then {now:?} for {end} bytes");
        first = now;
    }
    match first {
        Ok(Some(header)) => {
            assert!(header.length <= data.len().min(BYTES_MAX));
            assert_eq!(Some(header), expected(&data[..header.length]), "{data:?}");
            // What was needed to know its length was all of it.
            assert_eq!(parse(&data[..header.length - 1]), Ok(None));
        }
        Ok(None) => assert!(is_beginning(data), "{data:?}"),
        Err(_) => {
            let whole = (1..=data.len().min(BYTES_MAX)).find_map(|end| expected(&data[..end]));
            assert_eq!(whole, None, "{data:?} is refused");
        }
    }
}

fn is_beginning(data: &[u8]) -> bool {
    let of = |start: &[u8]| data.starts_with(start) || start.starts_with(data);
    of(b"PROXY ") && data.len() < LINE_BYTES_MAX && !data.contains(&b'\n')
        || of(SIGNATURE) && data.len() < BYTES_MAX
}

/// A whole header and nothing else.
fn expected(header: &[u8]) -> Option<ProxyHeader> {
    let client = if header.starts_with(b"PROXY ") { line(header)? } else { binary(header)? };
    let client = client.map(|client| SocketAddr::new(client.ip().to_canonical(), client.port()));
    Some(ProxyHeader { length: header.len(), client })
}

/// Version 1: a line of text.
#[expect(clippy::option_option, reason = "a header without a client is one")]
fn line(header: &[u8]) -> Option<Option<SocketAddr>> {
    let line = header.strip_suffix(b"\r\n")?;
    if header.len() > LINE_BYTES_MAX || line.contains(&b'\n') {
        return None;
    }
    // What stands behind it is to be ignored.
    if line == b"PROXY UNKNOWN" || line.starts_with(b"PROXY UNKNOWN ") {
        return Some(None);
    }
    let line = str::from_utf8(line).ok()?;
    let words: Vec<&str> = line.split(' ').collect();
    match words[..] {
        ["PROXY", family, source, destination, port, other] => {
            let is_right = |ip: IpAddr| ip.is_ipv4() == (family == "TCP4");
            let [source, destination]: [IpAddr; 2] =
                [source.parse().ok()?, destination.parse().ok()?];
            number(other)?;
            let is_good =
                matches!(family, "TCP4" | "TCP6") && is_right(source) && is_right(destination);
            is_good.then_some(Some(SocketAddr::new(source, number(port)?)))
        }
        _ => None,
    }
}

/// A port, without leading zeros.
fn number(text: &str) -> Option<u16> {
    text.parse().ok().filter(|port: &u16| port.to_string() == text)
}

/// Version 2: 16 bytes, addresses, and what proxies add.
#[expect(clippy::option_option, reason = "a header without a client is one")]
fn binary(header: &[u8]) -> Option<Option<SocketAddr>> {
    let fixed = header.strip_prefix(SIGNATURE)?;
    let (fixed, rest) = fixed.split_at_checked(4)?;
    if usize::from(u16::from_be_bytes([fixed[2], fixed[3]])) != rest.len()
        || header.len() > BYTES_MAX
    {
        return None;
    }
    match fixed[0] {
        // The proxy's own: whatever else it says means nothing.
        0x20 => return Some(None),
        0x21 => {}
        _ => return None,
    }
    let port = |at: usize| u16::from_be_bytes([rest[at], rest[at + 1]]);
    Some(match fixed[1] {
        0x00 => None,
        0x11 => {
            let source: [u8; 4] = rest.get(..12)?[..4].try_into().ok()?;
            Some(SocketAddr::new(Ipv4Addr::from(source).into(), port(8)))
        }
        0x21 => {
            let source: [u8; 16] = rest.get(..36)?[..16].try_into().ok()?;
            Some(SocketAddr::new(Ipv6Addr::from(source).into(), port(32)))
        }
        0x31 => {
            rest.get(..216)?;
            None
        }
        _ => return None,
    })
}
