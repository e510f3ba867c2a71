//! Channels, offsets, logs and cursors: what a shard knows about who hears what.
//!
//! There is one [`Hub`] per shard. It sees no socket, clock or runtime: time comes in as `now_ms`,
//! what other shards must hear goes out as [`Message`]s, and what the shard must send to its
//! connections comes out as [`Work`].
//!
//! A channel lives on its home shard, which the [`Router`] finds by a keyed hash of the name. The
//! home numbers the publications; every shard that has subscribers mirrors the bounded log. A
//! subscriber is a cursor in that log and nothing else: nobody has a queue. The newest part of the
//! log is the history, in which a new or resumed subscriber may begin.
#![forbid(unsafe_code)]

mod accounting;
mod channel;
mod condition;
mod form;
mod forms;
mod hub;
mod limits;
mod links;
mod log;
mod message;
mod name;
mod namespaces;
mod occupied;
mod pace;
mod paged;
mod policy;
mod position;
mod publication;
mod published;
mod recall;
mod report;
mod role;
mod router;
mod rules;
mod start;
mod subscriber_set;
mod subscription;
mod table;
mod work;

pub use accounting::Accounting;
pub use condition::{Condition, Version};
pub use form::Form;
pub use forms::FormSlot;
pub use hub::{History, HistoryQuery, Hub, ListenedTo, Stream};
pub use limits::Limits;
pub use message::{Conditional, Message, Outbox, ReplyTo};
pub use name::{ChannelName, NameError, parse_list};
pub use namespaces::{NamespaceId, Namespaces};
pub use occupied::Occupancy;
pub use policy::SlowPolicy;
pub use position::{Epoch, Position, PositionError};
pub use publication::{Draft, Kind, Publication};
pub use published::{Published, Unpublished};
pub use report::{HomeReport, Receipt, ShardReport, SlowClient, SubscriberInfo};
pub use router::{Router, ShardId};
pub use rules::{Bounds, Rules};
pub use start::{Begin, Gap, GapReason, OnGap, Start};
pub use subscription::{Moved, Subscriber, Subscription};
pub use table::Buckets;
pub use work::{Lag, Pull, Served, Work, WorkKind};
