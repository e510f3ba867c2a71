//! Exactly what was written: flags, environment and file, before anything is understood.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::command::{self, EngineTask};
use super::error::{Problem, Value, unknown};
use super::keys::Settings;
use super::table::{Key, Source, VARIABLE_PREFIX};
use super::written::{Origin, Written};

/// Everything that was written.
#[derive(Debug, Default)]
pub(crate) struct Raw {
    /// The user wants the configuration explained, not the server started.
    pub check_only: bool,
    /// What is to be done at the engine instead.
    pub engine: Option<EngineTask>,
    /// `[namespace.NAME]` of the file.
    pub namespaces: BTreeMap<String, toml::Table>,
    /// `[hook.NAME]` of the file.
    pub hooks: BTreeMap<String, toml::Table>,
    /// The file that was read.
    pub path: Option<PathBuf>,
    /// Unknown keys, and what cannot be read.
    pub problems: Vec<Problem>,
    flags: BTreeMap<&'static str, String>,
    environment: BTreeMap<&'static str, String>,
    file: toml::Table,
}

impl Raw {
    /// Reads the command line, the environment and the file they name.
    pub(crate) fn read(
        arguments: impl IntoIterator<Item = OsString>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, clap::Error> {
        let command::CommandLine { check_only, engine, file, values } = command::parse(arguments)?;
        let mut raw = Self { check_only, engine, flags: values, ..Self::default() };
        let mut problems = Vec::new();
        let named = raw.take_environment(environment, &mut problems);
        if let Some(path) = file.or(named) {
            match read_file(&path) {
                Ok(table) => raw.take_file(path, table, &mut problems),
                Err(problem) => problems.push(problem),
            }
        }
        raw.problems = problems;
        Ok(raw)
    }

    /// Keeps the variables that are keys; returns the file that `SWITCHBOARD_CONFIG` names.
    fn take_environment(
        &mut self,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        problems: &mut Vec<Problem>,
    ) -> Option<PathBuf> {
        let variables: Vec<String> = Settings::KEYS.iter().map(Key::variable).collect();
        let mut named = None;
        for (name, value) in environment {
            let Some(name) = name.to_str().filter(|name| name.starts_with(VARIABLE_PREFIX)) else {
                continue;
            };
            if name == FILE_VARIABLE {
                named = Some(PathBuf::from(value));
                continue;
            }
            let key = variables.iter().position(|variable| variable == name);
            let problem = |right| Problem {
                key: name.to_owned(),
                value: Value::None,
                origin: Some(Origin::Environment),
                right,
            };
            match (key.and_then(|at| Settings::KEYS.get(at)), value.into_string()) {
                (Some(key), Ok(value)) => {
                    self.environment.insert(key.name, value);
                }
                (Some(_), Err(_)) => problems.push(problem("must be UTF-8".to_owned())),
                (None, value) if is_service_link(name, value.as_deref().unwrap_or("")) => {}
                (None, _) => {
                    let known = variables.iter().map(String::as_str).chain([FILE_VARIABLE]);
                    problems.push(problem(unknown(name, known, str::to_owned)));
                }
            }
        }
        named
    }

    fn take_file(&mut self, path: PathBuf, table: toml::Table, problems: &mut Vec<Problem>) {
        for (name, value) in table {
            let mut refuse = |key: String, value: Value, right: String| {
                let origin = Some(Origin::File(path.clone()));
                problems.push(Problem { key, value, origin, right });
            };
            if name == NAMESPACE {
                let toml::Value::Table(namespaces) = value else {
                    let right = "must be tables such as [namespace.news]".to_owned();
                    refuse(name, Value::Shown(value.to_string()), right);
                    continue;
                };
                for (name, value) in namespaces {
                    if let toml::Value::Table(keys) = value {
                        self.namespaces.insert(name, keys);
                    } else {
                        let right = format!(
                            "keys of a namespace go into a table of their own, such as \
                             [namespace.news]; for all others [namespace.default] and `{name}` in it"
                        );
                        refuse(
                            format!("{NAMESPACE}.{name}"),
                            Value::Shown(value.to_string()),
                            right,
                        );
                    }
                }
            } else if name == HOOK {
                let tables = tables(value);
                if tables.is_none() {
                    let right = "must be tables such as [hook.connect]".to_owned();
                    refuse(name, Value::None, right);
                }
                self.hooks.extend(tables.into_iter().flatten());
            } else if Settings::KEYS.iter().any(|key| key.name == name) {
                self.file.insert(name, value);
            } else {
                let known = Settings::KEYS.iter().map(|key| key.name).chain([NAMESPACE, HOOK]);
                let right = unknown(&name, known, |known| format!("`{known}`"));
                // Its value is not printed: it might be a misspelt `api_key`.
                refuse(name, Value::None, right);
            }
        }
        self.path = Some(path);
    }

    /// Where the value of a key in a namespace was written.
    pub(crate) fn file_origin(&self) -> Origin {
        Origin::File(self.path.clone().unwrap_or_default())
    }
}

impl Source for Raw {
    fn find(&self, key: &Key) -> Option<(Written, Origin)> {
        if let Some(text) = self.flags.get(key.name) {
            return Some((Written::Text(text.clone()), Origin::Flag));
        }
        if let Some(text) = self.environment.get(key.name) {
            return Some((Written::Text(text.clone()), Origin::Environment));
        }
        let value = self.file.get(key.name)?;
        Some((Written::File(value.clone()), self.file_origin()))
    }
}

/// The keys that nest.
const NAMESPACE: &str = "namespace";
const HOOK: &str = "hook";

/// A table of tables.
fn tables(value: toml::Value) -> Option<Vec<(String, toml::Table)>> {
    let toml::Value::Table(tables) = value else {
        return None;
    };
    let table = |(name, value)| match value {
        toml::Value::Table(keys) => Some((name, keys)),
        _ => None,
    };
    tables.into_iter().map(table).collect()
}

/// The variable beside `--config`.
const FILE_VARIABLE: &str = "SWITCHBOARD_CONFIG";

fn read_file(path: &Path) -> Result<toml::Table, Problem> {
    let problem = |right| Problem {
        key: "config".to_owned(),
        value: Value::Shown(format!("{:?}", path.display().to_string())),
        origin: None,
        right,
    };
    let text = std::fs::read_to_string(path)
        .map_err(|error| problem(format!("must be a file that can be read: {error}")))?;
    text.parse().map_err(|error: toml::de::Error| {
        problem(format!("must be TOML: {}", error.to_string().trim_end()))
    })
}

/// Kubernetes and Docker set such variables for a service that is named `switchboard`; they are
/// not meant for this program, and refusing them would keep it from starting there.
fn is_service_link(name: &str, value: &str) -> bool {
    let is_url = ["tcp://", "udp://", "sctp://"].iter().any(|scheme| value.starts_with(scheme));
    name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
        || (name.ends_with("_PORT") && is_url)
        || (name.contains("_PORT_") && (name.contains("_TCP") || name.contains("_UDP")))
}
