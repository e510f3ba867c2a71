//! How the `io_uring` plane names its sockets to the kernel.

use std::fmt;

use crate::named::named;

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

named!(DescriptorChoice or UnknownDescriptors: Auto = "auto", Direct = "direct", Process = "process");

/// No kind of descriptors has that name.
#[derive(Copy, Clone, Eq, PartialEq, Debug, thiserror::Error)]
#[error("descriptors are one of auto, direct, process")]
pub struct UnknownDescriptors;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_have_names() {
        use DescriptorChoice as Choice;
        for (choice, name) in
            [(Choice::Auto, "auto"), (Choice::Direct, "direct"), (Choice::Process, "process")]
        {
            assert_eq!(name.parse(), Ok(choice));
            assert_eq!(choice.to_string(), name);
        }
        assert_eq!("fixed".parse::<DescriptorChoice>(), Err(UnknownDescriptors));
    }
}
