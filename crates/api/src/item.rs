//! One publication of several that arrive together.

use switchboard_hub::{ChannelName, Draft, Kind};

use crate::{ApiError, Meta};

/// A publication that can be made.
#[derive(Debug)]
pub struct Item {
    /// Its channel.
    pub name: ChannelName,
    /// What is published.
    pub draft: Draft,
}

/// Bounds of a publication.
#[derive(Clone, Copy, Debug)]
pub struct ItemLimits {
    /// Largest payload in bytes (`publish_bytes_max`).
    pub payload_bytes_max: usize,
}

impl Item {
    pub(crate) fn new(
        name: ChannelName,
        meta: &Meta,
        kind: Kind,
        payload: &[u8],
        limits: ItemLimits,
    ) -> Result<Self, ApiError> {
        limits.check(payload.len())?;
        Ok(Self { name, draft: meta.draft(kind, payload) })
    }
}

impl ItemLimits {
    /// Refuses a payload that is too large.
    ///
    /// # Errors
    /// 413.
    pub fn check(self, payload_bytes: usize) -> Result<(), ApiError> {
        if payload_bytes <= self.payload_bytes_max {
            return Ok(());
        }
        Err(ApiError::too_large("a publication", self.payload_bytes_max, "publish_bytes_max"))
    }
}
