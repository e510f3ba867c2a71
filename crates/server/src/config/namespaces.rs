//! The namespaces of the file and the built-in ones.

use std::collections::BTreeMap;

use switchboard_auth::{Access, UserChannels};
use switchboard_hooks::Hook;
use switchboard_hub::Namespaces;

use super::error::Problem;
use super::keys::Settings;
use super::named_table::NamedTable;
use super::namespace_keys::NamespaceSettings;
use super::raw::Raw;

/// The namespace of all names that have no table.
pub(crate) const DEFAULT: &str = "default";
/// The namespace in which clients may publish by default.
pub(crate) const DEMO: &str = "demo";
/// The namespace of the channels that report joins and leaves in others.
pub(crate) const PRESENCE: &str = "presence";

/// The share of a namespace that any client can fill, unless it is set.
const STRANGERS_SHARE_PERCENT: i64 = 25;

/// Reads the tables of the file and adds the built-in ones.
pub(crate) fn collect(
    raw: &Raw,
    settings: &Settings,
    problems: &mut Vec<Problem>,
) -> Option<Namespaces<NamespaceSettings>> {
    let mut tables = raw.namespaces.clone();
    tables.entry(DEFAULT.to_owned()).or_default();
    if settings.demo == Some(true) {
        let demo = tables.entry(DEMO.to_owned()).or_default();
        let rate = i64::from(settings.demo_publish_per_second);
        demo.entry("publish").or_insert(true.into());
        demo.entry("publish_per_second").or_insert(rate.into());
        demo.entry("shard_share_percent").or_insert(STRANGERS_SHARE_PERCENT.into());
    }
    // Rules of its own, since those of the default may let clients publish.
    if tables.values().any(|keys| keys.get("join_leave") == Some(&true.into())) {
        let presence = tables.entry(PRESENCE.to_owned()).or_default();
        presence.entry("shard_share_percent").or_insert(STRANGERS_SHARE_PERCENT.into());
    }
    let mut named = BTreeMap::new();
    for (name, mut keys) in tables {
        inherit(&mut keys, settings);
        let table = Table(NamedTable { kind: "namespace", name: &name, keys: &keys, raw });
        if let Some(namespace) = table.check(settings, problems) {
            named.insert(name, namespace);
        }
    }
    let default = named.remove(DEFAULT)?;
    Some(Namespaces::new(default, named, settings.strict_namespaces))
}

/// A namespace inherits from the server's keys what it does not set.
fn inherit(keys: &mut toml::Table, settings: &Settings) {
    let bytes = i64::try_from(settings.log_bytes_max).unwrap_or(i64::MAX);
    let publications = i64::from(settings.log_publications_max);
    for (name, value) in
        [("log_publications_max", publications), ("log_bytes_max", bytes), ("history_bytes", bytes)]
    {
        keys.entry(name).or_insert(value.into());
    }
}

/// One `[namespace.NAME]`.
struct Table<'a>(NamedTable<'a>);

impl Table<'_> {
    fn check(&self, settings: &Settings, problems: &mut Vec<Problem>) -> Option<NamespaceSettings> {
        let before = problems.len();
        let forbidden = |c: char| c.is_control() || matches!(c, ':' | '/' | ',');
        if self.0.name.is_empty() || self.0.name.contains(forbidden) {
            problems.push(self.0.problem(
                None,
                "a namespace is the part before the first `:` of a channel's name: not empty, \
                 no `:`, `/`, `,` or control characters",
            ));
        }
        self.0.check_names(NamespaceSettings::KEYS, problems);
        let namespace = NamespaceSettings::collect(&self.0, problems)?;
        if namespace.join_leave && self.0.name == PRESENCE {
            let right = "must be false here: channels that report joins and leaves have no \
                         such channels themselves";
            problems.push(self.0.wrong("join_leave", right));
        }
        self.sizes(&namespace, settings, problems);
        self.rights(&namespace, settings, problems);
        (problems.len() == before).then_some(namespace)
    }

    /// Rights that nobody could have.
    fn rights(
        &self,
        namespace: &NamespaceSettings,
        settings: &Settings,
        problems: &mut Vec<Problem>,
    ) {
        let rights = [
            ("subscribe", Some(namespace.subscribe)),
            ("publish", Some(namespace.publish)),
            ("presence", namespace.presence),
            ("history", namespace.history),
        ];
        for (key, access) in rights {
            let needs_key = matches!(access, Some(Access::Authenticated | Access::Granted));
            let connects = self.0.raw.hooks.contains_key(Hook::Connect.name());
            if needs_key && !settings.takes_tokens() && !connects {
                let right = "needs a key for tokens or a [hook.connect]: set `token_secret`, `token_key`, \
                             `token_jwks_file` or `token_jwks`";
                problems.push(self.0.wrong(key, right));
            }
            if access == Some(Access::Hook)
                && let Some(right) = self.missing_hook(key)
            {
                problems.push(self.0.wrong(key, &right));
            }
        }
        if let Some(right) = self.wrong_user_channels(namespace, &rights) {
            problems.push(self.0.wrong("user_channels", &right));
        }
    }

    /// What keeps backends from being asked about a right.
    fn missing_hook(&self, right: &str) -> Option<String> {
        let asked = [Hook::Subscribe, Hook::Publish].into_iter().find(|hook| hook.name() == right);
        match asked {
            Some(hook) if self.0.raw.hooks.contains_key(hook.name()) => None,
            Some(hook) => Some(format!("needs a [hook.{hook}] with the `url` of the backend")),
            None => Some(
                "cannot be \"hook\": backends are asked about `subscribe` and `publish` alone"
                    .to_owned(),
            ),
        }
    }

    /// A pattern that gives nobody anything looks as if it kept others out.
    fn wrong_user_channels(
        &self,
        namespace: &NamespaceSettings,
        rights: &[(&str, Option<Access>)],
    ) -> Option<String> {
        let patterns = &namespace.user_channels;
        let of = (self.0.name != DEFAULT).then_some(self.0.name);
        if let Err(error) = UserChannels::new(of, patterns) {
            return Some(error.to_string());
        }
        if !patterns.is_empty()
            && !rights
                .iter()
                .any(|(_, access)| matches!(access, Some(Access::Granted | Access::Hook)))
        {
            let right =
                "does nothing unless `subscribe` or another right is \"granted\" or \"hook\"";
            return Some(right.to_owned());
        }
        let other = patterns.iter().find_map(|pattern| {
            let name = pattern.split_once(':')?.0;
            (of.is_none() && self.0.raw.namespaces.contains_key(name)).then_some(name)
        })?;
        Some(format!("names channels of [namespace.{other}]: write it there"))
    }

    /// What must fit into what. The server's own keys are checked elsewhere, so only what was
    /// written in this namespace is looked at.
    fn sizes(
        &self,
        namespace: &NamespaceSettings,
        settings: &Settings,
        problems: &mut Vec<Problem>,
    ) {
        let Settings { shard_log_bytes_max, publish_bytes_max, message_bytes_max, .. } = settings;
        let (largest, publication) =
            (publish_bytes_max, "publish_bytes_max").max((message_bytes_max, "message_bytes_max"));
        let keeps_history = namespace.history_publications > 0;
        for (key, size, is_used) in [
            ("log_bytes_max", namespace.log_bytes_max, true),
            ("history_bytes", namespace.history_bytes, keeps_history),
        ] {
            let right = if size > *shard_log_bytes_max {
                format!("larger than `shard_log_bytes_max`, which is {shard_log_bytes_max}")
            } else if size < *largest && is_used {
                format!("smaller than `{publication}`, which is {largest}")
            } else {
                continue;
            };
            if self.is_written(key) {
                problems.push(self.0.wrong(key, &format!("must not be {right}")));
            }
        }
    }

    fn is_written(&self, key: &str) -> bool {
        self.0.raw.namespaces.get(self.0.name).is_some_and(|keys| keys.contains_key(key))
    }
}
