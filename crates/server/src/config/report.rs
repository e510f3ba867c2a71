//! `--check-config`: every value in force, where it came from and what it means, then the figures
//! that follow from them. What is printed is itself a configuration file.

use std::fmt::{self, Write as _};

use super::Config;
use super::capacity::{bytes, connection_kinds};
use super::hook_keys::{EventsSettings, HookSettings};
use super::hooks::{EVENTS, Hooks};
use super::keys::Settings;
use super::namespace_keys::NamespaceSettings;
use super::table::Key;
use super::written::Origin;

/// The whole report.
pub(crate) struct Report<'a> {
    /// What is reported.
    pub config: &'a Config,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "# Switchboard {}: the configuration in force.", env!("CARGO_PKG_VERSION"))?;
        self.keys(f)?;
        writeln!(f, "\n\n# ==== Namespaces ====")?;
        let shard_log_bytes_max = self.config.settings.shard_log_bytes_max;
        for (at, (name, namespace)) in self.config.namespaces.iter().enumerate() {
            write_namespace(f, name, namespace, at == 0)?;
            write_comment(f, &kept(namespace, shard_log_bytes_max), 0)?;
        }
        self.hooks(f)?;
        self.figures(f)
    }
}

impl Report<'_> {
    fn keys(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.config.settings.shown();
        let mut topic = "";
        for ((key, value), origin) in Settings::KEYS.iter().zip(shown).zip(&self.config.origins) {
            if key.topic != topic {
                topic = key.topic;
                writeln!(f, "\n\n# ==== {topic} ====")?;
            }
            writeln!(f)?;
            write_comment(f, key.explanation, 0)?;
            let origin = origin.as_ref().map_or("default".to_owned(), |origin| name(origin, key));
            match value {
                Some(value) => writeln!(f, "{} = {value} # {origin}", key.name)?,
                None if origin == "default" => writeln!(f, "# {} is not set", key.name)?,
                None => writeln!(f, "# {} is set and not shown # {origin}", key.name)?,
            }
        }
        Ok(())
    }

    fn hooks(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Hooks { asked, events } = &self.config.hooks;
        if asked.is_empty() && events.is_none() {
            return Ok(());
        }
        writeln!(f, "\n\n# ==== Backends ====")?;
        for (at, (hook, settings)) in asked.iter().enumerate() {
            let secrets = [
                ("static_headers", !settings.static_headers.expose().is_empty()),
                ("secret", settings.secret.is_some()),
            ];
            let keys = HookSettings::KEYS.iter().zip(settings.shown());
            write_hook(f, hook.name(), keys, &secrets, at == 0)?;
        }
        if let Some(settings) = events {
            let secrets = [
                ("static_headers", !settings.static_headers.expose().is_empty()),
                ("secret", settings.secret.is_some()),
            ];
            let keys = EventsSettings::KEYS.iter().zip(settings.shown());
            write_hook(f, EVENTS, keys, &secrets, true)?;
        }
        Ok(())
    }

    fn figures(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Config { capacity, cpus, warnings, settings, .. } = self.config;
        let limits_bytes = capacity.limits_bytes(settings);
        let (user, kernel) = capacity.connection_bytes();
        writeln!(f, "\n\n# ==== What follows from it ====\n#")?;
        let mut line = |name: &str, text: String| write_comment(f, &format!("{name}: {text}"), 4);
        line("shards", format!("{}, on cores {cpus:?}", cpus.len()))?;
        line("plane", capacity.plane.to_string())?;
        line(
            "connections",
            format!(
                "{}, in each shard up to {}",
                capacity.connections_max,
                self.config.connections_per_shard_max()
            ),
        )?;
        for bound in &capacity.bounds {
            line("  possible", format!("{} by {}", bound.connections, bound.reason))?;
        }
        line(
            "memory at full load",
            format!(
                "{} of {} that may be used: {} user and {} kernel memory of connections, {} what \
                 channels keep, {} channels without subscribers, {} publications under way, arenas \
                 and the program itself, {} the addresses and users that limits count",
                bytes(capacity.full_load_bytes() + limits_bytes),
                bytes(capacity.budget_bytes),
                bytes(user),
                bytes(kernel),
                bytes(capacity.log_bytes),
                bytes(capacity.idle_channel_bytes),
                bytes(capacity.other_bytes),
                bytes(limits_bytes),
            ),
        )?;
        line("user memory of a connection", connection_kinds(cpus.len() as u64))?;
        line("not counted in it", NOT_COUNTED.to_owned())?;
        if let Some(shortage) = &capacity.shortage {
            line("cannot start", shortage.clone())?;
        }
        for warning in warnings {
            line("warning", warning.clone())?;
        }
        Ok(())
    }
}

/// Memory that depends on what clients and publishers do.
const NOT_COUNTED: &str = "channels of their own that connections have; what slow clients have taken a part of, until they take the rest or are \
                           closed; what backends are asked and told (for each up to 16 MiB that wait, and 1 MiB \
                           for each request under way); and other forms of what is kept, for event streams (binary, line \
                           breaks) and answers in JSON: at most as many bytes as all logs may have";

/// What channels of a namespace keep, and how many such channels fit.
fn kept(namespace: &NamespaceSettings, shard_log_bytes_max: usize) -> String {
    let &NamespaceSettings { log_publications_max, log_bytes_max, history_publications, .. } =
        namespace;
    let behind = format!("{log_publications_max} publications or {}", bytes(log_bytes_max as u64));
    let (most, back) = if history_publications == 0 {
        (log_bytes_max, "nothing".to_owned())
    } else {
        let &NamespaceSettings { history_bytes, history_ttl_ms, .. } = namespace;
        let back = format!(
            "{history_publications} publications, {} or {history_ttl_ms} ms",
            bytes(history_bytes as u64)
        );
        (log_bytes_max.max(history_bytes), back)
    };
    let share_percent = namespace.shard_share_percent;
    let share = (shard_log_bytes_max as u128 * u128::from(share_percent) / 100) as usize;
    let channels = share / most.max(1);
    format!(
        "A channel keeps up to {behind} for subscribers that are behind, and up to {back} for \
         clients that resume. Of channels that keep {} each, {channels} fill the {} of a shard that \
         they may take together; then the largest drops its oldest publication first.",
        bytes(most as u64),
        bytes(share as u64)
    )
}

/// Where a value came from, in the spelling that was used.
fn name(origin: &Origin, key: &Key) -> String {
    match origin {
        Origin::Environment => format!("environment {}", key.variable()),
        Origin::File(path) => format!("file {}", path.display()),
        Origin::Flag => format!("flag --{}", key.flag()),
    }
}

fn write_namespace(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    namespace: &NamespaceSettings,
    explain: bool,
) -> fmt::Result {
    let mut header = toml::Table::new();
    header.insert(name.to_owned(), toml::Value::Boolean(true));
    // The library knows which names need quotes.
    let quoted = header.to_string();
    let quoted = quoted.rsplit_once(" = ").map_or(name, |(quoted, _)| quoted);
    writeln!(f, "\n[namespace.{quoted}]")?;
    for (key, value) in NamespaceSettings::KEYS.iter().zip(namespace.shown()) {
        if explain {
            write_comment(f, key.explanation, 0)?;
        }
        if let Some(value) = value {
            writeln!(f, "{} = {value}", key.name)?;
        }
    }
    Ok(())
}

/// A backend; of its secrets, which of them are set.
fn write_hook<'k>(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    keys: impl Iterator<Item = (&'k Key, Option<String>)>,
    secrets: &[(&str, bool)],
    explain: bool,
) -> fmt::Result {
    writeln!(f, "\n[hook.{name}]")?;
    for (key, value) in keys {
        if explain {
            write_comment(f, key.explanation, 0)?;
        }
        match value {
            Some(value) => writeln!(f, "{} = {value}", key.name)?,
            None if secrets.contains(&(key.name, true)) => {
                writeln!(f, "# {} is set and not shown", key.name)?;
            }
            None => writeln!(f, "# {} is not set", key.name)?,
        }
    }
    Ok(())
}

/// Text as comment lines of a readable width; `hanging` spaces before all but the first.
fn write_comment(f: &mut fmt::Formatter<'_>, text: &str, hanging: usize) -> fmt::Result {
    const WIDTH: usize = 96;
    let indent = text.len() - text.trim_start().len();
    let mut line = format!("#{:indent$}", "");
    for word in text.split_whitespace() {
        if line.len() + 1 + word.len() > WIDTH {
            writeln!(f, "{line}")?;
            line = format!("#{:hanging$}", "");
        }
        write!(line, " {word}")?;
    }
    writeln!(f, "{line}")
}
