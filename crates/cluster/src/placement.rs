//! Where a channel is: which stream sequences it, and which part of that stream a node listens to.

use std::ops::RangeInclusive;

use switchboard_hub::ChannelName;

/// How the channels of one namespace are spread. It must be the same on all nodes, so it is a part of the
/// [`Fingerprint`](crate::Fingerprint).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Layout {
    partitions: u16,
    buckets: u16,
}

impl Layout {
    /// How many streams a namespace may have.
    pub const PARTITIONS: RangeInclusive<u16> = 1..=1024;
    /// How many buckets a stream may have.
    pub const BUCKETS: RangeInclusive<u16> = 1..=4096;

    /// A namespace with so many streams, each of so many buckets. None outside of [`Self::PARTITIONS`] and
    /// [`Self::BUCKETS`].
    pub fn new(partitions: u16, buckets: u16) -> Option<Self> {
        let is_possible =
            Self::PARTITIONS.contains(&partitions) && Self::BUCKETS.contains(&buckets);
        is_possible.then_some(Self { partitions, buckets })
    }

    /// The number of streams.
    pub fn partitions(self) -> u16 {
        self.partitions
    }

    /// The number of buckets of a stream.
    pub fn buckets(self) -> u16 {
        self.buckets
    }

    /// Where a channel is.
    pub fn place(self, channel: &ChannelName) -> Place {
        let hash = hash(channel.as_str().as_bytes());
        // Of different halves, so that the channels of one stream are in all of its buckets.
        let of = |half: u32, count: u16| ((u64::from(half) * u64::from(count)) >> 32) as u16;
        Place {
            partition: of((hash >> 32) as u32, self.partitions),
            bucket: of(hash as u32, self.buckets),
        }
    }
}

impl Default for Layout {
    /// 16 streams of 64 buckets: a node that wants one channel of a namespace hears a thousandth of it.
    fn default() -> Self {
        Self { partitions: 16, buckets: 64 }
    }
}

/// The place of a channel in its namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// Which stream, below [`Layout::partitions`].
    pub partition: u16,
    /// Which bucket of the stream, below [`Layout::buckets`].
    pub bucket: u16,
}

/// FNV-1a of 64 bits, then the finalizer of `MurmurHash3`, since the upper bits of FNV hardly depend on the
/// last bytes.
///
/// It has no key: all nodes, of all versions, for as long as a stream lives, must agree on it. So a
/// publisher that chooses names can put them all in one partition; what that costs is bounded by the bounds
/// of a stream and of [`Publishing`](crate::Publishing).
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    let mut hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    for factor in [0xff51_afd7_ed55_8ccd, 0xc4ce_b9fe_1a85_ec53] {
        hash = (hash ^ (hash >> 33)).wrapping_mul(factor);
    }
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_the_same_for_ever() {
        // Changing one of these moves channels to other streams: their positions and history are lost.
        for (bytes, expected) in [
            ("", 0xefd0_1f60_ba99_2926_u64),
            ("a", 0x82a2_a958_a9be_ce5b),
            ("foobar", 0x2c22_1949_22d1_672b),
            ("chat:ä", 0x101e_d546_2e36_2106),
        ] {
            assert_eq!(hash(bytes.as_bytes()), expected, "{bytes}");
        }
    }

    #[test]
    fn places_are_the_same_for_ever() {
        let place = |name| {
            let place = Layout::default().place(&ChannelName::new(name).unwrap());
            (place.partition, place.bucket)
        };
        assert_eq!(
            ["a", "b", "chat:one", "chat:ä"].map(place),
            [(8, 42), (6, 29), (11, 3), (1, 11)]
        );
    }

    #[test]
    fn channels_are_spread_evenly_over_partitions_and_their_buckets() {
        let layout = Layout::new(16, 64).unwrap();
        let mut counts = vec![0_u32; 16 * 64];
        for number in 0..102_400 {
            let place = layout.place(&ChannelName::new(&format!("chat:{number}")).unwrap());
            counts[usize::from(place.partition) * 64 + usize::from(place.bucket)] += 1;
        }
        // 100 are expected in each; the deviation is 10.
        let (min, max) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
        assert!(*min > 50 && *max < 150, "{min} to {max}");
    }

    #[test]
    fn a_layout_has_bounds() {
        assert!(Layout::new(1, 1).is_some() && Layout::new(1024, 4096).is_some());
        for (partitions, buckets) in [(0, 1), (1, 0), (1025, 1), (1, 4097)] {
            assert_eq!(Layout::new(partitions, buckets), None);
        }
        let place = Layout::new(1, 1).unwrap().place(&ChannelName::new("a").unwrap());
        assert_eq!(place, Place { partition: 0, bucket: 0 });
    }
}
