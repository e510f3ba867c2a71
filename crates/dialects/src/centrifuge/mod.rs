//! The JSON protocol of the Centrifuge SDKs, version 2.
//!
//! A client sends commands ([`Frame`], [`Command`]), each with a number of its own, and gets a reply to
//! each ([`Reply`]). What it did not ask for is a push ([`Push`]); publications are pushes, too. Replies
//! and pushes are JSON objects, one of them in each message of a WebSocket, or in each line or event of an
//! answer without an end ([`Framing`]).
//!
//! Several objects in one message are parted by line breaks, and payloads stand in them as JSON. So a
//! payload gets there only as [one JSON value](json) without a line break, made once for each publication.

mod codes;
mod command;
mod connect;
mod data;
mod deltas;
mod emulation;
mod fields;
mod fossil;
mod framing;
mod history;
mod info;
mod presence;
mod present;
mod push;
mod reply;
mod subscribe;

pub use codes::{Disconnect, ErrorCode, Unsubscribed, close_reason};
pub use command::{Command, CommandError, Frame, Method, Publish, Rpc, SubRefresh};
pub use connect::{Connect, Connected};
pub use data::{json, json_of};
pub use deltas::publication;
pub use emulation::{Emulation, commands_in};
pub use framing::Framing;
pub use history::{History, Past, Since};
pub use info::Info;
pub use present::Present;
pub use push::Push;
pub use reply::Reply;
pub use subscribe::{Recover, Subscribe, Subscribed};

pub(crate) use presence::write_head as write_presence_head;
pub(crate) use push::write_head;

/// The name of the subprotocol. A client that offers none speaks it as well.
pub const PROTOCOL: &str = "centrifuge-json";
/// The subprotocol of the same SDKs in another encoding, which the server does not speak.
pub const PROTOBUF: &str = "centrifuge-protobuf";
