//! Results as they are written.

use serde::Serialize;
use switchboard_api::centrifugo::CallError;

/// A result without anything in it.
#[derive(Serialize)]
pub(super) struct Empty {}

/// The JSON of a result. Texts and numbers written to memory: nothing can fail.
pub(super) fn json(result: &impl Serialize) -> Result<Vec<u8>, CallError> {
    serde_json::to_vec(result).map_err(|_| CallError::no_answer())
}
