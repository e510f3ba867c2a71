//! A request of a client whose body arrives.

use switchboard_ws::body::BodyReader;

use super::counted::Counted;

/// A request whose body arrives.
#[derive(Debug)]
pub(crate) struct RequestBody {
    /// Its head, as it was received.
    pub(crate) head: Vec<u8>,
    pub(crate) reader: BodyReader,
    /// What has arrived of the body.
    pub(crate) bytes: Vec<u8>,
    pub(crate) counted: Counted,
}
