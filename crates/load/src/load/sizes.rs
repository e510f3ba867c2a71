//! Sizes of messages: one, a range, or several with weights.

use std::fmt;
use std::str::FromStr;

use crate::engine::random::Random;
use crate::verify::SIZE_MIN;

/// The largest message in bytes.
const SIZE_MAX: usize = 16 << 20;

/// How large messages are, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sizes {
    /// All the same.
    Fixed(usize),
    /// Evenly between two, both included.
    Uniform(usize, usize),
    /// Each with its weight.
    Weighted(Vec<(usize, u32)>),
}

impl Sizes {
    /// The size of the next message.
    pub(crate) fn pick(&self, random: &mut Random) -> usize {
        match self {
            Self::Fixed(size) => *size,
            Self::Uniform(low, high) => low + random.below((high - low + 1) as u64) as usize,
            Self::Weighted(sizes) => {
                let total: u64 = sizes.iter().map(|(_, weight)| u64::from(*weight)).sum();
                let mut at = random.below(total);
                for (size, weight) in sizes {
                    match at.checked_sub(u64::from(*weight)) {
                        Some(rest) => at = rest,
                        None => return *size,
                    }
                }
                SIZE_MIN
            }
        }
    }
}

impl FromStr for Sizes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some((low, high)) = text.split_once('-') {
            let (low, high) = (size(low)?, size(high)?);
            if high < low {
                return Err(format!("{high} is less than {low}"));
            }
            return Ok(Self::Uniform(low, high));
        }
        let items: Vec<&str> = text.split(',').collect();
        if let [only] = items[..]
            && !only.contains(':')
        {
            return Ok(Self::Fixed(size(only)?));
        }
        let weighted: Result<Vec<_>, String> = items.into_iter().map(weighted).collect();
        let weighted = weighted?;
        if weighted.iter().all(|(_, weight)| *weight == 0) {
            return Err("all weights are 0".to_owned());
        }
        Ok(Self::Weighted(weighted))
    }
}

fn weighted(item: &str) -> Result<(usize, u32), String> {
    let (bytes, weight) = item.split_once(':').unwrap_or((item, "1"));
    let weight = weight.trim().trim_end_matches('%');
    let weight = weight.parse().map_err(|_| format!("{weight} is no weight"))?;
    Ok((size(bytes)?, weight))
}

fn size(text: &str) -> Result<usize, String> {
    let text = text.trim();
    let bytes = text.parse().map_err(|_| format!("{text} is no number of bytes"))?;
    if !(SIZE_MIN..=SIZE_MAX).contains(&bytes) {
        return Err(format!(
            "a message has {SIZE_MIN} to {SIZE_MAX} bytes: the number, the time and the checksum \
             that are verified need room"
        ));
    }
    Ok(bytes)
}

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(size) => write!(f, "{size}"),
            Self::Uniform(low, high) => write!(f, "{low}-{high}"),
            Self::Weighted(sizes) => {
                let all: Vec<_> = sizes.iter().map(|(s, w)| format!("{s}:{w}")).collect();
                f.write_str(&all.join(","))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_kept() {
        let mut random = Random::new(1);
        for (text, allowed) in [
            ("64", 64..=64),
            ("100-110", 100..=110),
            ("64:90%,1024:10%", 64..=1024),
            ("64,1024", 64..=1024),
        ] {
            let sizes: Sizes = text.parse().unwrap();
            for _ in 0..1_000 {
                assert!(allowed.contains(&sizes.pick(&mut random)), "{text}");
            }
            assert_eq!(sizes.to_string().parse(), Ok(sizes));
        }
        let sizes: Sizes = "64:90,1024:10".parse().unwrap();
        let large = (0..10_000).filter(|_| sizes.pick(&mut random) == 1024).count();
        assert!((800..1_200).contains(&large), "{large}");
    }

    #[test]
    fn what_is_no_size_is_refused() {
        for wrong in ["", "x", "10", "99999999999", "100-50", "64:x", "64:0", "64,"] {
            assert!(wrong.parse::<Sizes>().is_err(), "{wrong}");
        }
    }
}
