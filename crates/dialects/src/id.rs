//! The id from which a listener resumes: the positions of all its channels in the order of its URL,
//! joined by commas. The same text is the id of an event, `since`, and (quoted) the entity tag.
//!
//! Of many channels it is long. Where an entity tag would not fit in a head, it has another form: `~`
//! and, in base64 with the URL alphabet and without padding, for each channel six bytes of epoch and
//! the offset in groups of seven bits, the low ones first. Both forms are read wherever a client says
//! where it is.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use switchboard_hub::{Epoch, Position};

/// Begins the compact form.
const COMPACT: char = '~';
const EPOCH_BYTES: usize = 6;
/// Characters of an epoch and the dash behind it.
const EPOCH_CHARS: usize = 9;

/// Appends a position, after a comma unless it is the first.
pub fn push_position(out: &mut String, position: Position) {
    if !out.is_empty() {
        out.push(',');
    }
    out.push_str(position.epoch.as_str());
    out.push('-');
    out.push_str(itoa::Buffer::new().format(position.offset));
}

/// The positions at the start of an id of `channels` channels, in either form, and what follows them.
pub(crate) fn read(id: &str, channels: usize) -> Option<(Vec<Position>, &str)> {
    match id.strip_prefix(COMPACT) {
        Some(compact) => read_compact(compact, channels),
        None => read_plain(id, channels),
    }
}

/// The compact form of an id; none for a text that is no id.
pub(crate) fn compact(id: &str) -> Option<String> {
    let mut bytes = Vec::new();
    for position in id.split(',') {
        let Position { epoch, offset } = position.parse().ok()?;
        bytes.extend_from_slice(&epoch_number(epoch).to_le_bytes()[..EPOCH_BYTES]);
        push_varint(&mut bytes, offset);
    }
    let mut text = String::from(COMPACT);
    URL_SAFE_NO_PAD.encode_string(bytes, &mut text);
    Some(text)
}

fn read_plain(id: &str, channels: usize) -> Option<(Vec<Position>, &str)> {
    let mut positions = Vec::new();
    let mut rest = id;
    for nth in 0..channels {
        if nth > 0 {
            rest = rest.strip_prefix(',')?;
        }
        let offset = rest.get(EPOCH_CHARS..)?;
        let digits = offset.bytes().take_while(u8::is_ascii_digit).count();
        let (position, behind) = rest.split_at_checked(EPOCH_CHARS + digits)?;
        positions.push(position.parse().ok()?);
        rest = behind;
    }
    Some((positions, rest))
}

fn read_compact(text: &str, channels: usize) -> Option<(Vec<Position>, &str)> {
    let mut bytes = Base64Bytes { text: text.as_bytes(), used: 0, bits: 0, bit_count: 0 };
    let mut positions = Vec::new();
    for _ in 0..channels {
        let mut epoch = [0; size_of::<u64>()];
        for byte in &mut epoch[..EPOCH_BYTES] {
            *byte = bytes.next()?;
        }
        let number = u64::from_le_bytes(epoch);
        let epoch = Epoch::from_random(number);
        // There are more numbers of six bytes than epochs.
        if epoch_number(epoch) != number {
            return None;
        }
        positions.push(Position { epoch, offset: read_varint(&mut bytes)? });
    }
    let is_whole = bytes.bits & ((1 << bytes.bit_count) - 1) == 0;
    is_whole.then(|| Some((positions, text.get(bytes.used..)?)))?
}

/// The number from which [`Epoch::from_random`] makes this epoch.
fn epoch_number(epoch: Epoch) -> u64 {
    let digits = epoch.as_str().chars().rev();
    digits.fold(0, |number, digit| number * 36 + u64::from(digit.to_digit(36).unwrap_or_default()))
}

fn push_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn read_varint(bytes: &mut impl Iterator<Item = u8>) -> Option<u64> {
    let mut number = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let byte = bytes.next()?;
        let group = u64::from(byte & 0x7f);
        if group << shift >> shift != group {
            return None;
        }
        number |= group << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

/// Decodes as far as it is asked: `-`, which intermediaries begin their suffixes with, is also a
/// character of the alphabet.
struct Base64Bytes<'t> {
    text: &'t [u8],
    /// Characters.
    used: usize,
    bits: u32,
    bit_count: u32,
}

impl Iterator for Base64Bytes<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        while self.bit_count < 8 {
            let value = match *self.text.get(self.used)? {
                upper @ b'A'..=b'Z' => upper - b'A',
                lower @ b'a'..=b'z' => lower - b'a' + 26,
                digit @ b'0'..=b'9' => digit - b'0' + 52,
                b'-' => 62,
                b'_' => 63,
                _ => return None,
            };
            self.used += 1;
            self.bits = (self.bits << 6 | u32::from(value)) & 0x3fff;
            self.bit_count += 6;
        }
        self.bit_count -= 8;
        Some((self.bits >> self.bit_count) as u8)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn position() -> impl Strategy<Value = Position> {
        let offset = prop_oneof![0..300_u64, any::<u64>()];
        (any::<u64>(), offset)
            .prop_map(|(random, offset)| Position { epoch: Epoch::from_random(random), offset })
    }

    proptest! {
        #[test]
        fn both_forms_are_read_back_whatever_follows_them(
            positions in proptest::collection::vec(position(), 1..130),
            suffix in "(-[a-z-]{0,8}|;gzip)?",
        ) {
            let mut id = String::new();
            for position in &positions {
                push_position(&mut id, *position);
            }
            for form in [id.clone(), compact(&id).unwrap()] {
                let text = format!("{form}{suffix}");
                let found = read(&text, positions.len());
                prop_assert_eq!(found, Some((positions.clone(), &*suffix)));
                prop_assert_eq!(read(&text, positions.len() + 1), None);
            }
        }

        #[test]
        fn nothing_makes_it_panic(text in "~?[a-z0-9A-Z_,\\-\u{e4}]{0,60}", channels in 0_usize..5) {
            if let Some((positions, _)) = read(&text, channels) {
                prop_assert_eq!(positions.len(), channels);
            }
        }
    }

    #[test]
    fn the_compact_form_is_short_and_has_one_spelling() {
        let id = "aaaaaaaa-1,aaaaaaab-300";
        let text = compact(id).unwrap();
        assert_eq!(text.len(), 1 + (6 + 1 + 6 + 2) * 4 / 3);
        assert!(text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b','));
        assert_eq!(compact("news"), None);
        // A number that is no epoch, and an offset of more than 64 bits.
        assert_eq!(read("~________AA", 1), None);
        assert_eq!(read("~AAAAAAAA____________fw", 1), None);
    }
}
