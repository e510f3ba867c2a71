//! A table of the file that has a name, such as `[namespace.NAME]`: its keys, and what is wrong with them.

use super::error::{Problem, Value, unknown};
use super::raw::Raw;
use super::table::{Key, Source};
use super::written::{Origin, Written};

/// One `[KIND.NAME]`.
pub(super) struct NamedTable<'a> {
    pub(super) kind: &'static str,
    pub(super) name: &'a str,
    /// Those of the file, and those that were added.
    pub(super) keys: &'a toml::Table,
    pub(super) raw: &'a Raw,
}

impl NamedTable<'_> {
    /// Names each key that is not `known`, with the nearest one that is.
    pub(super) fn check_names(&self, known: &[Key], problems: &mut Vec<Problem>) {
        for name in self.keys.keys() {
            let known = || known.iter().map(|key| key.name);
            if !known().any(|known| known == name) {
                let right = unknown(name, known(), |known| format!("`{known}`"));
                problems.push(self.problem(Some(name), &right));
            }
        }
    }

    /// The value of a known key is wrong.
    pub(super) fn wrong(&self, key: &str, right: &str) -> Problem {
        let value = self.keys.get(key).map_or(Value::None, |value| Value::Shown(value.to_string()));
        Problem { value, ..self.problem(Some(key), right) }
    }

    /// What is wrong with a key, or with the table; the value is not shown.
    pub(super) fn problem(&self, key: Option<&str>, right: &str) -> Problem {
        let Self { kind, name, .. } = self;
        Problem {
            key: key.map_or_else(|| format!("{kind}.{name}"), |key| format!("{kind}.{name}.{key}")),
            value: Value::None,
            origin: Some(self.raw.file_origin()),
            right: right.to_owned(),
        }
    }
}

impl Source for NamedTable<'_> {
    fn find(&self, key: &Key) -> Option<(Written, Origin)> {
        let value = self.keys.get(key.name)?;
        Some((Written::File(value.clone()), self.raw.file_origin()))
    }

    fn full_name(&self, key: &Key) -> String {
        format!("{}.{}.{}", self.kind, self.name, key.name)
    }
}
