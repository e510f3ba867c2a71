//! How the values of `[hook.NAME]` are written and read.

use std::fmt;

use switchboard_control::{Url, header_name, static_header};
use switchboard_hooks::EventKind;

use super::value::{Form, Setting};

impl Setting for Url {
    const FORM: Form = Form::Text;
    const PLACEHOLDER: &'static str = "URL";

    fn parse(text: &str) -> Result<Self, String> {
        Self::parse(text).map_err(|error| error.to_string())
    }

    fn show(&self) -> Option<String> {
        self.to_string().show()
    }
}

/// The name of a header that a backend may get of a client's request, in lower case.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct HeaderName(Box<str>);

impl HeaderName {
    /// The name itself.
    pub(crate) fn name(&self) -> &str {
        &self.0
    }
}

impl Setting for HeaderName {
    const FORM: Form = Form::Text;
    const PLACEHOLDER: &'static str = "NAME";

    fn parse(text: &str) -> Result<Self, String> {
        let name = header_name(text).map_err(|why| format!("{text}: {why}"))?;
        Ok(Self(name.as_str().into()))
    }

    fn show(&self) -> Option<String> {
        Some(format!("\"{}\"", self.0))
    }
}

/// Headers for a backend. Their values may be secrets.
#[derive(Clone, Default)]
pub(crate) struct Headers(http::HeaderMap);

impl Headers {
    /// With their values.
    pub(crate) fn expose(&self) -> &http::HeaderMap {
        &self.0
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Setting for Headers {
    const FORM: Form = Form::Headers;
    const PLACEHOLDER: &'static str = "TABLE";
    const SECRET: bool = true;

    fn parse(text: &str) -> Result<Self, String> {
        let mut headers = http::HeaderMap::new();
        for line in text.lines() {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            let (name, value) =
                static_header(name, value).map_err(|why| format!("{name}: {why}"))?;
            if headers.insert(name, value).is_some() {
                return Err("names a header twice: their case does not matter".to_owned());
            }
        }
        Ok(Self(headers))
    }

    fn show(&self) -> Option<String> {
        None
    }
}

/// The name of something that a backend can be told of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct EventName(pub &'static str);

impl EventName {
    /// Each of them.
    pub(crate) fn all() -> Vec<Self> {
        EventKind::NAMES.map(Self).into()
    }
}

impl Setting for EventName {
    const FORM: Form = Form::Text;
    const PLACEHOLDER: &'static str = "EVENT";

    fn parse(text: &str) -> Result<Self, String> {
        let known = EventKind::NAMES.into_iter().find(|name| *name == text);
        known.map(Self).ok_or_else(|| format!("must be some of: {}", EventKind::NAMES.join(", ")))
    }

    fn show(&self) -> Option<String> {
        Some(format!("\"{}\"", self.0))
    }
}
