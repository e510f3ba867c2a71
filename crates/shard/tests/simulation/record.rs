//! What was published, as the homes said it.

use std::collections::HashMap;

use switchboard_hub::{Epoch, Position};

/// All streams of all channels. Each publication has a number of its own, by which clients know it.
#[derive(Debug, Default)]
pub(crate) struct Record {
    /// How many offsets the server may leave out between two publications.
    offset_skip_max: u64,
    streams: HashMap<String, Vec<Stream>>,
    positions: HashMap<u64, Position>,
    /// Publications that were answered.
    pub(crate) answered: u64,
}

#[derive(Debug)]
struct Stream {
    epoch: Epoch,
    /// Those that were given, in order.
    offsets: Vec<u64>,
}

impl Stream {
    fn head(&self) -> u64 {
        self.offsets.last().copied().unwrap_or_default()
    }
}

impl Record {
    pub(crate) fn new(offset_skip_max: u32) -> Self {
        Self { offset_skip_max: offset_skip_max.into(), ..Self::default() }
    }

    /// The home gave a publication its position.
    pub(crate) fn note(&mut self, channel: &str, position: Position, serial: u64) {
        let streams = self.streams.entry(channel.to_owned()).or_default();
        if streams.last().is_none_or(|stream| stream.epoch != position.epoch) {
            assert!(streams.iter().all(|old| old.epoch != position.epoch), "an epoch came back");
            streams.push(Stream { epoch: position.epoch, offsets: Vec::new() });
        }
        let Some(stream) = streams.last_mut() else { return };
        let expected = stream.head() + 1..=stream.head() + 1 + self.offset_skip_max;
        assert!(expected.contains(&position.offset), "{position} is not in {expected:?}");
        stream.offsets.push(position.offset);
        assert!(self.positions.insert(serial, position).is_none());
        self.answered += 1;
    }

    /// Where a publication is.
    pub(crate) fn position(&self, serial: u64) -> Option<Position> {
        self.positions.get(&serial).copied()
    }

    /// Where the newest stream of a channel stands, as far as publications tell.
    pub(crate) fn head(&self, channel: &str) -> Option<Position> {
        let stream = self.streams.get(channel)?.last()?;
        Some(Position { epoch: stream.epoch, offset: stream.head() })
    }

    fn stream(&self, channel: &str, epoch: Epoch) -> Option<&Stream> {
        let mut streams = self.streams.get(channel)?.iter();
        streams.find(|stream| stream.epoch == epoch)
    }

    /// Where a client stands that gets the publication at a position next.
    pub(crate) fn place_before(&self, channel: &str, position: Position) -> Position {
        let offsets = self.stream(channel, position.epoch).map_or(&[][..], |it| &it.offsets);
        let earlier = offsets.iter().take_while(|offset| **offset < position.offset);
        Position { offset: earlier.last().copied().unwrap_or_default(), ..position }
    }

    /// How many publications followed a position in its stream.
    pub(crate) fn count_after(&self, channel: &str, position: Position) -> u64 {
        let offsets = self.stream(channel, position.epoch).map_or(&[][..], |it| &it.offsets);
        offsets.iter().filter(|offset| **offset > position.offset).count() as u64
    }

    /// Whether a stream has come as far as this.
    pub(crate) fn reaches(&self, channel: &str, position: Position) -> bool {
        self.stream(channel, position.epoch).map_or(0, Stream::head) >= position.offset
    }
}

/// A payload names its channel and number and repeats both, so that foreign bytes show.
pub(crate) fn payload(channel: &str, serial: u64, filler: usize) -> String {
    let mut filler = "x".repeat(filler + 1);
    if serial.is_multiple_of(5) {
        let middle = filler.len() / 2;
        filler.insert(middle, '\n');
    }
    format!("{channel} {serial} {filler} {channel}#{serial}")
}

/// The number in a payload, if it is whole.
pub(crate) fn serial_of(channels: &[String], text: &str) -> (usize, u64) {
    let parts: Vec<&str> = text.split(' ').collect();
    let [channel, serial, filler, check] = parts[..] else { panic!("foreign bytes: {text}") };
    assert_eq!(check, format!("{channel}#{serial}"));
    assert!(filler.bytes().all(|byte| matches!(byte, b'x' | b'\n')), "foreign bytes: {text}");
    let own = channels.iter().position(|own| own == channel);
    (own.unwrap_or_else(|| panic!("foreign channel {channel}")), serial.parse().unwrap())
}
