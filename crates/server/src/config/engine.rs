//! What is said of the engine by which nodes share channels, and must not be said together.

use super::check::Checker;
use super::engine_values::EngineChoice;
use super::hooks::Hooks;

/// What backends cannot be told where no node sees all subscribers.
const OCCUPANCY: [&str; 2] = ["occupied", "vacated"];

impl Checker<'_> {
    /// Checks what is said of the engine.
    pub(super) fn engine(&mut self, hooks: &Hooks) {
        if self.settings.engine == EngineChoice::Memory {
            return;
        }
        if self.settings.engine_servers.is_empty() {
            self.refuse("engine_servers", "must name a NATS server, such as nats://127.0.0.1:4222");
        }
        self.engine_credentials();
        let settings = &self.settings;
        let has_certificate = settings.engine_tls_certificate_file.is_some();
        if has_certificate != settings.engine_tls_key_file.is_some() {
            let key =
                if has_certificate { "engine_tls_key_file" } else { "engine_tls_certificate_file" };
            self.refuse(key, "must be set: a certificate and its key belong together");
        }
        let told = hooks.events.as_ref().map(|events| &events.events[..]).unwrap_or_default();
        if told.iter().any(|event| OCCUPANCY.contains(&event.0)) {
            let right = format!(
                "leave {} out of `events` in [hook.events]: no node sees the subscribers of all nodes",
                OCCUPANCY.join(" and ")
            );
            self.refuse("engine", right);
        }
    }

    fn engine_credentials(&mut self) {
        let settings = &self.settings;
        if settings.engine_user.is_some() != settings.engine_password.is_some() {
            let key =
                if settings.engine_user.is_some() { "engine_password" } else { "engine_user" };
            self.refuse(key, "must be set: a user and a password belong together");
        }
        let settings = &self.settings;
        let ways = [
            settings.engine_user.is_some(),
            settings.engine_token.is_some(),
            settings.engine_credentials_file.is_some(),
        ];
        if ways.into_iter().filter(|is_set| *is_set).count() > 1 {
            let right =
                "excludes `engine_token` and `engine_user`: a node has one way to say who it is";
            let right_of_token = "excludes `engine_user`: a node has one way to say who it is";
            if settings.engine_credentials_file.is_some() {
                self.refuse("engine_credentials_file", right);
            } else {
                self.refuse("engine_token", right_of_token);
            }
        }
    }
}
