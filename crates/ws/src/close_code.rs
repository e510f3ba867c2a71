//! What the codes of Close frames mean (RFC 6455 section 7.4).

/// The purpose is fulfilled; here also: the channel was deleted.
pub const NORMAL: u16 = 1000;
/// The server is stopping.
pub const GOING_AWAY: u16 = 1001;
/// The peer broke a rule of the protocol.
pub const PROTOCOL_ERROR: u16 = 1002;
/// A text message or a reason is not UTF-8.
pub const INVALID_PAYLOAD: u16 = 1007;
/// The peer broke a rule of this server.
pub const POLICY: u16 = 1008;
/// A frame or a message is over its limit.
pub const TOO_BIG: u16 = 1009;
/// The server failed.
pub const INTERNAL_ERROR: u16 = 1011;
/// The server restarts; the client may reconnect at once.
pub const SERVICE_RESTART: u16 = 1012;
/// The server is overloaded; the client should reconnect later.
pub const TRY_AGAIN_LATER: u16 = 1013;
/// The client read too slowly and may resume from its last position.
pub const SLOW: u16 = 4008;
/// The position that the client wanted to resume from is lost.
pub const POSITION_LOST: u16 = 4010;
/// The identity of the client has expired.
pub const IDENTITY_EXPIRED: u16 = 4401;
/// The client has no right, or not any more, to what it did or listened to.
pub const FORBIDDEN: u16 = 4403;
