//! How a client listens to a channel, and where it goes on.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use switchboard_hub::Start;

use super::fields::{is_false, is_zero, is_zero_offset, raw};

/// The client wants an error where it cannot have what it missed.
const REJECT_UNRECOVERED: u32 = 1 << 1;

/// What a client wants to listen to. The protocol has more fields than the server reads: what is not
/// granted is a wish, and counts as refused where the result does not say it.
#[expect(clippy::struct_excessive_bools, reason = "the protocol has them")]
#[derive(Debug, Default, Deserialize)]
pub struct Subscribe<'a> {
    /// The channel.
    #[serde(borrow, default)]
    pub channel: Cow<'a, str>,
    /// What gives it the right to; empty for none.
    #[serde(borrow, default)]
    pub token: Cow<'a, str>,
    /// What it tells the backend.
    #[serde(borrow, default, deserialize_with = "raw")]
    pub data: Option<&'a RawValue>,
    /// It goes on behind what it has.
    #[serde(default)]
    pub recover: bool,
    /// Up to where it has got what was published.
    #[serde(default)]
    pub offset: u64,
    /// In which life of the stream; empty for any.
    #[serde(borrow, default)]
    pub epoch: Cow<'a, str>,
    /// It wants to go on where it was when it comes back.
    #[serde(default)]
    pub recoverable: bool,
    /// It wants to hear when something is missing.
    #[serde(default)]
    pub positioned: bool,
    /// It wants to hear who comes and goes.
    #[serde(default)]
    pub join_leave: bool,
    /// Wishes, one bit for each.
    #[serde(default)]
    pub flag: u32,
    /// What kind of a subscription it is; 0 for a stream of publications.
    #[serde(rename = "type", default)]
    pub kind: u32,
    /// In which form it wants changes instead of whole payloads; empty for none.
    #[serde(borrow, default)]
    pub delta: Cow<'a, str>,
    /// Which publications it wants; none for all of them.
    #[serde(borrow, default)]
    pub tf: Option<&'a RawValue>,
}

impl Subscribe<'_> {
    /// It wants an error where it cannot have what it missed.
    pub fn rejects_unrecovered(&self) -> bool {
        self.flag & REJECT_UNRECOVERED != 0
    }

    /// It wants changes in a form that the server knows.
    pub fn wants_deltas(&self) -> bool {
        self.delta == "fossil"
    }

    /// Where it begins. Clients send an epoch of their own where they know that their place is lost.
    pub fn start(&self) -> Start {
        if self.recover { Start::behind(self.offset, &self.epoch) } else { Start::Now }
    }
}

/// Where a client stood in a channel.
#[derive(Debug, Default, Deserialize)]
pub struct Recover<'a> {
    /// It goes on behind that.
    #[serde(default)]
    pub recover: bool,
    /// The last offset that it knows.
    #[serde(default)]
    pub offset: u64,
    /// The life of the stream; empty for any.
    #[serde(borrow, default)]
    pub epoch: Cow<'a, str>,
}

impl Recover<'_> {
    /// Where it begins.
    pub fn start(&self) -> Start {
        if self.recover { Start::behind(self.offset, &self.epoch) } else { Start::Now }
    }
}

/// What a client is told when it listens.
#[expect(clippy::struct_excessive_bools, reason = "the protocol has them")]
#[derive(Debug, Default, Serialize)]
pub struct Subscribed<'a> {
    /// It may go on behind what it has got.
    #[serde(skip_serializing_if = "is_false")]
    pub recoverable: bool,
    /// It hears when something is missing.
    #[serde(skip_serializing_if = "is_false")]
    pub positioned: bool,
    /// Which life of the stream; empty where it hears of no positions.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub epoch: &'a str,
    /// Where it stands before the publications that follow; 0 is not written.
    #[serde(skip_serializing_if = "is_zero_offset")]
    pub offset: u64,
    /// It wanted to go on.
    #[serde(skip_serializing_if = "is_false")]
    pub was_recovering: bool,
    /// It gets all that it missed.
    #[serde(skip_serializing_if = "is_false")]
    pub recovered: bool,
    /// The first of what it missed, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub publications: Vec<&'a RawValue>,
    /// What the backend tells the client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<&'a RawValue>,
    /// Payloads are texts, and may be told by their changes.
    #[serde(skip_serializing_if = "is_false")]
    pub delta: bool,
    /// The right to listen has an end.
    #[serde(skip_serializing_if = "is_false")]
    pub expires: bool,
    /// How long that is, in seconds.
    #[serde(skip_serializing_if = "is_zero")]
    pub ttl: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_client_begins() {
        let subscribe = |recover, epoch: &'static str| Subscribe {
            recover,
            offset: 7,
            epoch: epoch.into(),
            ..Subscribe::default()
        };
        assert_eq!(subscribe(false, "00000001").start(), Start::Now);
        assert_eq!(subscribe(true, "").start(), Start::AfterOffset(7));
        let Start::After(position) = subscribe(true, "0000000a").start() else { panic!("now") };
        assert_eq!(position.to_string(), "0000000a-7");
        let Start::After(lost) = subscribe(true, "_").start() else { panic!("now") };
        assert_eq!(lost.to_string(), "00000000-0");
    }
}
