//! Namespaces: what stands before the first `:` of a channel's name decides the rules.

use std::collections::BTreeMap;

use super::error::{Problem, Value, unknown};
use super::keys::Settings;
use super::raw::{Origin, Raw, Written};
use super::table::{Key, Source, settings};
use super::value::{Setting, SlowPolicy};

settings! {
    /// The rules of one namespace.
    #[derive(Clone, Debug)]
    struct Namespace;

    "Namespace" {
        /// Clients may publish to its channels over their WebSocket.
        publish: bool = false;
        /// Publications a second that one client may send, with a burst of as many. 0 is unlimited.
        publish_per_second: u32 = 0, 0..=10_000_000;
        /// What happens to a client that falls behind the log: `disconnect` with code 4008, `skip`
        /// to the oldest publication that is kept, or only the `latest`.
        slow_policy: SlowPolicy = SlowPolicy::Disconnect;
        /// Clients that speak raw WebSocket may lose publications without being told.
        lossy_raw: bool = false;
    }
}

/// All namespaces.
#[derive(Clone, Debug)]
pub(crate) struct Namespaces {
    /// The rules of channels without a namespace or with one that is not named.
    pub default: Namespace,
    /// The others by name.
    pub named: BTreeMap<String, Namespace>,
}

/// The namespace of everything that is not named.
pub(crate) const DEFAULT: &str = "default";
/// The namespace that lets clients publish on built-in defaults.
pub(crate) const DEMO: &str = "demo";

impl Namespaces {
    /// Reads the tables of the file and adds the built-in ones.
    pub(crate) fn collect(
        raw: &Raw,
        settings: &Settings,
        problems: &mut Vec<Problem>,
    ) -> Option<Self> {
        let mut tables = raw.namespaces.clone();
        tables.entry(DEFAULT.to_owned()).or_default();
        if settings.demo {
            let demo = tables.entry(DEMO.to_owned()).or_default();
            let rate = i64::from(settings.demo_publish_per_second);
            demo.entry("publish").or_insert(true.into());
            demo.entry("publish_per_second").or_insert(rate.into());
        }
        let mut named = BTreeMap::new();
        for (name, keys) in tables {
            let table = Table { name: &name, keys: &keys, origin: raw.file_origin() };
            if let Some(namespace) = table.check(problems) {
                named.insert(name, namespace);
            }
        }
        let default = named.remove(DEFAULT)?;
        Some(Self { default, named })
    }
}

/// One `[namespace.NAME]`.
struct Table<'a> {
    name: &'a str,
    keys: &'a toml::Table,
    origin: Origin,
}

impl Table<'_> {
    fn check(&self, problems: &mut Vec<Problem>) -> Option<Namespace> {
        let before = problems.len();
        let forbidden = |c: char| c.is_control() || matches!(c, ':' | '/' | ',');
        if self.name.is_empty() || self.name.contains(forbidden) {
            problems.push(self.problem(
                None,
                "a namespace is what stands before the first `:` of a channel's name: not empty, \
                 no `:`, `/`, `,` or control characters",
            ));
        }
        for name in self.keys.keys() {
            let known = || Namespace::KEYS.iter().map(|key| key.name);
            if !known().any(|known| known == name) {
                let right = unknown(name, known(), |known| format!("`{known}`"));
                problems.push(self.problem(Some(name), &right));
            }
        }
        let namespace = Namespace::collect(self, problems)?;
        if namespace.slow_policy != SlowPolicy::Disconnect && !namespace.lossy_raw {
            problems.push(Problem {
                value: namespace.slow_policy.show().map_or(Value::None, Value::Shown),
                ..self.problem(
                    Some("slow_policy"),
                    "raw WebSocket clients cannot be told what they missed; keep \"disconnect\", \
                     or set lossy_raw = true in this namespace if its clients can bear gaps that \
                     nobody announces",
                )
            });
        }
        (problems.len() == before).then_some(namespace)
    }

    fn problem(&self, key: Option<&str>, right: &str) -> Problem {
        let dot = if key.is_some() { "." } else { "" };
        Problem {
            key: format!("namespace.{}{dot}{}", self.name, key.unwrap_or("")),
            value: Value::None,
            origin: Some(self.origin.clone()),
            right: right.to_owned(),
        }
    }
}

impl Source for Table<'_> {
    fn find(&self, key: &Key) -> Option<(Written, Origin)> {
        let value = self.keys.get(key.name)?;
        Some((Written::File(value.clone()), self.origin.clone()))
    }

    fn full_name(&self, key: &Key) -> String {
        format!("namespace.{}.{}", self.name, key.name)
    }
}
