//! How the values of the engine's keys are written and read.

use switchboard_cluster::Prefix;
use switchboard_control::Storage;

use super::value::{Form, Setting, choice};

/// Where channels live.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum EngineChoice {
    /// In the memory of this process.
    #[default]
    Memory,
    /// In NATS, where several nodes share them.
    Nats,
}

choice!(EngineChoice: "memory" = Self::Memory, "nats" = Self::Nats);

choice!(Storage: "file" = Self::File, "memory" = Self::Memory);

/// What the names of a cluster begin with at the engine.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct EnginePrefix(pub Prefix);

impl Setting for EnginePrefix {
    const FORM: Form = Form::Text;
    const PLACEHOLDER: &'static str = "NAME";

    fn parse(text: &str) -> Result<Self, String> {
        let right = "must be 1 to 32 lower-case letters, digits and `-`";
        Prefix::new(text).map(Self).ok_or_else(|| right.to_owned())
    }

    fn show(&self) -> Option<String> {
        self.0.as_str().to_owned().show()
    }
}
