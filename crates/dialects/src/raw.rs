//! WebSockets without a subprotocol: bare payloads, one frame each.

use crate::{Body, Shape};

/// The frame that the publication holds, and nothing else.
pub(crate) const SHAPE: Shape = Shape { body: Body::Frame, tail: b"" };
