//! The jobs of the threads in each mode.

mod churn;
mod echo;
mod returning;
mod slow;
mod subscribers;

pub(crate) use churn::{Churn, Leaving};
pub(crate) use echo::Echo;
pub(crate) use returning::Backoff;
pub(crate) use subscribers::{Rules, Subscribers};
