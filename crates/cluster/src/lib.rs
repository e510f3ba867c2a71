//! The protocol of a node towards a sequencing stream engine, JetStream of NATS, by which nodes share channels.
//!
//! The engine's stream is the sequencer: a publication's offset is its sequence there, so all nodes have one order
//! and any of them can resume a client. What the stream stores it repeats to all nodes that listen, and that is
//! the fan-out. The engine promises nothing about what it repeats, so this crate is mostly about noticing what got
//! lost.
//!
//! - Where things are: [`Layout`] places channels in streams and buckets, [`Subjects`] names both,
//!   [`Interest`] says which buckets a node listens to.
//! - What is stored: [`Content`] and [`Message`] are publications as messages of the engine, and back;
//!   [`Retention`] says how long.
//! - Out to clients: a [`Partition`] is one stream on one node, with a mirror of each channel that gives out its
//!   messages in order, once. A [`Fill`] reads what was missed, and [`judge`] says whether a client that resumes
//!   gets everything.
//! - In from publishers: [`Publishing`] has what is under way, under ids by [`MessageIds`].
//! - Among nodes: [`Members`], [`Questions`], and what they say, [`Control`]. Nothing above depends on them.
//!
//! All of it is values: no socket, clock, thread or client of NATS. Time is an argument, of a clock that only
//! grows; randomness too. What must be asked of the engine comes out as a [`Request`], and its answer goes in.
//! Words as in NATS: subject, stream, sequence, leader, replica.
//!
//! A [`Partition`] stands around its mirrors, since an epoch, a round of checks and a bound on requests are of a
//! whole stream. A mirror keeps no history: that is the log of the hub, as on a single node. Who is there
//! ([`Members`]) and who is asked ([`Questions`]) are apart, since they change for different reasons.
#![forbid(unsafe_code)]

mod buffer;
mod checks;
mod control;
mod fill;
mod fingerprint;
pub mod headers;
mod interest;
mod members;
mod message;
mod message_id;
mod mirror;
mod node_id;
mod partition;
mod placement;
mod publishing;
mod questions;
mod request;
mod resume;
mod retention;
mod subject;
mod time_stamp;

pub use buffer::BufferBounds;
pub use control::{Answered, CONTROL_BYTES_MAX, Control, ControlError, Question, Say};
pub use fill::{Fetch, Fetched, Fill, Filled, Gap, Standing};
pub use fingerprint::Fingerprint;
pub use interest::{Interest, Subscribe};
pub use members::{Change, DEAD_AFTER_MS, HEARTBEAT_MS, Member, Members};
pub use message::{
    Body, Content, ForeignError, Headers, Message, MetadataError, Republished, deletion_headers,
    epoch_marker_headers, wire_bytes,
};
pub use message_id::MessageIds;
pub use mirror::{Event, MirrorRules};
pub use node_id::{NodeId, NodeIdError};
pub use partition::{Partition, PartitionRules};
pub use placement::{Layout, Place};
pub use publishing::{
    Failure, Outgoing, PublicationId, Publishing, PublishingRules, Refused, Send, WindowTooShort,
};
pub use questions::{ANSWER_MS, Gathered, QuestionId, Questions, TooManyQuestions};
pub use request::{Answer, CHECKED_MAX, Request, RequestId};
pub use resume::{Expiry, Holding, Loss, Proof, Verdict, judge};
pub use retention::Retention;
pub use subject::{Direction, Named, Prefix, SubjectError, Subjects};
