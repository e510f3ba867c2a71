//! Which server was measured, as it says itself.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::setup::{checked_target, headers};
use crate::cli::{Common, Publish};
use crate::http::{Part, Reader};
use crate::target::Target;

/// It is asked before the run, and a server that does not answer is measured all the same.
const PATIENCE: Duration = Duration::from_secs(1);
/// More than this is no answer to the question.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// What is measured: as the user calls it, or as the server where publications go does.
pub(super) fn described(common: &Common, publish: Option<&Publish>) -> Option<String> {
    common.label.clone().or_else(|| {
        let publish = publish.filter(|publish| publish.publish_ws.is_none())?;
        let (url, scheme) = match &publish.publish_stream {
            Some(url) => (url, "ws"),
            None => (&publish.publish_url, "http"),
        };
        let target = checked_target(url, scheme, common.allow_remote).ok()?;
        ask(&target, &publish.publish_header)
    })
}

fn ask(target: &Target, header_lines: &[String]) -> Option<String> {
    let mut request =
        format!("GET /counters HTTP/1.1\r\nHost: {}\r\nConnection: close", target.host);
    for (name, value) in headers("--publish-header", header_lines).ok()? {
        for part in ["\r\n", &name, ": ", &value] {
            request.push_str(part);
        }
    }
    request.push_str("\r\n\r\n");
    let mut stream = TcpStream::connect_timeout(&target.address, PATIENCE).ok()?;
    stream.set_write_timeout(Some(PATIENCE)).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    description(&answer(&mut stream)?)
}

/// The body of the answer, when it is whole.
fn answer(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let until = Instant::now() + PATIENCE;
    let (mut reader, mut body, mut piece) = (Reader::default(), Vec::new(), [0; 16 << 10]);
    let mut read = 0;
    while read < ANSWER_BYTES_MAX {
        let left = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
        stream.set_read_timeout(Some(left)).ok()?;
        let count = stream.read(&mut piece).ok().filter(|count| *count > 0)?;
        read += count;
        reader.push(&piece[..count]);
        while let Some(part) = reader.next().ok()? {
            match part {
                Part::Head(head) if head.status != 200 => return None,
                Part::Head(_) => {}
                Part::Body(bytes) => body.extend_from_slice(bytes),
                Part::End => return Some(body),
            }
        }
    }
    None
}

/// Version and plane in `GET /counters` of Switchboard.
fn description(counters: &[u8]) -> Option<String> {
    let json: serde_json::Value = serde_json::from_slice(counters).ok()?;
    let (version, plane) = (json.get("version")?.as_str()?, json.get("plane")?.as_str()?);
    Some(format!("Switchboard {version} on {plane}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_and_the_plane_are_named() {
        let counters = br#"{"version":"0.4.0","plane":"epoll","total":{}}"#;
        assert_eq!(description(counters).unwrap(), "Switchboard 0.4.0 on epoll");
        for other in ["", "[]", r#"{"version":1,"plane":"epoll"}"#, r#"{"version":"1"}"#] {
            assert_eq!(description(other.as_bytes()), None, "{other}");
        }
    }
}
