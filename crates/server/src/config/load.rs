//! From the command line to a checked configuration.

use std::ffi::OsString;

use super::command::EngineTask;
use super::machine::Machine;
use super::raw::Raw;
use super::report::Report;
use super::{Config, ConfigError, check};

/// What the command line asked for.
#[derive(Debug)]
pub(crate) enum Task {
    /// Print this and stop.
    Print(String),
    /// Look at the engine, or make its streams, and stop.
    Engine(EngineTask, Box<Config>),
    /// Start the server.
    Run(Box<Config>),
}

impl Config {
    /// Reads arguments, environment, file and machine, and checks them all.
    pub(crate) fn load(
        arguments: impl IntoIterator<Item = OsString>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Task, ConfigError> {
        let raw = Raw::read(arguments, environment).map_err(ConfigError::CommandLine)?;
        let config = check::check(&raw, &Machine::read()).map_err(ConfigError::Problems)?;
        Ok(if raw.check_only {
            Task::Print(Report { config: &config }.to_string())
        } else if let Some(task) = raw.engine {
            Task::Engine(task, Box::new(config))
        } else {
            Task::Run(Box::new(config))
        })
    }
}
