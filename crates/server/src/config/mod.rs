//! The configuration: flags, environment and file become one checked [`Config`].
//!
//! Stages: [`raw`] holds exactly what was written, [`check`] holds it against the table in [`keys`]
//! and against the [`machine`], and only what passed becomes a [`Config`]. Nothing binds before.

mod capacity;
mod check;
mod command;
mod control_group;
mod engine;
mod engine_values;
mod error;
mod hook_keys;
mod hook_values;
mod hooks;
mod keys;
mod load;
mod machine;
mod named_table;
mod namespace_keys;
mod namespaces;
mod raw;
mod report;
mod table;
#[cfg(test)]
mod tests;
mod tokens;
mod value;
mod written;

pub(crate) use capacity::{Capacity, ExpectedPlane, bytes};
pub(crate) use command::EngineTask;
pub(crate) use engine_values::EngineChoice;
pub(crate) use error::ConfigError;
pub(crate) use hook_keys::{EventsSettings, HookSettings};
pub(crate) use hook_values::Headers;
pub(crate) use hooks::Hooks;
pub(crate) use keys::Settings;
pub(crate) use load::Task;
pub(crate) use namespace_keys::NamespaceSettings;
pub(crate) use value::{Secret, Secrets};

use std::sync::Arc;

use switchboard_auth::Verifier;
use switchboard_hub::Namespaces;

use written::Origin;

/// A configuration that passed every check.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// The value of every key.
    pub settings: Settings,
    /// The settings of each namespace.
    pub namespaces: Namespaces<NamespaceSettings>,
    /// The backends that are asked and told.
    pub hooks: Hooks,
    /// Checks the tokens of clients; none when the server takes none.
    pub verifier: Option<Arc<Verifier>>,
    /// The core of each shard; as many as there are shards, at least one.
    pub cpus: Vec<usize>,
    /// How many connections, and what they cost.
    pub capacity: Capacity,
    /// Warnings for the person that starts the server; logged at start.
    pub warnings: Vec<String>,
    /// Where the value of each key came from, in the order of [`Settings::KEYS`].
    origins: Vec<Option<Origin>>,
}

impl Config {
    /// Connections that one shard may hold: its share, rounded up.
    pub(crate) fn connections_per_shard_max(&self) -> u32 {
        let shards = u32::try_from(self.cpus.len()).unwrap_or(u32::MAX).max(1);
        self.capacity.connections_max.div_ceil(shards)
    }
}
