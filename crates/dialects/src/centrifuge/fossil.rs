//! Deltas in Fossil's format (<https://fossil-scm.org/home/doc/trunk/www/delta_format.wiki>): how one text follows
//! from another. `<length>\n`, then copies from the source `<count>@<offset>,` and texts of its own
//! `<count>:<text>`, and at the end `<checksum>;`. Numbers are in base 64, counts and offsets in bytes.
//!
//! Decoders work on bytes, but a delta travels as text, so texts of its own are cut between characters only.
//! What publishers send may be made to be expensive: the work for two texts is bounded by their lengths.

mod matches;

use matches::Matches;

/// Larger texts are not looked at.
pub(super) const BYTES_MAX: usize = 64 << 10;

/// A copy is longer than its command.
const COPY_BYTES_MIN: usize = 12;

const DIGITS: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~";

/// A delta that makes `target` of `source`, shorter than it; none where there is no such one, or a text is too
/// large.
pub(super) fn delta(source: &str, target: &str) -> Option<String> {
    if source.len().max(target.len()) > BYTES_MAX {
        return None;
    }
    let mut delta = Delta::new(source, target);
    let (prefix, suffix) = common_ends(source, target);
    if prefix > 0 {
        delta.copy(0..prefix, 0);
    }
    let middle = delta.written..target.len() - suffix;
    let mut matches = Matches::new(source.as_bytes(), target.as_bytes(), middle.clone());
    while let Some(found) = matches.next_after(delta.written) {
        // What is copied begins and ends between characters of the target.
        let (start, end) =
            (target.ceil_char_boundary(found.target), target.floor_char_boundary(found.end()));
        if end.saturating_sub(start) >= COPY_BYTES_MIN && start >= delta.written {
            delta.insert(start);
            delta.copy(start..end, found.source + (start - found.target));
        }
    }
    delta.insert(middle.end);
    if suffix > 0 {
        delta.copy(middle.end..target.len(), source.len() - suffix);
    }
    delta.finish()
}

/// How many bytes the texts have in common at their beginnings, and behind that at their ends, where it is worth
/// a copy.
fn common_ends(source: &str, target: &str) -> (usize, usize) {
    let pairs = source.bytes().zip(target.bytes());
    let prefix = pairs.take_while(|(one, other)| one == other).count();
    let prefix = worth(target.floor_char_boundary(prefix));
    let (source, rest) = (&source.as_bytes()[prefix..], &target[prefix..]);
    let pairs = source.iter().rev().zip(rest.bytes().rev());
    let suffix = pairs.take_while(|(one, other)| **one == *other).count();
    let start = rest.ceil_char_boundary(rest.len() - suffix);
    (prefix, worth(rest.len() - start))
}

fn worth(bytes: usize) -> usize {
    if bytes < COPY_BYTES_MIN { 0 } else { bytes }
}

/// A delta that is being written.
struct Delta<'a> {
    target: &'a str,
    /// How much of the target it makes.
    written: usize,
    out: String,
}

impl<'a> Delta<'a> {
    fn new(source: &str, target: &'a str) -> Self {
        let mut delta = Self { target, written: 0, out: String::with_capacity(64) };
        debug_assert!(source.len() <= BYTES_MAX);
        delta.number(target.len() as u32, '\n');
        delta
    }

    fn number(&mut self, mut number: u32, end: char) {
        let mut digits = [0; 6];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = DIGITS[(number & 63) as usize];
            number >>= 6;
            if number == 0 {
                break;
            }
        }
        self.out.extend(digits[at..].iter().map(|digit| char::from(*digit)));
        self.out.push(end);
    }

    /// The target up to here as a text of its own.
    fn insert(&mut self, until: usize) {
        let text = &self.target[self.written..until];
        if !text.is_empty() {
            self.number(text.len() as u32, ':');
            self.out.push_str(text);
            self.written = until;
        }
    }

    /// A part of the target that is in the source.
    fn copy(&mut self, part: std::ops::Range<usize>, offset: usize) {
        self.number(part.len() as u32, '@');
        self.number(offset as u32, ',');
        self.written = part.end;
    }

    fn finish(mut self) -> Option<String> {
        self.number(checksum(self.target.as_bytes()), ';');
        (self.out.len() < self.target.len()).then_some(self.out)
    }
}

/// The sum of its words of four bytes, the last one filled up with zeros.
fn checksum(bytes: &[u8]) -> u32 {
    let word = |word: &[u8]| {
        let mut filled = [0; 4];
        filled[..word.len()].copy_from_slice(word);
        u32::from_be_bytes(filled)
    };
    bytes.chunks(4).map(word).fold(0, u32::wrapping_add)
}

#[cfg(test)]
mod tests;
