//! Whose a connection is. Nothing here acts.

mod proxies;

pub use proxies::ProxyRules;
pub(crate) use proxies::SeenProxies;
