//! The backends that the file names.

use std::collections::BTreeMap;

use switchboard_auth::Access;
use switchboard_hooks::Hook;
use switchboard_hub::Namespaces;

use super::error::{Problem, unknown};
use super::hook_keys::{EventsSettings, HookSettings};
use super::named_table::NamedTable;
use super::namespace_keys::NamespaceSettings;
use super::raw::Raw;

/// All backends.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hooks {
    /// Those that are asked.
    pub asked: BTreeMap<Hook, HookSettings>,
    /// The one that gets events.
    pub events: Option<EventsSettings>,
}

/// The name of the backend that gets events.
pub(super) const EVENTS: &str = "events";

impl Hooks {
    /// There are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.asked.is_empty() && self.events.is_none()
    }

    /// Reads the tables of the file.
    pub(super) fn collect(raw: &Raw, problems: &mut Vec<Problem>) -> Self {
        let mut hooks = Self::default();
        for (name, keys) in &raw.hooks {
            let table = NamedTable { kind: "hook", name, keys, raw };
            if let Some(hook) = Hook::ALL.into_iter().find(|hook| hook.name() == name) {
                if let Some(settings) = asked(hook, &table, problems) {
                    hooks.asked.insert(hook, settings);
                }
            } else if name == EVENTS {
                hooks.events = told(&table, problems);
            } else {
                let known = Hook::ALL.into_iter().map(Hook::name).chain([EVENTS]);
                let right = unknown(name, known, |known| format!("[hook.{known}]"));
                problems.push(table.problem(None, &right));
            }
        }
        hooks
    }

    /// What backends are for but are not asked: somebody may think that they are.
    pub(super) fn warnings(&self, namespaces: &Namespaces<NamespaceSettings>) -> Vec<String> {
        let mut warnings = Vec::new();
        for (hook, right) in [(Hook::Subscribe, "subscribe"), (Hook::Publish, "publish")] {
            let asks = |namespace: &NamespaceSettings| match hook {
                Hook::Subscribe => namespace.subscribe == Access::Hook,
                _ => namespace.publish == Access::Hook,
            };
            if self.asked.contains_key(&hook) && !namespaces.iter().any(|(_, rules)| asks(rules)) {
                warnings.push(format!(
                    "[hook.{hook}] is never asked: no namespace has {right} = \"hook\""
                ));
            }
        }
        if self.asked.get(&Hook::Connect).is_some_and(|connect| {
            connect.headers.is_empty() && connect.emulated_headers.is_empty()
        }) {
            warnings.push(
                "[hook.connect] has no `headers`: the backend sees nothing by which it could know a client"
                    .to_owned(),
            );
        }
        warnings
    }

    /// A backend knows clients by what browsers send whatever page asks.
    pub(super) fn takes_cookies(&self) -> bool {
        let mut headers = self.asked.values().flat_map(|hook| &hook.headers);
        headers.any(|header| header.name() == "cookie")
    }
}

/// What is said of a backend that is asked.
fn asked(hook: Hook, table: &NamedTable<'_>, problems: &mut Vec<Problem>) -> Option<HookSettings> {
    let before = problems.len();
    table.check_names(HookSettings::KEYS, problems);
    let settings = HookSettings::collect(table, problems)?;
    check_url(table, settings.url.is_some(), problems);
    let has_request = matches!(hook, Hook::Connect | Hook::Subscribe);
    if !has_request && table.keys.contains_key("headers") {
        let right = "is for [hook.connect] and [hook.subscribe]: for this question the head of the \
                     client's request is not kept";
        problems.push(table.problem(Some("headers"), right));
    }
    if hook != Hook::Connect && table.keys.contains_key("emulated_headers") {
        let right = "is for [hook.connect]: clients say them when they begin";
        problems.push(table.problem(Some("emulated_headers"), right));
    }
    (problems.len() == before).then_some(settings)
}

/// What is said of the backend that gets events.
fn told(table: &NamedTable<'_>, problems: &mut Vec<Problem>) -> Option<EventsSettings> {
    let before = problems.len();
    table.check_names(EventsSettings::KEYS, problems);
    let settings = EventsSettings::collect(table, problems)?;
    check_url(table, settings.url.is_some(), problems);
    if settings.events.is_empty() {
        let right = "must name what the backend is told; without [hook.events] it is told nothing";
        problems.push(table.problem(Some("events"), right));
    }
    (problems.len() == before).then_some(settings)
}

fn check_url(table: &NamedTable<'_>, is_set: bool, problems: &mut Vec<Problem>) {
    if !is_set {
        problems.push(table.problem(Some("url"), "must be set: where the backend listens"));
    }
}
