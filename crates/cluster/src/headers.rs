//! Names of headers: those that the engine reads or writes, and ours.

/// Two publications with the same one within the duplicate window are one.
pub const MESSAGE_ID: &str = "Nats-Msg-Id";
/// How long the engine keeps a message, such as `60s`.
pub const TIME_TO_LIVE: &str = "Nats-TTL";
/// With the value `sub`: storing this message removes all earlier ones of its subject, in one step.
pub const ROLLUP: &str = "Nats-Rollup";
/// The sequence that the subject's newest message must have; 0 for none. Only epoch markers have it.
pub const EXPECTED_LAST_SUBJECT_SEQUENCE: &str = "Nats-Expected-Last-Subject-Sequence";
/// The sequence of a stored message in its stream.
pub const SEQUENCE: &str = "Nats-Sequence";
/// In a republished message, the sequence of the one before it on its subject; 0 where that is not held.
pub const LAST_SEQUENCE: &str = "Nats-Last-Sequence";
/// When a message was stored, by the clock of the stream's leader (RFC 3339).
pub const TIME_STAMP: &str = "Nats-Time-Stamp";

/// What all headers of ours begin with.
pub(crate) const OURS: &str = "Sb-";
/// `text`, `binary` or `deletion`. No message of ours is without it.
pub const KIND: &str = "Sb-Kind";
/// The stream's epoch, as the publisher knew it. One that has not heard of a new stream yet may be wrong, so it
/// only says that a repeated message is worth looking at.
pub const EPOCH: &str = "Sb-Epoch";
/// The payload's media type.
pub const CONTENT_TYPE: &str = "Sb-Content-Type";
/// The event's name.
pub const EVENT: &str = "Sb-Event";
/// Who published it, as JSON.
pub const INFO: &str = "Sb-Info";
/// What the publisher says beside the payload, as a JSON object of texts.
pub const TAGS: &str = "Sb-Tags";
