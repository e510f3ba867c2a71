//! The record as JSON.

use crate::record::Record;

/// The whole record, indented, with a line end after it.
pub(crate) fn record(record: &Record) -> serde_json::Result<String> {
    let mut out = serde_json::to_string_pretty(record)?;
    out.push('\n');
    Ok(out)
}
