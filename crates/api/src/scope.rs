//! Which nodes of a cluster a request is for.

/// The header by which a request asks this node alone: `Switchboard-Scope: node`. Without it, what is asked about
/// subscribers and users is asked of all nodes.
pub const SCOPE: &str = "switchboard-scope";
/// Its value.
pub const NODE_SCOPE: &str = "node";
