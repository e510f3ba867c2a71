//! How clients say who they are: the keys of tokens, and what goes with them.

use std::sync::Arc;

use switchboard_auth::{KeyError, KeySet, Verifier};
use switchboard_hooks::Hook;

use super::check::{Checker, EVERY_ORIGIN};
use super::hooks::Hooks;

/// Files that are looked at for each key.
const FILES_MAX: usize = 16;

/// Most bytes of a file of keys.
const FILE_BYTES_MAX: u64 = 256 << 10;

/// Shorter secrets can be guessed from one token (RFC 7518 section 3.2).
const SECRET_BYTES_MIN: usize = 32;

impl Checker<'_> {
    /// Reads the keys; none when the server takes no tokens.
    pub(super) fn tokens(&mut self, hooks: &Hooks) -> Option<Arc<Verifier>> {
        let mut keys = KeySet::default();
        if let Some(secret) = self.settings.token_secret.clone() {
            self.add_secret(&mut keys, secret.expose());
        }
        self.add_files("token_key", &self.settings.token_key.clone(), |pem| keys.add_pem(pem));
        self.add_files("token_jwks_file", &self.settings.token_jwks_file.clone(), |json| {
            keys.add_jwks(json)
        });
        // Who can change what is fetched can sign.
        if self
            .settings
            .token_jwks
            .as_ref()
            .is_some_and(|url| !url.is_https() && !url.is_loopback())
        {
            self.refuse("token_jwks", "must be https, except on this machine");
        }
        self.cookie(hooks);
        if !self.settings.takes_tokens() {
            if !hooks.asked.contains_key(&Hook::Connect) {
                self.warn_of_strangers();
            }
            for name in ["token_issuer", "token_audience", "token_cookie"] {
                if !self.is_default(name) {
                    let right = "needs a key: set `token_secret`, `token_key`, `token_jwks_file` or \
                                 `token_jwks`";
                    self.refuse(name, right);
                }
            }
            return None;
        }
        let (issuer, audience) =
            (self.settings.token_issuer.clone(), self.settings.token_audience.clone());
        Some(Arc::new(Verifier::new(keys, issuer, audience)))
    }

    fn add_secret(&mut self, keys: &mut KeySet, secret: &str) {
        if let Err(error) = keys.add_secret(secret.as_bytes()) {
            self.refuse("token_secret", error.to_string());
        }
        if secret.len() < SECRET_BYTES_MIN {
            self.warnings.push(format!(
                "token_secret has {} bytes: fewer than {SECRET_BYTES_MIN} can be guessed from a token",
                secret.len()
            ));
        }
    }

    fn add_files(
        &mut self,
        name: &str,
        files: &[String],
        mut add: impl FnMut(&[u8]) -> Result<(), KeyError>,
    ) {
        if files.len() > FILES_MAX {
            self.refuse(name, format!("must not name more than {FILES_MAX} files"));
        }
        for file in files.iter().take(FILES_MAX) {
            let bytes = match read(file) {
                Ok(bytes) => bytes,
                Err(why) => {
                    self.refuse(name, format!("must be files that can be read: {file}: {why}"));
                    continue;
                }
            };
            if let Err(error) = add(&bytes) {
                self.refuse(name, format!("{file} {error}"));
            }
        }
    }

    /// A browser sends cookies whatever page asks, so the pages must be named.
    fn cookie(&mut self, hooks: &Hooks) {
        if hooks.takes_cookies() && self.settings.allowed_origins == [EVERY_ORIGIN] {
            self.refuse(
                "allowed_origins",
                "must name each origin where a hook gets the header `cookie`: with \"*\" every page could \
                 act in the name of its visitors",
            );
        }
        let Some(cookie) = &self.settings.token_cookie else {
            return;
        };
        // RFC 6265 section 4.1.1.
        let separators = "()<>@,;:\\\"/[]?={} \t";
        if !cookie.bytes().all(|byte| byte.is_ascii_graphic() && !separators.contains(byte as char))
        {
            self.refuse("token_cookie", "must be the name of a cookie, such as session");
        }
        if self.settings.allowed_origins == [EVERY_ORIGIN] {
            self.refuse(
                "allowed_origins",
                "must name each origin where `token_cookie` is set: with \"*\" every page could act in \
                 the name of its visitors",
            );
        }
    }

    /// Nobody can be told apart, and strangers can connect: whoever runs the server should know what they
    /// may do.
    fn warn_of_strangers(&mut self) {
        if !self.settings.is_local() {
            self.warnings.push(
                "no key for tokens is set (token_secret, token_key, token_jwks_file, token_jwks), and no [hook.connect]: \
                 everyone who reaches `listen` and knows a channel's name may listen to it and read its history"
                    .to_owned(),
            );
        }
    }
}

fn read(file: &str) -> Result<Vec<u8>, String> {
    let length = std::fs::metadata(file).map_err(|error| error.to_string())?.len();
    if length > FILE_BYTES_MAX {
        return Err(format!("it has {length} bytes; at most {FILE_BYTES_MAX} are possible"));
    }
    std::fs::read(file).map_err(|error| error.to_string())
}
