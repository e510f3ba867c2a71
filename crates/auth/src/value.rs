//! Values that are JSON, or any bytes in base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// Longest `info`, in bytes.
pub(crate) const INFO_BYTES_MAX: usize = 4_096;

/// Reads an object of JSON; none where it is anything else. The library would also take a list for the members in
/// their order, and does not look at bytes that it reads over.
pub fn object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Option<T> {
    let json = str::from_utf8(json).ok()?;
    json.trim_ascii_start().starts_with('{').then(|| serde_json::from_str(json).ok())?
}

/// What should be base64 is none.
pub(crate) struct NotBase64;

/// JSON as it was written, or the bytes in base64 that replace it.
pub(crate) fn value(
    json: Option<Box<RawValue>>,
    encoded: Option<Value>,
) -> Result<Option<Box<[u8]>>, NotBase64> {
    match (json, encoded.filter(|encoded| !encoded.is_null() && encoded != "")) {
        (_, Some(encoded)) => {
            let decoded = encoded.as_str().and_then(|encoded| STANDARD.decode(encoded).ok());
            decoded.map(|decoded| Some(decoded.into())).ok_or(NotBase64)
        }
        (Some(json), None) if json.get() != "null" => Ok(Some(json.get().as_bytes().into())),
        _ => Ok(None),
    }
}
