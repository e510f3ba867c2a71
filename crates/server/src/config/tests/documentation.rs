//! `docs/configuration.md` lists the keys of the tables, and says of each what `--help` says.

use std::fmt::Write as _;

use crate::config::hook_keys::{EventsSettings, HookSettings};
use crate::config::keys::Settings;
use crate::config::namespace_keys::NamespaceSettings;
use crate::config::table::Key;

const PAGE: &str = include_str!("../../../../../docs/configuration.md");

#[test]
fn the_page_has_every_key_under_its_topic() {
    for topic in Settings::KEYS.chunk_by(|one, other| one.topic == other.topic) {
        let section = format!("\n## {}\n\n{}\n", topic[0].topic, table(topic));
        assert!(PAGE.contains(&section), "docs/configuration.md must have this:\n{section}");
    }
    for keys in [NamespaceSettings::KEYS, HookSettings::KEYS, EventsSettings::KEYS] {
        let keys = table(keys);
        assert!(PAGE.contains(&keys), "docs/configuration.md must have this:\n{keys}");
    }
}

#[test]
fn the_page_has_no_other_key() {
    let rows = PAGE.lines().filter(|line| line.starts_with("| `")).count();
    let tables =
        [Settings::KEYS, NamespaceSettings::KEYS, HookSettings::KEYS, EventsSettings::KEYS];
    assert_eq!(rows, tables.iter().map(|keys| keys.len()).sum::<usize>());
}

fn table(keys: &[Key]) -> String {
    let mut table = "| key | default | meaning |\n|---|---|---|\n".to_owned();
    for key in keys {
        let default = default(key);
        writeln!(table, "| `{}` | {default} | {} |", key.name, key.explanation).unwrap();
    }
    table
}

/// The default as readers expect it: texts as code, numbers in groups of three digits.
fn default(key: &Key) -> String {
    let Some(value) = (key.default)() else { return "unset".to_owned() };
    match value.strip_prefix('[').and_then(|items| items.strip_suffix(']')) {
        Some("") => "none".to_owned(),
        Some(items) => items.replace('"', "`"),
        None if value.starts_with('"') => value.replace('"', "`"),
        None => grouped(&value),
    }
}

fn grouped(value: &str) -> String {
    if !value.bytes().all(|byte| byte.is_ascii_digit()) {
        return value.to_owned();
    }
    let mut grouped = String::new();
    for (at, digit) in value.chars().enumerate() {
        if at > 0 && (value.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}
