//! WebSockets without a subprotocol: bare payloads, one frame each.

use crate::{Body, Shape};

/// Only the frame that the publication holds.
pub(crate) const SHAPE: Shape = Shape { body: Body::Frame, tail: b"" };
