//! Who is let in, and whose a connection is. Nothing here acts: addresses, numbers of connections and
//! times come in, and what to do comes out.
//!
//! [`Admission`] is what all shards know together: connections per address, how fast connections are
//! accepted, connections per user, and how much memory is in use. [`Places`] is one shard's: its places, and who makes room for others. A connection passes by
//! `at_accept` and, once its first request is whole, by `graduate`; the request of a trusted proxy hands
//! its place over to the client that it names; `leave` gives all back.

mod address;
mod budgets;
mod counts;
mod memory;
mod newcomers;
mod pace;
mod places;
mod proxies;
mod refusal;
mod rules;
mod shared;
mod users;

pub(crate) use address::Subject;
pub use budgets::BUDGETS_BYTES;
pub(crate) use memory::Pressure;
pub(crate) use places::{Entry, Places};
pub use proxies::ProxyRules;
pub(crate) use proxies::SeenProxies;
pub(crate) use refusal::{Reason, Refusal};
pub use rules::AdmissionRules;
pub use shared::Admission;
