//! Requests: which route one takes on the public listener, whether it may, upgrades, and what is
//! answered on the wire.

mod answer;
mod host;
pub(crate) mod origin;
mod response;
mod route;
mod upgrade;

pub(crate) use answer::{Answer, wrong_method};
pub(crate) use response::Response;
pub(crate) use route::{Route, SdkPath, keeps_alive, knows_method, route, takes_body};
pub(crate) use upgrade::{upgrade, upgrade_required, upgrade_with};
