//! Values that are written as JSON.

use std::ops::RangeInclusive;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};

/// Appends a value. This cannot fail: no writer does, and every key is a string.
pub(crate) fn push_json(out: &mut Vec<u8>, value: &impl Serialize) {
    let written = serde_json::to_writer(out, value);
    debug_assert!(written.is_ok(), "{written:?}");
}

/// The first and the last of the missed offsets.
#[derive(Serialize)]
pub(crate) struct Bounds([u64; 2]);

impl Bounds {
    pub(crate) fn of(missed: &RangeInclusive<u64>) -> Self {
        Self([*missed.start(), *missed.end()])
    }
}

/// Bytes as base64.
pub(crate) struct Base64<'a>(pub(crate) &'a [u8]);

impl Serialize for Base64<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Base64Display::new(self.0, &STANDARD))
    }
}
