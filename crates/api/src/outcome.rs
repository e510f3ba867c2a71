//! The line of result that answers each publication of several.

use serde::Serialize;
use switchboard_hub::Receipt;
use utoipa::ToSchema;

use crate::ApiError;

/// What became of a publication, as it is written.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = BatchLineResult)]
pub enum Outcome<'a> {
    /// It is in the log of its channel.
    Published {
        /// 201 where a subscriber will get it, else 202.
        status: u16,
        /// Where it stands.
        position: String,
        /// Subscribers, as the shards last reported them.
        subscribers: u64,
    },
    /// It was not published, or nobody knows.
    Refused {
        /// What it would have got by itself.
        status: u16,
        /// Why.
        error: &'a ApiError,
    },
}

/// Appends what became of a publication, as one line of JSON.
pub fn write_outcome(out: &mut Vec<u8>, receipt: Result<&Receipt, &ApiError>) {
    let outcome = match receipt {
        Ok(receipt) => Outcome::Published {
            status: status_of(receipt),
            position: receipt.position.to_string(),
            subscribers: receipt.subscribers,
        },
        Err(error) => Outcome::Refused { status: error.status, error },
    };
    // Numbers and strings written to memory: nothing can fail.
    let _ = serde_json::to_writer(&mut *out, &outcome);
    out.push(b'\n');
}

/// The status of a publication: 201 where a subscriber will get it, else 202.
pub(crate) fn status_of(receipt: &Receipt) -> u16 {
    if receipt.subscribed { 201 } else { 202 }
}

#[cfg(test)]
mod tests {
    use switchboard_hub::{Epoch, Position};

    use super::*;

    #[test]
    fn each_publication_is_answered_with_a_line() {
        let receipt = Receipt {
            position: Position { epoch: Epoch::from_random(0), offset: 7 },
            subscribers: 2,
            subscribed: true,
            messages: 1,
            last_requested_ms: None,
        };
        let mut out = Vec::new();
        write_outcome(&mut out, Ok(&receipt));
        write_outcome(&mut out, Err(&ApiError::not_tried()));
        let expected = "{\"status\":201,\"position\":\"00000000-7\",\"subscribers\":2}\n\
             {\"status\":503,\"error\":{\"code\":\"not_tried\",\"message\":\
             \"not tried, since a shard did not answer an earlier line\"}}\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
