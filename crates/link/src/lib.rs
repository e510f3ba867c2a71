//! What drives a plane, for the server and the load tool alike: the bytes in and out of connections,
//! what the plane shall do for them, and where they are stored.
//!
//! # How to drive a link
//!
//! One turn goes like this: [`Link::poll`], and for each [`Event::Received`] the bytes from
//! [`Link::received`]. Collect what is to be sent in an [`Outgoing`], and what the plane shall do in a
//! list of [`Action`]s. At the end of each stage of the turn call [`Link::send`] with the first, ask
//! [`Link::unsent`] for what sockets did not take, and hand the actions to [`Link::act`]. Sends come
//! before actions: a connection that is to be closed gets its last bytes first.
//!
//! With plain TCP the bytes pass as they are.
//!
//! [`Event::Received`]: switchboard_plane::Event::Received

mod link;
mod outgoing;
mod slab;

pub use link::{Action, Link, Sent, Unsent};
pub use outgoing::Outgoing;
pub use slab::{HasId, Slab};
