//! How a node reaches the engine, and what it makes there.

use std::path::PathBuf;
use std::sync::Arc;

use switchboard_gateway::Sharing;
use switchboard_hub::{Namespaces, Rules};

/// How a node reaches the engine, and what it makes there.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Addresses of NATS servers, such as `nats://127.0.0.1:4222`. One of them is enough to find the others.
    pub servers: Vec<String>,
    /// Who the node is to NATS.
    pub credentials: Credentials,
    /// How it is protected; not at all if none, unless a server asks for it.
    pub tls: Option<EngineTls>,
    /// How many servers keep each stream.
    pub replicas: usize,
    /// Where they keep it.
    pub storage: Storage,
    /// The names, and how channels are spread.
    pub sharing: Sharing,
    /// What people call this node.
    pub node_name: Box<str>,
    /// The rules of the namespaces, each of which has streams of its own.
    pub rules: Arc<Namespaces<Rules>>,
}

/// Who a node is to NATS.
#[derive(Clone)]
pub enum Credentials {
    /// Nobody in particular.
    None,
    /// A file as `nsc` writes it, with a token and a seed.
    File(PathBuf),
    /// A user.
    User {
        /// The name.
        name: String,
        /// The password.
        password: String,
    },
    /// A token.
    Token(String),
}

impl std::fmt::Debug for Credentials {
    /// Says nothing that is secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::File(_) => "File",
            Self::User { .. } => "User",
            Self::Token(_) => "Token",
        })
    }
}

/// How the connection to NATS is protected.
#[derive(Clone, Debug, Default)]
pub struct EngineTls {
    /// Who has signed the certificates of the servers; those that the machine trusts if none.
    pub ca: Option<PathBuf>,
    /// The node's own certificate and its key.
    pub certificate: Option<(PathBuf, PathBuf)>,
}

/// Where a stream is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Storage {
    /// On disk.
    #[default]
    File,
    /// In memory: gone when all of its servers are.
    Memory,
}
