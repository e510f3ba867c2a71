//! Which server was measured, as it says itself.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::setup::{checked_targets, headers};
use crate::cli::{Common, Publish};
use crate::http::{Part, Reader};
use crate::target::Target;

/// It is asked before the run, and a server that does not answer is measured all the same.
const PATIENCE: Duration = Duration::from_secs(1);
/// More than this is no answer to the question.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// The servers where publications go: what each is called, and what it says that it is.
#[derive(Debug, Default)]
pub(super) struct Servers(Vec<(String, Option<String>)>);

impl Servers {
    /// Asks all of them, unless the user says what is measured.
    pub(super) fn ask(common: &Common, publish: Option<&Publish>) -> Self {
        let publish = publish.filter(|publish| publish.publish_ws.is_empty());
        let Some(publish) = publish.filter(|_| common.label.is_none()) else {
            return Self::default();
        };
        let (urls, scheme) = match &publish.publish_stream[..] {
            [] => (&publish.publish_url, "http"),
            _ => (&publish.publish_stream, "ws"),
        };
        // What is wrong with a URL is said later.
        let Ok(targets) = checked_targets(urls, scheme, common.allow_remote, 1) else {
            return Self::default();
        };
        let names = targets.names().chain(std::iter::repeat(""));
        let described = |target| described(target, &publish.publish_header);
        let servers = targets.iter().map(described);
        Self(names.map(str::to_owned).zip(servers).collect())
    }

    /// What each says that it is, in the order of the URLs.
    pub(super) fn each(&self) -> impl Iterator<Item = &Option<String>> + Clone {
        self.0.iter().map(|(_, server)| server)
    }

    /// What all of them say, those together that say the same.
    pub(super) fn in_short(&self) -> Option<String> {
        let mut alike: Vec<(&str, Vec<&str>)> = Vec::new();
        for (name, server) in &self.0 {
            let Some(server) = server else { continue };
            match alike.iter_mut().find(|(said, _)| said == server) {
                Some((_, names)) => names.push(name),
                None => alike.push((server, vec![name.as_str()])),
            }
        }
        let sentence = |(said, names): &(&str, Vec<&str>)| match names[..] {
            [""] => (*said).to_owned(),
            _ => format!("{said} ({})", names.join(", ")),
        };
        let sentences: Vec<String> = alike.iter().map(sentence).collect();
        (!sentences.is_empty()).then(|| sentences.join(", "))
    }
}

/// What a server says that it is.
fn described(target: &Target, header_lines: &[String]) -> Option<String> {
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
    fn servers_that_say_the_same_are_named_together() {
        let servers = |all: &[(&str, Option<&str>)]| {
            let owned =
                |(name, said): &(&str, Option<&str>)| ((*name).to_owned(), said.map(str::to_owned));
            Servers(all.iter().map(owned).collect()).in_short()
        };
        assert_eq!(servers(&[]), None);
        assert_eq!(servers(&[("", Some("S on epoll"))]).unwrap(), "S on epoll");
        let [a, b, c] =
            [("a:1", Some("S on epoll")), ("b:1", Some("S on io_uring")), ("c:1", None)];
        let d = ("d:1", Some("S on epoll"));
        assert_eq!(servers(&[a, b, c, d]).unwrap(), "S on epoll (a:1, d:1), S on io_uring (b:1)");
        assert_eq!(servers(&[a, c]).unwrap(), "S on epoll (a:1)");
        assert_eq!(servers(&[c, c]), None);
    }

    #[test]
    fn the_version_and_the_plane_are_named() {
        let counters = br#"{"version":"0.4.0","plane":"epoll","total":{}}"#;
        assert_eq!(description(counters).unwrap(), "Switchboard 0.4.0 on epoll");
        for other in ["", "[]", r#"{"version":1,"plane":"epoll"}"#, r#"{"version":"1"}"#] {
            assert_eq!(description(other.as_bytes()), None, "{other}");
        }
    }
}
