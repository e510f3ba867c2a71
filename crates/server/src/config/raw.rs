//! Exactly what was written: flags, environment and file, before anything is understood.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use super::command;
use super::error::{Problem, Value, unknown};
use super::keys::Settings;
use super::table::{Key, Source, VARIABLE_PREFIX};
use super::value::Form;

/// Where a value was written. Flags win over the environment, that over the file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Origin {
    /// A flag of the command line.
    Flag,
    /// An environment variable.
    Environment,
    /// The configuration file.
    File(PathBuf),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("flag"),
            Self::Environment => f.write_str("environment"),
            Self::File(path) => write!(f, "file {}", path.display()),
        }
    }
}

/// A value as it was written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Written {
    /// In the file, where it has a type.
    File(toml::Value),
    /// In a flag or variable, where everything is text.
    Text(String),
}

impl Written {
    /// The value as plain text; in the file its type must be the key's.
    pub(crate) fn text(&self, form: Form) -> Result<String, String> {
        let value = match self {
            Self::File(value) => value,
            Self::Text(text) => return Ok(text.clone()),
        };
        match (form, value) {
            (Form::Number, toml::Value::Integer(number)) => Ok(number.to_string()),
            (Form::Switch, toml::Value::Boolean(on)) => Ok(on.to_string()),
            (Form::Text | Form::List, toml::Value::String(text)) => Ok(text.clone()),
            (Form::List, toml::Value::Array(items)) => join(items),
            (Form::Number, _) => Err("must be a whole number without quotes".to_owned()),
            (Form::Switch, _) => Err("must be true or false, without quotes".to_owned()),
            (Form::Text, _) => Err("must be text in quotes".to_owned()),
            (Form::List, _) => Err("must be a list such as [\"one\", \"two\"]".to_owned()),
        }
    }
}

impl fmt::Display for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(value) => write!(f, "{value}"),
            Self::Text(text) => write!(f, "{text:?}"),
        }
    }
}

fn join(items: &[toml::Value]) -> Result<String, String> {
    let texts: Option<Vec<&str>> = items.iter().map(toml::Value::as_str).collect();
    match texts {
        Some(texts) if texts.iter().all(|text| !text.is_empty() && !text.contains(',')) => {
            Ok(texts.join(","))
        }
        _ => Err("must be a list of texts in quotes, none empty, none with a comma".to_owned()),
    }
}

/// Everything that was written.
#[derive(Debug, Default)]
pub(crate) struct Raw {
    /// The person wants the configuration explained, not the server started.
    pub check_only: bool,
    /// `[namespace.NAME]` of the file.
    pub namespaces: BTreeMap<String, toml::Table>,
    /// The file that was read.
    pub path: Option<PathBuf>,
    /// What is no key, or cannot be read.
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
        let line = command::parse(arguments)?;
        let mut raw = Self { check_only: line.check_only, flags: line.values, ..Self::default() };
        let mut problems = Vec::new();
        let named = raw.take_environment(environment, &mut problems);
        if let Some(path) = line.file.or(named) {
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
                            "keys of a namespace stand in a table of their own, such as \
                             [namespace.news]; for all others [namespace.default] and `{name}` in it"
                        );
                        refuse(
                            format!("{NAMESPACE}.{name}"),
                            Value::Shown(value.to_string()),
                            right,
                        );
                    }
                }
            } else if Settings::KEYS.iter().any(|key| key.name == name) {
                self.file.insert(name, value);
            } else {
                let known = Settings::KEYS.iter().map(|key| key.name).chain([NAMESPACE]);
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

/// The only key that nests.
const NAMESPACE: &str = "namespace";

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
