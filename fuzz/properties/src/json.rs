//! What is said of JSON, by its text alone.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// The members of an object as they were written: in their order, those that stand twice as well.
#[derive(Debug)]
pub(crate) struct Members<'a>(pub(crate) Vec<(String, &'a RawValue)>);

impl<'a> Members<'a> {
    /// Of a text that is an object, and nothing else.
    pub(crate) fn of(text: &'a str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// What a member says; the last one, where it stands several times.
    pub(crate) fn get(&self, name: &str) -> Option<&'a str> {
        self.all(name).last()
    }

    /// The same; none for `null` as well.
    pub(crate) fn given(&self, name: &str) -> Option<&'a str> {
        self.get(name).filter(|value| *value != "null")
    }

    /// What all members of this name say.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(it, _)| it == name).map(|(_, value)| value.get())
    }

    /// The text of a member that is one.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.get(name)?).ok()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry::<String, &RawValue>()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(All)
    }
}

/// The same values, part by part: the texts differ in white space only.
pub(crate) fn are_same(one: &str, other: &str) -> bool {
    let visible = |text: &str| text.replace([' ', '\t', '\r', '\n'], "");
    visible(one) == visible(other)
}

/// It is one value of JSON.
pub(crate) fn is_value(text: &str) -> bool {
    serde_json::from_str::<&RawValue>(text).is_ok()
}

/// How deep arrays and objects are nested in a value.
pub(crate) fn depth(text: &str) -> usize {
    let (mut depth, mut deepest, mut rest) = (0_usize, 0, text);
    while let Some(at) = rest.find(['"', '[', '{', ']', '}']) {
        match rest.as_bytes()[at] {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth -= 1,
            _ => {
                rest = &rest[at + text_bytes(&rest[at..])..];
                continue;
            }
        }
        deepest = deepest.max(depth);
        rest = &rest[at + 1..];
    }
    deepest
}

/// How long the string is that begins here, its quotes among it.
fn text_bytes(text: &str) -> usize {
    let mut at = 1;
    loop {
        match text.as_bytes()[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
}
