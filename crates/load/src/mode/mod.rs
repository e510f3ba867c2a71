//! The jobs of the threads in each mode.

mod churn;
mod deliveries;
mod echo;
mod listeners;
mod returning;
mod slow;
mod subscribers;
mod transport;

pub(crate) use churn::{Churn, Leaving};
pub(crate) use deliveries::Deliveries;
pub(crate) use echo::Echo;
pub(crate) use listeners::{Asking, Listeners, Terms};
pub(crate) use returning::Backoff;
pub(crate) use subscribers::{Rules, Subscribers};
pub(crate) use transport::{TRANSPORTS, Transport};
