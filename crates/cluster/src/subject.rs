//! Channels as subjects of the engine, and back.
//!
//! Publications of the channel `chat:a.b` go to `sb.in.chat.3.17.chat:a%2Eb`. The engine stores them in the
//! stream `SB_chat_3` and repeats them on `sb.out.chat.3.17.chat:a%2Eb`, where nodes listen. The first token
//! is the [`Prefix`]; then follow the direction, the namespace, the partition, the bucket and the name.
//!
//! The marker that holds a stream's epoch is at `sb.in.chat.3._epoch`. No channel can have that subject: where
//! the marker has its name, a channel has the number of its bucket and a further token.

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};
use switchboard_hub::{ChannelName, NameError};

use crate::{Layout, Place};

/// What means something in subjects, and `%` itself. What is not ASCII is always encoded.
const RESERVED: &AsciiSet = &CONTROLS.add(b' ').add(b'.').add(b'*').add(b'>').add(b'%');

/// The last token of an epoch's marker.
const EPOCH_MARKER: &str = "_epoch";

/// The first token of all subjects, and in capitals the beginning of the names of all streams. Clusters that
/// share an engine have different ones.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Prefix(Box<str>);

impl Prefix {
    /// 1 to 32 of `a-z`, `0-9` and `-`. None for anything else: `_` separates the parts of a stream's name, and
    /// capitals would make two prefixes one.
    pub fn new(prefix: &str) -> Option<Self> {
        let is_plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        let is_fine = (1..=32).contains(&prefix.len()) && prefix.bytes().all(is_plain);
        is_fine.then(|| Self(prefix.into()))
    }

    /// The prefix as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Prefix {
    fn default() -> Self {
        Self("sb".into())
    }
}

/// To the engine or from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// What nodes publish, and streams store.
    In,
    /// What the engine repeats to nodes.
    Out,
}

impl Direction {
    fn as_str(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
        }
    }
}

/// The subjects and streams of one namespace.
#[derive(Clone, Debug)]
pub struct Subjects {
    prefix: Prefix,
    /// Encoded.
    namespace: Box<str>,
    layout: Layout,
}

impl Subjects {
    /// Those of the namespace with this name, as [`Namespaces::name`](switchboard_hub::Namespaces::name) says it.
    pub fn new(prefix: Prefix, namespace: &str, layout: Layout) -> Self {
        Self { prefix, namespace: encode(namespace).into(), layout }
    }

    /// The name of a partition's stream.
    pub fn stream(&self, partition: u16) -> String {
        format!("{}_{}_{partition}", self.prefix.0.to_ascii_uppercase(), self.namespace)
    }

    /// What the stream of a partition stores, as a pattern.
    pub fn stored(&self, partition: u16) -> String {
        format!("{}.>", self.partition(Direction::In, partition))
    }

    /// Under what the engine repeats it, as a pattern.
    pub fn repeated(&self, partition: u16) -> String {
        format!("{}.>", self.partition(Direction::Out, partition))
    }

    /// What a node listens to for one bucket, as a pattern.
    pub fn bucket(&self, place: Place) -> String {
        format!("{}.{}.>", self.partition(Direction::Out, place.partition), place.bucket)
    }

    /// Where the epoch of a partition's stream is.
    pub fn epoch_marker(&self, direction: Direction, partition: u16) -> String {
        format!("{}.{EPOCH_MARKER}", self.partition(direction, partition))
    }

    /// The subject of a channel of this namespace.
    pub fn channel(&self, direction: Direction, channel: &ChannelName) -> String {
        let Place { partition, bucket } = self.layout.place(channel);
        format!("{}.{bucket}.{}", self.partition(direction, partition), encode(channel.as_str()))
    }

    fn partition(&self, direction: Direction, partition: u16) -> String {
        format!("{}.{}.{}.{partition}", self.prefix.0, direction.as_str(), self.namespace)
    }

    /// What a subject of this namespace names. Takes only what the methods above write.
    pub fn parse(&self, direction: Direction, subject: &str) -> Result<Named, SubjectError> {
        let own = subject
            .strip_prefix(self.prefix.as_str())
            .and_then(|rest| rest.strip_prefix('.')?.strip_prefix(direction.as_str()))
            .and_then(|rest| rest.strip_prefix('.')?.strip_prefix(&*self.namespace))
            .and_then(|rest| rest.strip_prefix('.'))
            .ok_or(SubjectError::Foreign)?;
        let (partition, rest) = own.split_once('.').ok_or(SubjectError::Tokens)?;
        let partition = number(partition, self.layout.partitions())?;
        if rest == EPOCH_MARKER {
            return Ok(Named::EpochMarker { partition });
        }
        let (bucket, name) = rest.split_once('.').ok_or(SubjectError::Tokens)?;
        let place = Place { partition, bucket: number(bucket, self.layout.buckets())? };
        let channel = decode(name)?;
        if self.layout.place(&channel) != place {
            return Err(SubjectError::Misplaced);
        }
        Ok(Named::Channel { channel, place })
    }
}

/// What a subject names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// A channel.
    Channel {
        /// Its name.
        channel: ChannelName,
        /// Where it is.
        place: Place,
    },
    /// The marker that holds the epoch of a stream.
    EpochMarker {
        /// Whose.
        partition: u16,
    },
}

/// Why a subject names nothing of a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubjectError {
    /// It begins with another prefix, direction or namespace.
    #[error("the subject belongs to another cluster, direction or namespace")]
    Foreign,
    /// It has too few tokens, or too many.
    #[error("a subject has six tokens: prefix, direction, namespace, partition, bucket, name")]
    Tokens,
    /// A partition or bucket is no number without leading zeros, or not below their count.
    #[error("the subject names a partition or bucket that does not exist")]
    Number,
    /// The name is encoded in another way than ours, or not at all.
    #[error("the name in the subject is not percent-encoded as it must be")]
    Encoding,
    /// The name is no channel's.
    #[error("the name in the subject cannot be a channel's: {0}")]
    Name(#[from] NameError),
    /// The channel belongs elsewhere: whoever published it counts partitions or buckets differently.
    #[error("the channel belongs to another partition or bucket")]
    Misplaced,
}

fn number(text: &str, count: u16) -> Result<u16, SubjectError> {
    let is_canonical =
        text == "0" || (!text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()));
    let number = text.parse().ok().filter(|number| is_canonical && *number < count);
    number.ok_or(SubjectError::Number)
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// One name has one encoding, or two subjects would be the same channel with two orders.
fn decode(token: &str) -> Result<ChannelName, SubjectError> {
    if token.contains('.') {
        return Err(SubjectError::Tokens);
    }
    let channel = ChannelName::new(
        &percent_decode_str(token).decode_utf8().map_err(|_| SubjectError::Encoding)?,
    )?;
    if encode(channel.as_str()) == token { Ok(channel) } else { Err(SubjectError::Encoding) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(name: &str) -> ChannelName {
        ChannelName::new(name).unwrap()
    }

    fn chat() -> Subjects {
        Subjects::new(Prefix::default(), "chat", Layout::default())
    }

    #[test]
    fn subjects_and_streams_are_written_as_documented() {
        let place = Place { partition: 3, bucket: 17 };
        assert_eq!(chat().stream(3), "SB_chat_3");
        assert_eq!(chat().stored(3), "sb.in.chat.3.>");
        assert_eq!(chat().bucket(place), "sb.out.chat.3.17.>");
        assert_eq!(chat().epoch_marker(Direction::In, 3), "sb.in.chat.3._epoch");
        let subject = chat().channel(Direction::Out, &name("chat:a.b*>% ä"));
        assert!(subject.ends_with(".chat:a%2Eb%2A%3E%25%20%C3%A4"), "{subject}");
        let odd = Subjects::new(Prefix::new("eu-1").unwrap(), "a.b_2", Layout::default());
        assert_eq!(odd.stream(3), "EU-1_a%2Eb_2_3");
        assert_eq!(odd.stored(0), "eu-1.in.a%2Eb_2.0.>");
    }

    #[test]
    fn no_channel_has_the_subject_of_a_marker() {
        for channel in ["_epoch", "chat:_epoch", "chat:x._epoch"] {
            let subject = chat().channel(Direction::In, &name(channel));
            assert_eq!(subject.matches('.').count(), 5);
            let named = chat().parse(Direction::In, &subject).unwrap();
            assert!(matches!(named, Named::Channel { channel: own, .. } if own == name(channel)));
        }
        let marker = chat().epoch_marker(Direction::Out, 3);
        assert_eq!(chat().parse(Direction::Out, &marker), Ok(Named::EpochMarker { partition: 3 }));
    }

    #[test]
    fn what_is_not_ours_is_refused_by_rule() {
        let good = chat().channel(Direction::Out, &name("chat:a"));
        let (front, _) = good.rsplit_once('.').unwrap();
        let parse = |subject: &str| chat().parse(Direction::Out, subject).unwrap_err();
        for foreign in
            ["", "sb", "sb.out", "sbx.out.chat.0.0.a", "sb.in.chat.0.0.a", "sb.out.chats.0.0.a"]
        {
            assert_eq!(parse(foreign), SubjectError::Foreign, "{foreign}");
        }
        for tokens in ["sb.out.chat.0", "sb.out.chat.0._x", &format!("{good}.b")] {
            assert_eq!(parse(tokens), SubjectError::Tokens, "{tokens}");
        }
        for number in [
            "16.0.a",
            "00.0.a",
            "x.0.a",
            "+1.0.a",
            ".0.a",
            "0.64.a",
            "0.-1.a",
            "0.01.a",
            "99999.0.a",
        ] {
            assert_eq!(parse(&format!("sb.out.chat.{number}")), SubjectError::Number, "{number}");
        }
        for encoding in ["chat:%61", "chat:a%2e", "ä", "a b", "%ff", "%", "%zz", "a*"] {
            assert_eq!(parse(&format!("{front}.{encoding}")), SubjectError::Encoding, "{encoding}");
        }
        for bad in ["", "a/b", "a%0A"] {
            assert!(matches!(parse(&format!("{front}.{bad}")), SubjectError::Name(_)), "{bad}");
        }
        assert_eq!(parse("sb.out.chat.0.0.chat:a"), SubjectError::Misplaced);
    }

    #[test]
    fn a_prefix_is_short_and_plain() {
        assert!(["a", "sb", "eu-1"].iter().all(|prefix| Prefix::new(prefix).is_some()));
        let long = "a".repeat(33);
        assert!(
            ["", "SB", "a_b", "a.b", "a b", "ä", "*", &long]
                .iter()
                .all(|it| Prefix::new(it).is_none())
        );
    }

    proptest! {
        #[test]
        fn every_channel_comes_back_from_its_subject(text in "[^/\\p{Cc}]{1,60}") {
            let channel = name(&text);
            for direction in [Direction::In, Direction::Out] {
                let subject = chat().channel(direction, &channel);
                prop_assert!(subject.is_ascii() && !subject.contains(['*', '>', ' ']));
                prop_assert_eq!(subject.matches('.').count(), 5);
                let place = Layout::default().place(&channel);
                let named = Named::Channel { channel: channel.clone(), place };
                prop_assert_eq!(chat().parse(direction, &subject), Ok(named));
            }
        }
    }
}
