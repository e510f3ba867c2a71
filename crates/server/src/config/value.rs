//! How each type of value is written and read.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

pub(crate) use switchboard_auth::Access;
pub(crate) use switchboard_hub::SlowPolicy;
pub(crate) use switchboard_plane::DescriptorChoice;
pub(crate) use switchboard_plane::choice::PlaneChoice;
pub(crate) use switchboard_shard::ForwardedHeader;

/// How the value of a key is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Form {
    /// Items in an array in the file; elsewhere one after another with commas.
    List,
    /// A whole number; `_` may group digits.
    Number,
    /// `true` or `false`; as a flag its name alone means `true`.
    Switch,
    /// One of a few words, in quotes in the file; `true` and `false` are two of them, without quotes.
    Word,
    /// Any other text.
    Text,
    /// A table of headers, in the file alone.
    Headers,
    /// One secret, or several in an array in the file; elsewhere one after another with commas.
    Secrets,
}

/// A type that a key can have.
pub(crate) trait Setting: Sized {
    /// How it is written.
    const FORM: Form;
    /// The placeholder for a value, or an item of a list, in `--help`.
    const PLACEHOLDER: &'static str;
    /// Values of this type are never printed.
    const SECRET: bool = false;
    /// Reads a value; the error is a sentence that says what would be right.
    fn parse(text: &str) -> Result<Self, String>;
    /// The value as the file would say it; none when unset.
    fn show(&self) -> Option<String>;
    /// The value as a number, for bounds.
    fn number(&self) -> Option<u64> {
        None
    }
}

impl<T: Setting> Setting for Option<T> {
    const FORM: Form = T::FORM;
    const PLACEHOLDER: &'static str = T::PLACEHOLDER;
    const SECRET: bool = T::SECRET;

    fn parse(text: &str) -> Result<Self, String> {
        T::parse(text).map(Some)
    }

    fn show(&self) -> Option<String> {
        self.as_ref().and_then(T::show)
    }

    fn number(&self) -> Option<u64> {
        self.as_ref().and_then(T::number)
    }
}

impl<T: Setting> Setting for Vec<T> {
    const FORM: Form = Form::List;
    const PLACEHOLDER: &'static str = T::PLACEHOLDER;

    fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Ok(Self::new());
        }
        text.split(',').map(|item| T::parse(item.trim())).collect()
    }

    fn show(&self) -> Option<String> {
        let items: Vec<String> = self.iter().filter_map(T::show).collect();
        Some(format!("[{}]", items.join(", ")))
    }
}

impl Setting for bool {
    const FORM: Form = Form::Switch;
    const PLACEHOLDER: &'static str = "true|false";

    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err("must be true or false".to_owned()),
        }
    }

    fn show(&self) -> Option<String> {
        Some(self.to_string())
    }
}

macro_rules! number {
    ($($type:ty)+) => { $(
        impl Setting for $type {
            const FORM: Form = Form::Number;
            const PLACEHOLDER: &'static str = "N";

            fn parse(text: &str) -> Result<Self, String> {
                let digits = text.replace('_', "");
                let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
                let number = if plain { digits.parse().ok() } else { None };
                number.ok_or_else(|| {
                    format!("must be a whole number from 0 to {}, without a unit", Self::MAX)
                })
            }

            fn show(&self) -> Option<String> {
                Some(self.to_string())
            }

            fn number(&self) -> Option<u64> {
                u64::try_from(*self).ok()
            }
        }
    )+ };
}
number!(u32 usize);

impl Setting for String {
    const FORM: Form = Form::Text;
    const PLACEHOLDER: &'static str = "TEXT";

    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("must not be empty; leave it out to get the default".to_owned());
        }
        Ok(text.to_owned())
    }

    fn show(&self) -> Option<String> {
        Some(toml::Value::from(self.as_str()).to_string())
    }
}

impl Setting for SocketAddr {
    const FORM: Form = Form::Text;
    const PLACEHOLDER: &'static str = "ADDRESS";

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| {
            "must be an IP address and a port, such as 127.0.0.1:8000 or [::1]:8000".to_owned()
        })
    }

    fn show(&self) -> Option<String> {
        Some(format!("\"{self}\""))
    }
}

impl Setting for IpNet {
    const FORM: Form = Form::Text;
    const PLACEHOLDER: &'static str = "NETWORK";

    fn parse(text: &str) -> Result<Self, String> {
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(Self::from));
        let network = network.map_err(|_| {
            "must be networks or addresses such as 10.0.0.0/8, 192.0.2.7 or fd00::/8".to_owned()
        })?;
        // It may be a slip: the rest of the address means nothing.
        if network.addr() != network.network() {
            return Err(format!("{network} has bits behind its prefix: write {}", network.trunc()));
        }
        Ok(network)
    }

    fn show(&self) -> Option<String> {
        Some(format!("\"{self}\""))
    }
}

/// A secret: compared and passed on, never printed.
#[derive(Clone, Eq, PartialEq)]
pub(crate) struct Secret(String);

impl Secret {
    /// The secret itself.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Setting for Secret {
    const FORM: Form = Form::Text;
    const PLACEHOLDER: &'static str = "KEY";
    const SECRET: bool = true;

    fn parse(text: &str) -> Result<Self, String> {
        const BYTES_MIN: usize = 16;
        if text.len() < BYTES_MIN || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!(
                "must be {BYTES_MIN} or more visible ASCII characters without spaces, for example \
                 from `openssl rand -hex 32`"
            ));
        }
        Ok(Self(text.to_owned()))
    }

    fn show(&self) -> Option<String> {
        None
    }
}

/// A secret and the one that takes its place, while both are valid.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Secrets(Vec<Secret>);

impl Secrets {
    /// What is between two of them in a text: no secret has it.
    pub(crate) const SEPARATOR: char = '\n';
    const MAX: usize = 2;

    /// Each of them.
    pub(crate) fn all(&self) -> &[Secret] {
        &self.0
    }
}

impl Setting for Secrets {
    const FORM: Form = Form::Secrets;
    const PLACEHOLDER: &'static str = Secret::PLACEHOLDER;
    const SECRET: bool = true;

    fn parse(text: &str) -> Result<Self, String> {
        let secrets: Vec<_> =
            text.split(Self::SEPARATOR).map(Secret::parse).collect::<Result<_, _>>()?;
        if secrets.len() > Self::MAX {
            return Err(format!("must be at most {} secrets: an old one and a new one", Self::MAX));
        }
        Ok(Self(secrets))
    }

    fn show(&self) -> Option<String> {
        None
    }
}

/// Numbers of processors, in the order they were named, each once.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct CpuList(pub Vec<usize>);

impl CpuList {
    /// Far above any machine, so that `0-99999999` cannot ask for the memory to list them.
    const CPU_MAX: usize = 4_095;

    fn range(text: &str) -> Option<std::ops::RangeInclusive<usize>> {
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (first, last) = (first.parse().ok()?, last.parse().ok()?);
        (first <= last && last <= Self::CPU_MAX).then_some(first..=last)
    }
}

impl Setting for CpuList {
    const FORM: Form = Form::Text;
    const PLACEHOLDER: &'static str = "CORES";

    fn parse(text: &str) -> Result<Self, String> {
        let mut cpus = Vec::new();
        for part in text.split(',') {
            let range = Self::range(part.trim()).ok_or_else(|| {
                "must be numbers of cores and ranges of them, such as 0,2-3".to_owned()
            })?;
            for cpu in range {
                if cpus.contains(&cpu) {
                    return Err(format!("names core {cpu} twice; name each once"));
                }
                cpus.push(cpu);
            }
        }
        Ok(Self(cpus))
    }

    fn show(&self) -> Option<String> {
        let names: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        Some(format!("\"{}\"", names.join(",")))
    }
}

/// The status of an answer to a long poll without a message in time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum TimeoutStatus {
    /// 304
    NotModified,
    /// 408
    RequestTimeout,
}

impl TimeoutStatus {
    /// The number on the wire.
    pub(crate) fn code(self) -> u16 {
        match self {
            Self::NotModified => 304,
            Self::RequestTimeout => 408,
        }
    }
}

impl Setting for TimeoutStatus {
    const FORM: Form = Form::Number;
    const PLACEHOLDER: &'static str = "304|408";

    fn parse(text: &str) -> Result<Self, String> {
        let both = [Self::NotModified, Self::RequestTimeout];
        let named = both.into_iter().find(|status| status.code().to_string() == text);
        named.ok_or_else(|| "must be 304 or 408".to_owned())
    }

    fn show(&self) -> Option<String> {
        Some(self.code().to_string())
    }
}

/// A type whose values are a few words.
macro_rules! choice {
    ($type:ty: $($text:literal = $value:expr),+) => {
        impl Setting for $type {
            const FORM: Form = Form::Text;
            const PLACEHOLDER: &'static str = "CHOICE";

            fn parse(text: &str) -> Result<Self, String> {
                match text {
                    $($text => Ok($value),)+
                    _ => Err(format!("must be one of: {}", [$($text),+].join(", "))),
                }
            }

            fn show(&self) -> Option<String> {
                let text = $(if *self == $value { $text } else)+ { return None };
                Some(format!("\"{text}\""))
            }
        }
    };
}

impl Setting for Access {
    const FORM: Form = Form::Word;
    const PLACEHOLDER: &'static str = "WHO";

    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "anyone" | "true" => Ok(Self::Anyone),
            "authenticated" => Ok(Self::Authenticated),
            "granted" => Ok(Self::Granted),
            "hook" => Ok(Self::Hook),
            "nobody" | "false" => Ok(Self::Nobody),
            _ => Err("must be one of: anyone, authenticated, granted, hook, nobody".to_owned()),
        }
    }

    fn show(&self) -> Option<String> {
        let word = match self {
            Self::Anyone => "anyone",
            Self::Authenticated => "authenticated",
            Self::Granted => "granted",
            Self::Hook => "hook",
            Self::Nobody => "nobody",
        };
        Some(format!("\"{word}\""))
    }
}

/// A secret that others may have chosen: any text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct TokenSecret(Secret);

impl TokenSecret {
    /// The secret itself.
    pub(crate) fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl Setting for TokenSecret {
    const FORM: Form = Form::Text;
    const PLACEHOLDER: &'static str = "SECRET";
    const SECRET: bool = true;

    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("must not be empty: anybody could sign".to_owned());
        }
        Ok(Self(Secret(text.to_owned())))
    }

    fn show(&self) -> Option<String> {
        None
    }
}

pub(super) use choice;

choice!(PlaneChoice: "auto" = Self::Auto, "io_uring" = Self::IoUring, "epoll" = Self::Epoll);

choice!(DescriptorChoice: "auto" = Self::Auto, "direct" = Self::Direct, "process" = Self::Process);

choice!(ForwardedHeader: "x-forwarded-for" = Self::XForwardedFor, "forwarded" = Self::Forwarded);

choice!(SlowPolicy: "disconnect" = Self::Disconnect, "skip" = Self::Skip, "latest" = Self::Latest);
