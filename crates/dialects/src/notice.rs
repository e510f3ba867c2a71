//! What is said in JSON.

use std::fmt::Display;
use std::ops::RangeInclusive;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};

/// Appends a value that can always be written: no map has other keys than strings, no writer fails.
pub(crate) fn push_json(out: &mut Vec<u8>, value: &impl Serialize) {
    let written = serde_json::to_writer(out, value);
    debug_assert!(written.is_ok(), "{written:?}");
}

/// The first and the last offset that were missed.
pub(crate) fn bounds(missed: Option<&RangeInclusive<u64>>) -> Option<[u64; 2]> {
    missed.map(|range| [*range.start(), *range.end()])
}

/// Bytes as base64.
#[derive(Debug)]
pub(crate) struct Base64<'a>(pub(crate) &'a [u8]);

impl Base64<'_> {
    pub(crate) fn display(&self) -> impl Display + '_ {
        Base64Display::new(self.0, &STANDARD)
    }
}

impl Serialize for Base64<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.display())
    }
}
