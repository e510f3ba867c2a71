//! A delta makes the publication of the one before it, and is shorter than it.

use std::fmt::Write as _;
use std::sync::Arc;

use switchboard_dialects::Chain;
use switchboard_dialects::centrifuge::{json, publication};
use switchboard_hub::{Accounting, Draft, Epoch, Kind, Position, Publication};

use crate::json::Members;

/// Larger texts have no delta.
const BYTES_MAX: usize = 64 << 10;
/// Texts are built up to a little more than that.
const BUILT_BYTES_MAX: usize = 66 << 10;
/// What it takes to say that nothing has changed: three numbers of four digits at most, one of six, and their ends.
const SAME_BYTES_MAX: usize = 24;

/// Two texts, parted by a line break; or after `*` a program that builds two large ones.
pub fn check(data: &[u8]) {
    let [source, target] = if let Some(program) = data.strip_prefix(b"*") {
        build(program)
    } else {
        let text = String::from_utf8_lossy(data);
        let (source, target) = text.split_once('\n').unwrap_or((&text, &text));
        [source.to_owned(), target.to_owned()]
    };
    check_pair(&source, &target);
    check_pair(&source, &source);
}

fn check_pair(source: &str, target: &str) {
    let [before, after] = [(7, source), (9, target)].map(|(offset, text)| {
        let position = Position { epoch: Epoch::from_random(3), offset };
        let draft = Draft::new(Kind::Text, text.as_bytes());
        Publication::new(position, (0, 0), draft, &Arc::new(Accounting::default()))
    });
    let form = publication(&after, Chain::Behind(&before)).expect("always a form");
    let members = Members::of(str::from_utf8(&form).unwrap()).expect("an object");
    let told = members.text("data").expect("a text");
    let [source, target] = [source, target].map(|text| json(Kind::Text, text.as_bytes()));
    let is_small = source.len().max(target.len()) <= BYTES_MAX;
    if members.get("delta").is_none() {
        assert_eq!(told.as_bytes(), target);
        let is_same = source == target && target.len() > SAME_BYTES_MAX && is_small;
        assert!(!is_same, "there is a short delta for what has not changed");
        return;
    }
    assert!(is_small, "{} bytes", source.len().max(target.len()));
    assert!(told.len() < target.len(), "{} of {} bytes: {told}", told.len(), target.len());
    assert!(source != target || told.len() <= SAME_BYTES_MAX, "{told}");
    match apply(&source, told.as_bytes()) {
        Ok(made) => assert_eq!(String::from_utf8_lossy(&made), String::from_utf8_lossy(&target)),
        Err(error) => panic!("{error}: {told}"),
    }
}

/// The decoder, as the format's description has it
/// (<https://fossil-scm.org/home/doc/trunk/www/delta_format.wiki>).
fn apply(source: &[u8], delta: &[u8]) -> Result<Vec<u8>, &'static str> {
    let mut rest = delta;
    let (length, b'\n') = number(&mut rest)? else { return Err("no length") };
    let mut out = Vec::new();
    loop {
        match number(&mut rest)? {
            (count, b'@') => {
                let (offset, b',') = number(&mut rest)? else { return Err("no offset") };
                let part = source.get(offset as usize..(offset + count) as usize);
                out.extend_from_slice(part.ok_or("a copy beyond the source")?);
            }
            (count, b':') => {
                let (text, behind) =
                    rest.split_at_checked(count as usize).ok_or("a text beyond the delta")?;
                str::from_utf8(text).map_err(|_| "a text is cut within a character")?;
                out.extend_from_slice(text);
                rest = behind;
            }
            (sum, b';') => {
                let is_whole = rest.is_empty() && out.len() == length as usize;
                let is_right = u64::from(checksum(&out)) == sum;
                return if is_whole && is_right { Ok(out) } else { Err("another length or sum") };
            }
            _ => return Err("no command"),
        }
    }
}

/// A number and what ends it.
fn number(rest: &mut &[u8]) -> Result<(u64, u8), &'static str> {
    const DIGITS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~";
    let mut number = 0_u64;
    loop {
        let (first, behind) = rest.split_first().ok_or("it ends too soon")?;
        *rest = behind;
        match DIGITS.iter().position(|digit| digit == first) {
            Some(digit) if number < 1 << 32 => number = number << 6 | digit as u64,
            Some(_) => return Err("a number of more than 32 bits"),
            None => return Ok((number, *first)),
        }
    }
}

fn checksum(bytes: &[u8]) -> u32 {
    let summand = |(at, byte): (usize, &u8)| u32::from(*byte) << (8 * (3 - at % 4));
    bytes.iter().enumerate().map(summand).fold(0, u32::wrapping_add)
}

/// Builds two texts by a program, each command of which is four bytes: what, where, how much, how often.
fn build(program: &[u8]) -> [String; 2] {
    let mut texts = [String::new(), String::new()];
    for command in program.chunks_exact(4) {
        let &[what, place, bytes, times] = command else { continue };
        let from = usize::from(place) * 256;
        let part = match what >> 1 & 3 {
            // What is in the source already.
            0 | 1 => {
                slice(&texts[0], from, usize::from(bytes) * if what & 8 == 0 { 1 } else { 64 })
            }
            2 => char::from(bytes).to_string(),
            _ => {
                let mut part = String::new();
                let _ = write!(part, "{{\"id\":{bytes},\"x\":\"{}\"}},", char::from(place));
                part
            }
        };
        let text = &mut texts[usize::from(what & 1)];
        for _ in 0..=u32::from(times) * if what & 16 == 0 { 1 } else { 64 } {
            if part.is_empty() || text.len() + part.len() > BUILT_BYTES_MAX {
                break;
            }
            text.push_str(&part);
        }
    }
    texts
}

fn slice(text: &str, from: usize, bytes: usize) -> String {
    let start = text.floor_char_boundary(from.min(text.len()));
    text[start..text.floor_char_boundary(start.saturating_add(bytes).min(text.len()))].to_owned()
}
