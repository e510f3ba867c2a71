//! How the `io_uring` plane names its sockets to the kernel.

use std::fmt;
use std::str::FromStr;

/// What names a connection's socket in an operation.
#[derive(Copy, Clone, Eq, PartialEq, Default, Debug)]
pub enum Descriptors {
    /// An entry of a ring's own table. It is no descriptor of the process, so `RLIMIT_NOFILE` bounds
    /// each ring's table and not the connections of the process.
    #[default]
    Direct,
    /// A descriptor of the process, as with any other server: `RLIMIT_NOFILE` bounds the connections.
    Process,
}

impl fmt::Display for Descriptors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Direct => "direct descriptors",
            Self::Process => "process descriptors",
        })
    }
}

/// The user's choice.
#[derive(Copy, Clone, Eq, PartialEq, Default, Debug)]
pub enum DescriptorChoice {
    /// Direct where the kernel releases a closed one at once, otherwise those of the process.
    #[default]
    Auto,
    /// [`Descriptors::Direct`] or nothing.
    Direct,
    /// [`Descriptors::Process`].
    Process,
}

/// The names of the choices, as written in flags and files.
const NAMES: [(DescriptorChoice, &str); 3] = [
    (DescriptorChoice::Auto, "auto"),
    (DescriptorChoice::Direct, "direct"),
    (DescriptorChoice::Process, "process"),
];

impl FromStr for DescriptorChoice {
    type Err = UnknownDescriptors;

    fn from_str(name: &str) -> Result<Self, UnknownDescriptors> {
        let known = NAMES.iter().find(|(_, known)| *known == name);
        known.map(|(choice, _)| *choice).ok_or(UnknownDescriptors)
    }
}

impl fmt::Display for DescriptorChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.iter().find(|(choice, _)| choice == self).map_or("", |(_, name)| name);
        f.write_str(name)
    }
}

/// No kind of descriptors has that name.
#[derive(Copy, Clone, Eq, PartialEq, Debug, thiserror::Error)]
#[error("descriptors are one of auto, direct, process")]
pub struct UnknownDescriptors;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_have_names() {
        for (choice, name) in NAMES {
            assert_eq!(name.parse(), Ok(choice));
            assert_eq!(choice.to_string(), name);
        }
        assert_eq!("fixed".parse::<DescriptorChoice>(), Err(UnknownDescriptors));
    }
}
