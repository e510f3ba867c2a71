//! What is wrong with a configuration, in words for the person that wrote it.

use std::fmt;

use super::written::Origin;

/// One thing that is wrong: the key, its value, where it came from, and what would be right.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    /// The key as the person wrote it, with its namespace.
    pub key: String,
    /// The value as written.
    pub value: Value,
    /// Where it was written.
    pub origin: Option<Origin>,
    /// What would be right.
    pub right: String,
}

/// A value in a message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Value {
    /// There is one, but it is a secret.
    Hidden,
    /// There is none to show.
    None,
    /// As it was written.
    Shown(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key)?;
        match &self.value {
            Value::Hidden => f.write_str(" = (hidden)")?,
            Value::None => {}
            Value::Shown(value) => write!(f, " = {value}")?,
        }
        if let Some(origin) = &self.origin {
            write!(f, " ({origin})")?;
        }
        write!(f, ": {}", self.right)
    }
}

/// Why there is no configuration to start with.
#[derive(Debug)]
pub(crate) enum ConfigError {
    /// The command line was not understood, or asked for `--help` or `--version`.
    CommandLine(clap::Error),
    /// Everything that is wrong, all at once.
    Problems(Vec<Problem>),
}

impl ConfigError {
    /// Prints it where it belongs: help and version to standard output, errors to standard error.
    pub(crate) fn print(&self) {
        match self {
            Self::CommandLine(error) => {
                // Nobody is left to tell when the terminal is gone.
                let _ = error.print();
            }
            Self::Problems(problems) => {
                for problem in problems {
                    crate::log::say(&format!("switchboard: {problem}"));
                }
            }
        }
    }

    /// 0 for help and version, 64 (usage, sysexits) otherwise.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::CommandLine(error) if !error.use_stderr() => 0,
            _ => 64,
        }
    }
}

/// "unknown", with the nearest known name when one is near.
pub(crate) fn unknown<'a>(
    name: &str,
    known: impl Iterator<Item = &'a str>,
    show: impl Fn(&str) -> String,
) -> String {
    const NEAR: f64 = 0.75;
    let nearest = known
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match nearest {
        Some((similarity, known)) if similarity >= NEAR => {
            format!("is not known; did you mean {}?", show(known))
        }
        _ => "is not known; see `switchboard --help` for all keys".to_owned(),
    }
}
