//! What a server sends: replies, pushes and pings, of which a frame may have several.
//!
//! An object is read once, into borrowed fields; `data` stays the text that it is. Most publications
//! look the same but for their data and offset: those are not even read as JSON, so that a delivery
//! costs the tool hardly more than one in a dialect of plain messages.

use std::borrow::Cow;

use memchr::{memchr, memchr2};
use serde::Deserialize;
use serde_json::value::RawValue;

/// An object of a server.
#[derive(Debug, Deserialize)]
pub(crate) struct Reply<'a> {
    #[serde(default)]
    pub(crate) id: u32,
    #[serde(borrow)]
    pub(crate) push: Option<Push<'a>>,
    #[serde(borrow)]
    pub(crate) error: Option<Refusal<'a>>,
    pub(crate) connect: Option<Connected>,
    #[serde(borrow)]
    pub(crate) subscribe: Option<Subscribed<'a>>,
}

/// What nobody asked for.
#[derive(Debug, Deserialize)]
pub(crate) struct Push<'a> {
    #[serde(borrow, default)]
    pub(crate) channel: Cow<'a, str>,
    #[serde(borrow, rename = "pub")]
    pub(crate) publication: Option<Publication<'a>>,
    #[serde(borrow)]
    pub(crate) unsubscribe: Option<Refusal<'a>>,
    #[serde(borrow)]
    pub(crate) disconnect: Option<Refusal<'a>>,
}

/// A publication.
#[derive(Debug, Deserialize)]
pub(crate) struct Publication<'a> {
    #[serde(borrow)]
    pub(crate) data: &'a RawValue,
    /// 0 where the channel has no positions.
    #[serde(default)]
    pub(crate) offset: u64,
}

/// Why something is refused, or over.
#[derive(Debug, Deserialize)]
pub(crate) struct Refusal<'a> {
    #[serde(default)]
    pub(crate) code: u32,
    #[serde(borrow, default, alias = "reason")]
    pub(crate) message: Cow<'a, str>,
}

/// It has begun.
#[derive(Debug, Deserialize)]
pub(crate) struct Connected {
    /// Pings are to be answered.
    #[serde(default)]
    pub(crate) pong: bool,
}

/// It listens.
#[derive(Debug, Deserialize)]
pub(crate) struct Subscribed<'a> {
    /// It may go on later.
    #[serde(default)]
    pub(crate) recoverable: bool,
    #[serde(borrow, default)]
    pub(crate) epoch: Cow<'a, str>,
    #[serde(default)]
    pub(crate) offset: u64,
    #[serde(default)]
    pub(crate) was_recovering: bool,
    #[serde(default)]
    pub(crate) recovered: bool,
    #[serde(borrow, default)]
    pub(crate) publications: Vec<Publication<'a>>,
}

impl<'a> Reply<'a> {
    /// Reads an object.
    ///
    /// # Errors
    /// When it is none.
    pub(crate) fn read(object: &'a str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(object)
    }
}

/// The data and the offset of a publication in a channel, where the push is written as most are:
/// the channel, a text without escapes, the offset if there is one, and nothing else. What is written
/// otherwise is for [`Reply::read`].
pub(crate) fn plain_push<'a>(object: &'a str, channel: &str) -> Option<(&'a str, u64)> {
    let rest = object.strip_prefix(r#"{"push":{"channel":""#)?.strip_prefix(channel)?;
    let rest = rest.strip_prefix(r#"","pub":{"data":"#)?;
    let text = rest.strip_prefix('"')?;
    // The quotes are a part of the data.
    let (data, rest) = rest.split_at(memchr2(b'"', b'\\', text.as_bytes())? + 2);
    let rest = rest.strip_suffix("}}}").filter(|_| data.ends_with('"'))?;
    match rest.strip_prefix(r#","offset":"#) {
        Some(offset) => Some((data, offset.parse().ok()?)),
        None => rest.is_empty().then_some((data, 0)),
    }
}

/// The objects of a frame, which line breaks separate. They are escaped in texts, so one that is
/// raw is always between two objects.
pub(crate) fn each(frame: &str) -> impl Iterator<Item = &str> {
    let mut rest = frame;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = memchr(b'\n', rest.as_bytes());
        let (object, more) = end.map_or((rest, ""), |end| (&rest[..end], &rest[end + 1..]));
        rest = more;
        Some(object.trim_ascii())
    })
    .filter(|object| !object.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_push_is_read_whatever_the_order_of_its_fields() {
        for object in [
            r#"{"push":{"channel":"c","pub":{"data":"sbl:x","offset":7}}}"#,
            r#"{"push":{"pub":{"offset":7,"info":{"user":"a","client":"b"},"tags":{"k":"v"},"data":"sbl:x","time":1},"channel":"c"}}"#,
        ] {
            let push = Reply::read(object).unwrap().push.unwrap();
            let publication = push.publication.unwrap();
            assert!(matches!(push.channel, Cow::Borrowed("c")));
            assert_eq!((publication.data.get(), publication.offset), (r#""sbl:x""#, 7));
        }
        // Without history there is no offset; names may be escaped.
        let object = r#"{"push":{"channel":"a\"b","pub":{"data":{"a":[1,"}"]}}}}"#;
        let push = Reply::read(object).unwrap().push.unwrap();
        assert_eq!(push.channel, "a\"b");
        let publication = push.publication.unwrap();
        assert_eq!((publication.data.get(), publication.offset), (r#"{"a":[1,"}"]}"#, 0));
    }

    #[test]
    fn plain_pushes_are_read_as_others_are() {
        for (object, expected) in [
            (
                r#"{"push":{"channel":"c","pub":{"data":"sbl:x","offset":7}}}"#,
                Some((r#""sbl:x""#, 7)),
            ),
            (r#"{"push":{"channel":"c","pub":{"data":"é"}}}"#, Some((r#""é""#, 0))),
            (r#"{"push":{"channel":"c","pub":{"data":"","offset":7}}}"#, Some((r#""""#, 7))),
            (r#"{"push":{"channel":"cc","pub":{"data":"x","offset":7}}}"#, None),
            (r#"{"push":{"channel":"c","pub":{"data":"x\n","offset":7}}}"#, None),
            (r#"{"push":{"channel":"c","pub":{"data":"x\"}}}"#, None),
            (r#"{"push":{"channel":"c","pub":{"data":"\é","offset":7}}}"#, None),
            (r#"{"push":{"channel":"c","pub":{"data":{"a":1},"offset":7}}}"#, None),
            (r#"{"push":{"channel":"c","pub":{"data":"x","offset":7,"time":1}}}"#, None),
            (r#"{"push":{"channel":"c","pub":{"data":"x"}},"id":1}"#, None),
            (r#"{"push":{"channel":"c","join":{}}}"#, None),
        ] {
            assert_eq!(plain_push(object, "c"), expected, "{object}");
            if let Some((data, offset)) = expected {
                let publication = Reply::read(object).unwrap().push.unwrap().publication.unwrap();
                assert_eq!((publication.data.get(), publication.offset), (data, offset));
            }
        }
    }

    #[test]
    fn replies_and_ends_are_read() {
        let read = |object| Reply::read(object).unwrap();
        assert!(
            read(r#"{"id":1,"connect":{"client":"x","ping":25,"pong":true}}"#)
                .connect
                .unwrap()
                .pong
        );
        assert!(!read(r#"{"id":1,"connect":{}}"#).connect.unwrap().pong);
        let subscribed = read(
            r#"{"id":2,"subscribe":{"recoverable":true,"epoch":"abc","offset":7,"was_recovering":true,"recovered":true,"publications":[{"data":1,"offset":8}]}}"#,
        )
        .subscribe
        .unwrap();
        assert!(subscribed.recoverable && subscribed.was_recovering && subscribed.recovered);
        assert_eq!((&*subscribed.epoch, subscribed.offset), ("abc", 7));
        assert_eq!(subscribed.publications[0].offset, 8);
        let error = read(r#"{"id":2,"error":{"code":103,"message":"permission denied"}}"#).error;
        let error = error.unwrap();
        assert_eq!((error.code, &*error.message), (103, "permission denied"));
        let push = read(r#"{"push":{"channel":"c","unsubscribe":{"code":2500,"reason":"why"}}}"#);
        let unsubscribe = push.push.unwrap().unsubscribe.unwrap();
        assert_eq!((unsubscribe.code, &*unsubscribe.message), (2500, "why"));
        assert!(Reply::read(r#"{"push":{"channel":"c","pub":{"offset":7}}}"#).is_err());
        assert!(Reply::read("{").is_err());
    }

    #[test]
    fn a_frame_may_have_several_objects() {
        let frame = "{}\n{\"id\":1}\r\n\n {\"id\":2} \n";
        let all: Vec<&str> = each(frame).collect();
        assert_eq!(all, ["{}", r#"{"id":1}"#, r#"{"id":2}"#]);
        assert_eq!(each("").count() + each("\n\n").count(), 0);
    }
}
