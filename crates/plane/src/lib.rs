//! What moves the bytes of a shard's connections.
//!
//! [`Plane`] hides how it is done; there are three ways: [`uring::UringPlane`] (direct descriptors
//! or those of the process on `io_uring`), [`epoll::EpollPlane`], and for the tests of the crates above a simulated network
//! in memory (feature `sim`). [`choice`] finds out whether this kernel lets `io_uring` run.
//!
//! All system calls of the data path are in this crate.

// The system calls need raw pointers and descriptors; no other crate has them.
#![allow(unsafe_code)]

mod address;
mod arena;
mod backoff;
pub mod choice;
mod conn;
mod descriptors;
pub mod epoll;
mod event;
mod findings;
mod last_words;
mod limits;
mod listen;
mod named;
mod plane;
mod ready;
mod shares;
#[cfg(feature = "sim")]
pub mod sim;
mod slots;
mod socket;
pub mod uring;
mod wake;

pub use conn::{ConnId, GENERATIONS};
pub use descriptors::{DescriptorChoice, Descriptors, UnknownDescriptors};
pub use event::{Chunk, Close, Event, SendException, SendResult};
pub use listen::{Keepalive, ListenOptions, listen, listen_alone, local_addr};
pub use plane::{Plane, PlaneConfig, PlaneStats};
pub use shares::Reserved;
pub use wake::Waker;
