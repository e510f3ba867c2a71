//! Whatever a client writes into the headers of proxies, what its own proxy appends is believed, and nobody else.

use std::net::{IpAddr, SocketAddr};

use switchboard_ws::forwarded::{ForwardedHeader, client};
use switchboard_ws::head::{self, HeadLimits, HeaderSlots};

const PROXY: &str = "10.0.0.1:40000";
const CLIENT: &str = "192.0.2.1";

/// The input is what a client writes, in lines.
pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let lines: Vec<String> = text.lines().map(in_header).collect();
    for header in [ForwardedHeader::XForwardedFor, ForwardedHeader::Forwarded] {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let Some(found) = found(header, &lines) else { return };
        check_found(header, &lines, found);
        check_appended(header, &lines);
    }
}

/// What may stand in a header line.
fn in_header(line: &str) -> String {
    line.chars().filter(|c| !c.is_control()).take(300).collect()
}

fn is_trusted(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V4(ip) if ip.octets()[0] == 10)
}

/// None where the head is longer than one may be.
fn found(header: ForwardedHeader, lines: &[&str]) -> Option<SocketAddr> {
    let name = match header {
        ForwardedHeader::XForwardedFor => "X-Forwarded-For",
        ForwardedHeader::Forwarded => "Forwarded",
    };
    let mut bytes = String::from("GET / HTTP/1.1\r\nHost: a\r\n");
    for line in lines {
        bytes.extend([name, ": ", line, "\r\n"]);
    }
    bytes.push_str("\r\n");
    let limits = HeadLimits::default();
    let mut slots = HeaderSlots::new();
    let end = head::find_end(bytes.as_bytes(), 0, &limits).ok()??;
    let request = head::parse(&bytes.as_bytes()[..end], &mut slots, &limits).ok()?;
    Some(client(&request, header, PROXY.parse().expect("an address"), is_trusted))
}

/// An address that is told stands there. Of `X-Forwarded-For` it is the last that is not trusted.
fn check_found(header: ForwardedHeader, lines: &[&str], found: SocketAddr) {
    let all = lines.join(",");
    if found.to_string() != PROXY {
        let ip = found.ip().to_string();
        let stands_there = |text: &str| text.to_ascii_lowercase().contains(&ip);
        let is_written = stands_there(&all) || all.contains(':');
        assert!(is_written, "{found} does not stand in {all}");
    }
    if header == ForwardedHeader::XForwardedFor {
        let mut expected: SocketAddr = PROXY.parse().expect("an address");
        for hop in all.rsplit(',').map(str::trim_ascii).filter(|hop| !hop.is_empty()) {
            let Some(address) = address(hop) else { break };
            expected = address;
            if !is_trusted(address.ip()) {
                break;
            }
        }
        assert_eq!(found, expected, "{all}");
    }
}

/// With or without a port, and with quotes around it or without.
fn address(hop: &str) -> Option<SocketAddr> {
    let bare = hop.strip_prefix('"').and_then(|hop| hop.strip_suffix('"')).unwrap_or(hop);
    let without_port = || {
        let ip: IpAddr = match bare.strip_prefix('[').and_then(|it| it.strip_suffix(']')) {
            Some(inside) => IpAddr::V6(inside.parse().ok()?),
            None => bare.parse().ok()?,
        };
        Some(SocketAddr::new(ip, 0))
    };
    let address = bare.parse().ok().or_else(without_port)?;
    Some(SocketAddr::new(address.ip().to_canonical(), address.port()))
}

/// The proxy appends to the last line, or adds one.
fn check_appended(header: ForwardedHeader, lines: &[&str]) {
    let hop = match header {
        ForwardedHeader::XForwardedFor => CLIENT.to_owned(),
        ForwardedHeader::Forwarded => format!("for={CLIENT};proto=http"),
    };
    let expected = SocketAddr::new(CLIENT.parse().expect("an address"), 0);
    let added: Vec<&str> = lines.iter().copied().chain([&*hop]).collect();
    let appended = lines.last().map(|last| format!("{last}, {hop}"));
    for lines in
        [Some(added), appended.as_ref().map(|last| replaced(lines, last))].into_iter().flatten()
    {
        assert!(found(header, &lines).is_none_or(|found| found == expected), "{lines:?}");
    }
}

fn replaced<'a>(lines: &[&'a str], last: &'a str) -> Vec<&'a str> {
    let mut lines = lines.to_vec();
    lines.pop();
    lines.push(last);
    lines
}
