//! Choices that are written as words in flags and files.

/// Implements `FromStr` and `Display` of a choice by the names of its values; any other text is
/// `$unknown`.
macro_rules! named {
    ($choice:ident or $unknown:ident: $($value:ident = $name:literal),+) => {
        impl std::str::FromStr for $choice {
            type Err = $unknown;

            fn from_str(name: &str) -> Result<Self, $unknown> {
                match name {
                    $($name => Ok(Self::$value),)+
                    _ => Err($unknown),
                }
            }
        }

        impl std::fmt::Display for $choice {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(match self {
                    $(Self::$value => $name,)+
                })
            }
        }
    };
}

pub(crate) use named;
