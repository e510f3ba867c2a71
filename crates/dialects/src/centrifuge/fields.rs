//! Fields of objects: what is not written, and what is read as it was written.
#![expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants references")]

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

pub(super) fn is_false(value: &bool) -> bool {
    !value
}

pub(super) fn is_zero(value: &u32) -> bool {
    *value == 0
}

pub(super) fn is_zero_offset(value: &u64) -> bool {
    *value == 0
}

/// A value as it was written, `null` among them.
pub(super) fn raw<'de: 'a, 'a, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}
