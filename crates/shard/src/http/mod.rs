//! Requests on the public listener: which route one takes, whether it may, and what is answered.

mod answer;
pub(crate) mod origin;
mod response;
mod route;
mod upgrade;

pub(crate) use answer::{Answer, wrong_method};
pub(crate) use response::Response;
pub(crate) use route::{Route, keeps_alive, route};
pub(crate) use upgrade::{upgrade, upgrade_required};
