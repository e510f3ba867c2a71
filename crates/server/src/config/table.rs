//! The shape of a table of keys: one entry gives a key its name, its type, its default, its bounds
//! and its explanation. Flags, file, environment, `--help` and `--check-config` all read the table,
//! so a new key is one entry.

use super::error::{Problem, Value};
use super::value::{Form, Setting};
use super::written::{Origin, Written};

/// One key as people see it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    /// The spelling in the file; flags and variables are derived from it.
    pub name: &'static str,
    /// Its heading.
    pub topic: &'static str,
    /// What it means, in full sentences; the first one also makes sense alone.
    pub explanation: &'static str,
    /// The default as it would be written in the file; none when the key is unset by default.
    pub default: fn() -> Option<String>,
    /// Smallest and largest number allowed.
    pub bounds: Option<(u64, u64)>,
    /// How its value is written.
    pub form: Form,
    /// The placeholder for its value in `--help`.
    pub placeholder: &'static str,
    /// Its value is never printed.
    pub is_secret: bool,
}

impl Key {
    /// The flag without its dashes: `internal-listen`.
    pub(crate) fn flag(&self) -> String {
        self.name.replace('_', "-")
    }

    /// The environment variable: `SWITCHBOARD_INTERNAL_LISTEN`.
    pub(crate) fn variable(&self) -> String {
        format!("{VARIABLE_PREFIX}{}", self.name.to_ascii_uppercase())
    }

    /// What a problem shows of a value that was written for it.
    pub(crate) fn shown(&self, written: &Written) -> Value {
        if self.is_secret { Value::Hidden } else { Value::Shown(written.to_string()) }
    }

    /// The placeholder for the value in `--help`.
    pub(crate) fn placeholder(&self) -> String {
        match self.form {
            Form::List => format!("{},...", self.placeholder),
            Form::Secrets => format!("{0}[,{0}]", self.placeholder),
            Form::Number if self.name.ends_with("_ms") => "MS".to_owned(),
            Form::Number if self.name.contains("_bytes") => "BYTES".to_owned(),
            _ => self.placeholder.to_owned(),
        }
    }
}

/// What every environment variable of ours begins with.
pub(crate) const VARIABLE_PREFIX: &str = "SWITCHBOARD_";

/// Where a table finds what was written for a key.
pub(crate) trait Source {
    /// The strongest value written for the key; none means the default.
    fn find(&self, key: &Key) -> Option<(Written, Origin)>;
    /// The key's name as errors should show it.
    fn full_name(&self, key: &Key) -> String {
        key.name.to_owned()
    }
}

/// The typed value of one key, or a problem and `None`.
pub(crate) fn read<T: Setting>(
    key: &Key,
    default: T,
    source: &impl Source,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    let Some((written, origin)) = source.find(key) else {
        return Some(default);
    };
    let parsed = written.text(key.form).and_then(|text| T::parse(&text)).and_then(|value| {
        let number = value.number().map(|number| (number, key.bounds));
        match number {
            Some((number, Some((min, max)))) if number < min || number > max => {
                Err(format!("must be a whole number from {min} to {max}"))
            }
            _ => Ok(value),
        }
    });
    match parsed {
        Ok(value) => Some(value),
        Err(right) => {
            problems.push(Problem {
                key: source.full_name(key),
                value: key.shown(&written),
                origin: Some(origin),
                right,
            });
            None
        }
    }
}

/// Makes a struct with one typed field per key, and the table that describes them.
///
/// ```text
/// settings! {
///     /// What the struct is.
///     struct Settings;
///     "Topic" {
///         /// First sentence. More.
///         some_key: u32 = 10, 1..=100;
///     }
/// }
/// ```
macro_rules! settings {
    (
        $(#[$outer:meta])*
        struct $name:ident;
        $( $topic:literal { $(
            $(#[doc = $doc:literal])+
            $key:ident : $type:ty = $default:expr $(, $min:literal ..= $max:literal)? ;
        )+ } )+
    ) => {
        $(#[$outer])*
        pub(crate) struct $name { $($(
            $(#[doc = $doc])+
            pub $key: $type,
        )+)+ }

        impl $name {
            /// Every key, in the order people read them.
            pub(crate) const KEYS: &'static [$crate::config::table::Key] = &[ $($(
                $crate::config::table::Key {
                    name: stringify!($key),
                    topic: $topic,
                    explanation: concat!($($doc),+).trim_ascii(),
                    default: || <$type as $crate::config::value::Setting>::show(&$default),
                    bounds: $crate::config::table::settings!(@bounds $($min, $max)?),
                    form: <$type as $crate::config::value::Setting>::FORM,
                    placeholder: <$type as $crate::config::value::Setting>::PLACEHOLDER,
                    is_secret: <$type as $crate::config::value::Setting>::SECRET,
                },
            )+)+ ];

            /// Reads all keys; every value that is wrong adds a problem.
            pub(crate) fn collect(
                source: &impl $crate::config::table::Source,
                problems: &mut Vec<$crate::config::error::Problem>,
            ) -> Option<Self> {
                let mut keys = Self::KEYS.iter();
                $($(
                    let $key = keys.next().and_then(|key| {
                        $crate::config::table::read::<$type>(key, $default, source, problems)
                    });
                )+)+
                Some(Self { $($( $key: $key?, )+)+ })
            }

            /// Every value in force as the file would say it; none where a key is unset.
            pub(crate) fn shown(&self) -> Vec<Option<String>> {
                vec![ $($( $crate::config::value::Setting::show(&self.$key), )+)+ ]
            }
        }
    };
    (@bounds) => { None };
    (@bounds $min:literal, $max:literal) => { Some(($min, $max)) };
}
pub(crate) use settings;
