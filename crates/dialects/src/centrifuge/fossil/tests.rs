use proptest::prelude::*;

use super::*;

/// The decoder, as the format's description has it.
fn apply(source: &[u8], delta: &[u8]) -> Result<Vec<u8>, String> {
    let mut rest = delta;
    let (length, end) = number(&mut rest);
    assert_eq!(end, b'\n');
    let mut out = Vec::new();
    loop {
        let (count, end) = number(&mut rest);
        match end {
            b'@' => {
                let (offset, end) = number(&mut rest);
                assert_eq!(end, b',');
                let (from, count) = (offset as usize, count as usize);
                out.extend(source.get(from..from + count).ok_or("a copy beyond the source")?);
            }
            b':' => {
                let (text, behind) = rest.split_at(count as usize);
                out.extend(text);
                rest = behind;
            }
            b';' => {
                assert!(rest.is_empty());
                assert_eq!((out.len(), checksum(&out)), (length as usize, count));
                return Ok(out);
            }
            other => return Err(format!("{other} after a number")),
        }
    }
}

fn number(rest: &mut &[u8]) -> (u32, u8) {
    let mut number = 0_u32;
    loop {
        let (first, behind) = rest.split_first().unwrap();
        *rest = behind;
        match DIGITS.iter().position(|digit| digit == first) {
            Some(digit) => number = (number << 6) | digit as u32,
            None => return (number, *first),
        }
    }
}

fn assert_makes(source: &str, target: &str) -> Option<usize> {
    let delta = delta(source, target)?;
    assert!(delta.len() < target.len());
    assert_eq!(apply(source.as_bytes(), delta.as_bytes()).unwrap(), target.as_bytes(), "{delta}");
    Some(delta.len())
}

#[test]
fn a_small_change_of_a_long_text_is_a_short_delta() {
    let rows = (0..500).map(|n| format!("{{\"id\":{n},\"price\":100.5}},"));
    let source = rows.collect::<Vec<_>>().concat();
    let changed = source.replace("\"id\":77,\"price\":100.5", "\"id\":77,\"price\":101.25");
    assert!(assert_makes(&source, &changed).unwrap() < 40);
    let several = changed.replace("\"id\":400,", "\"id\":4000,").replace("\"id\":3,", "");
    assert!(assert_makes(&source, &several).unwrap() < 120);
    // A part that has moved is found, too.
    let moved = format!("{}{}", &source[6_000..], &source[..6_000]);
    assert!(assert_makes(&source, &moved).unwrap() < 60);
    assert!(assert_makes(&source, &source).unwrap() < 25);
}

#[test]
fn texts_without_much_in_common_have_no_delta() {
    assert_eq!(delta("", ""), None);
    assert_eq!(delta("abc", "abc"), None);
    assert_eq!(delta("", "{\"a\":1,\"b\":2,\"c\":3}"), None);
    let large = "x".repeat(BYTES_MAX + 1);
    assert_eq!(delta(&large, &large), None);
}

#[test]
fn the_format_is_that_of_fossil() {
    let source = "a text that is long enough to be copied";
    let target = "a text that is long enough to be copied, and more";
    let written = delta(source, target).unwrap();
    let mut sum = written.strip_prefix("m\nc@0,A:, and more").unwrap().as_bytes();
    assert_eq!(number(&mut sum), (checksum(target.as_bytes()), b';'));
    assert_eq!(checksum(b"\x01\x02\x03\x04\xff"), 0x0102_0304_u32.wrapping_add(0xff00_0000));
}

#[test]
fn texts_are_cut_between_characters() {
    let source = "ä".repeat(40);
    // The same first byte of the character, another second one.
    let target = format!("{}ö{}", "ä".repeat(20), "ä".repeat(19));
    assert!(assert_makes(&source, &target).unwrap() < 30);
}

#[test]
fn expensive_pairs_are_bounded() {
    // Every block is a candidate for every place, and none is the whole of it.
    let half = BYTES_MAX / 2;
    let source = format!("{}b", "a".repeat(BYTES_MAX - 1));
    for target in [
        format!("c{}", "a".repeat(BYTES_MAX - 2)),
        format!("c{}", "aaaaaaaaaaaaaaaaaaac".repeat(BYTES_MAX / 20)),
        format!("c{}d{}", "a".repeat(half - 2), "a".repeat(half - 1)),
    ] {
        let mut matches = Matches::new(source.as_bytes(), target.as_bytes(), 0..target.len());
        let mut from = 0;
        let mut found = 0;
        while let Some(next) = matches.next_after(from) {
            assert!(next.end() > from);
            from = next.end();
            found += 1;
        }
        assert!(found <= target.len() / 12);
        assert_makes(&source, &target);
    }
}

proptest! {
    #[test]
    fn a_delta_makes_the_target(parts in prop::collection::vec("[a-cä€😀\"{}:,0-3]{0,30}", 1..12),
        edits in prop::collection::vec((any::<prop::sample::Index>(), "[a-z😀]{0,8}", any::<bool>()), 0..6)) {
        let source = parts.concat();
        let mut after = parts.clone();
        for (index, text, replaces) in edits {
            let at = index.index(after.len());
            if replaces { after[at] = text } else { after.insert(at, text) }
        }
        assert_makes(&source, &after.concat());
        assert_makes(&after.concat(), &source);
        after.reverse();
        assert_makes(&source, &after.concat());
    }

    #[test]
    fn any_two_texts_are_no_trouble(source in "\\PC{0,200}", target in "\\PC{0,200}") {
        assert_makes(&source, &target);
        assert_makes(&format!("{source}{target}"), &format!("{target}{source}{target}"));
    }
}
