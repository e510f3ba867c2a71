//! Positions in a channel's stream.

use std::fmt;
use std::str::FromStr;

const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
const EPOCH_CHARS: usize = 8;

/// Names one life of a channel's stream: eight characters of base 36. It changes when the stream is
/// lost, so that old offsets are not mistaken for new ones.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Epoch([u8; EPOCH_CHARS]);

impl Epoch {
    /// Makes an epoch from a random number.
    pub fn from_random(mut random: u64) -> Self {
        Self(std::array::from_fn(|_| {
            let digit = DIGITS[(random % 36) as usize];
            random /= 36;
            digit
        }))
    }

    /// The eight characters.
    pub fn as_str(&self) -> &str {
        // They are ASCII digits and letters by construction.
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Epoch {
    type Err = PositionError;

    fn from_str(text: &str) -> Result<Self, PositionError> {
        let bytes: [u8; EPOCH_CHARS] =
            text.as_bytes().try_into().map_err(|_| PositionError::Epoch)?;
        if bytes.iter().all(|byte| DIGITS.contains(byte)) {
            Ok(Self(bytes))
        } else {
            Err(PositionError::Epoch)
        }
    }
}

/// A place in a channel's stream, written `<epoch>-<offset>`. Offset 0 is before the first
/// publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    /// Which life of the stream.
    pub epoch: Epoch,
    /// The publication's offset in it, at least 1. Offsets grow and need not be consecutive.
    pub offset: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch, self.offset)
    }
}

impl FromStr for Position {
    type Err = PositionError;

    /// Takes only what `Display` writes: no sign, no leading zeros.
    fn from_str(text: &str) -> Result<Self, PositionError> {
        let (epoch, offset) = text.split_once('-').ok_or(PositionError::Dash)?;
        let canonical = offset == "0"
            || (!offset.starts_with('0') && offset.bytes().all(|byte| byte.is_ascii_digit()));
        if !canonical {
            return Err(PositionError::Offset);
        }
        let offset = offset.parse().map_err(|_| PositionError::Offset)?;
        Ok(Self { epoch: epoch.parse()?, offset })
    }
}

/// Why a text is not a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PositionError {
    /// The dash is missing.
    #[error("a position is written <epoch>-<offset>")]
    Dash,
    /// The epoch is not eight characters of base 36.
    #[error("the epoch of a position is eight characters of 0-9 and a-z")]
    Epoch,
    /// The offset is not a decimal number of 64 bits.
    #[error("the offset of a position is a decimal number")]
    Offset,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_written_and_read_back() {
        for (random, offset) in [(0, 0), (1, 1), (u64::MAX, u64::MAX), (0x1234_5678_9abc, 42)] {
            let position = Position { epoch: Epoch::from_random(random), offset };
            assert_eq!(position.to_string().parse(), Ok(position));
            assert_eq!(position.epoch.as_str().len(), 8);
        }
    }

    #[test]
    fn refuses_what_it_would_not_write() {
        let refused = [
            ("", PositionError::Dash),
            ("abcdefgh", PositionError::Dash),
            ("abcdefgh-", PositionError::Offset),
            ("abcdefgh-+1", PositionError::Offset),
            ("abcdefgh-01", PositionError::Offset),
            ("abcdefgh-1 ", PositionError::Offset),
            ("abcdefgh-18446744073709551616", PositionError::Offset),
            ("abcdefg-1", PositionError::Epoch),
            ("Abcdefgh-1", PositionError::Epoch),
            ("äbcdefg-1", PositionError::Epoch),
        ];
        for (text, error) in refused {
            assert_eq!(text.parse::<Position>(), Err(error), "{text}");
        }
    }
}
