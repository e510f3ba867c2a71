//! Calls of any kind, as `control` answers them.

use super::Method;
use super::calls::Calls;
use super::error::Unread;
use crate::ItemLimits;

/// One command, by its own or of a batch.
#[derive(Debug)]
pub enum Request {
    /// `publish` or `broadcast`.
    Publish(Calls),
}

impl Request {
    /// Reads what a method is given. None where there is no such method.
    ///
    /// # Errors
    /// Where it is no JSON object of the method.
    pub fn read(method: &str, params: &[u8], limits: ItemLimits) -> Result<Option<Self>, Unread> {
        match Method::of_command(method) {
            Some(method) => Ok(Calls::read(method, params, limits)?.map(Self::Publish)),
            None => Ok(None),
        }
    }
}
