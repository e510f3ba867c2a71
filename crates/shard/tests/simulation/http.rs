//! Heads of responses, read independently of what writes them.

use switchboard_hub::Position;

#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: u16,
    lines: Vec<(String, String)>,
}

impl Head {
    /// Takes a head from the front of what was received, when it is complete.
    pub(crate) fn take(received: &mut Vec<u8>) -> Option<Self> {
        let end = received.windows(4).position(|window| window == b"\r\n\r\n")?;
        let text = String::from_utf8(received.drain(..end + 4).collect()).unwrap();
        let mut lines = text.trim_end().split("\r\n");
        let status_line = lines.next().unwrap();
        let status = status_line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
        let status = status.unwrap_or_else(|| panic!("foreign bytes: {text}"));
        let lines = lines
            .map(|line| line.split_once(": ").unwrap_or_else(|| panic!("foreign bytes: {text}")))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        Some(Self { status: status.parse().unwrap(), lines })
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let mut values = self.lines.iter().filter(|(own, _)| own == name);
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} twice in {self:?}");
        value
    }

    pub(crate) fn body_bytes(&self) -> usize {
        match self.status {
            304 => 0,
            _ => self.get("content-length").unwrap().parse().unwrap(),
        }
    }
}

/// Positions as they are told: one for each channel, joined by commas.
pub(crate) fn positions(text: &str) -> Vec<Position> {
    text.split(',')
        .map(|item| item.parse().unwrap_or_else(|_| panic!("no position: {text}")))
        .collect()
}

/// `18-39`
pub(crate) fn range(text: &str) -> (u64, u64) {
    let (first, last) = text.split_once('-').unwrap();
    (first.parse().unwrap(), last.parse().unwrap())
}

/// Percent-decoding, of the one character that the names here have.
pub(crate) fn decoded(name: &str) -> String {
    name.replace("%3A", ":")
}

/// Which of its channels has the name.
pub(crate) fn nth_of(channels: &[String], name: &str) -> usize {
    let name = decoded(name);
    channels.iter().position(|own| *own == name).unwrap_or_else(|| panic!("foreign channel {name}"))
}
