//! One value as it was written, and where.

use std::fmt;
use std::path::PathBuf;

use super::value::{Form, Secrets};

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
            Self::Text(text) if form == Form::Secrets => {
                return Ok(text.replace(',', &Secrets::SEPARATOR.to_string()));
            }
            Self::Text(text) => return Ok(text.clone()),
        };
        match (form, value) {
            (Form::Number, toml::Value::Integer(number)) => Ok(number.to_string()),
            (Form::Switch | Form::Word, toml::Value::Boolean(on)) => Ok(on.to_string()),
            (Form::Text | Form::List | Form::Word, toml::Value::String(text)) => Ok(text.clone()),
            (Form::List, toml::Value::Array(items)) => join(items),
            (Form::Headers, toml::Value::Table(table)) => lines(table),
            (Form::Secrets, toml::Value::String(secret)) => Ok(one_line(secret)),
            (Form::Secrets, toml::Value::Array(items)) => join_secrets(items),
            (Form::Number, _) => Err("must be a whole number without quotes".to_owned()),
            (Form::Switch, _) => Err("must be true or false, without quotes".to_owned()),
            (Form::Text | Form::Word, _) => Err("must be text in quotes".to_owned()),
            (Form::Secrets, _) => {
                Err("must be text in quotes, or a list of two of them".to_owned())
            }
            (Form::Headers, _) => Err(HEADERS.to_owned()),
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

const HEADERS: &str = "must be a table such as { X-Backend-Key = \"...\" } with texts in quotes";

/// A header in each line, as on the wire.
fn lines(table: &toml::Table) -> Result<String, String> {
    let line = |(name, value): (&String, &toml::Value)| {
        let value = value.as_str().filter(|value| !value.contains('\n'))?;
        (!name.contains([':', '\n'])).then(|| format!("{name}:{value}"))
    };
    let lines: Option<Vec<_>> = table.iter().map(line).collect();
    lines.map(|lines| lines.join("\n")).ok_or(HEADERS.to_owned())
}

/// In the file a secret may have commas, and what would part two of them makes it a wrong one.
fn one_line(secret: &str) -> String {
    secret.replace(Secrets::SEPARATOR, " ")
}

fn join_secrets(items: &[toml::Value]) -> Result<String, String> {
    let secrets: Option<Vec<_>> = items.iter().map(|item| item.as_str().map(one_line)).collect();
    match secrets {
        Some(secrets) if !secrets.is_empty() => Ok(secrets.join(&Secrets::SEPARATOR.to_string())),
        _ => Err("must be text in quotes, or a list of two of them".to_owned()),
    }
}
