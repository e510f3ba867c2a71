//! What a token says of its client, or the backend that was asked who it is.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::channel_options::data;
use crate::opening;
use crate::registered::{USER_BYTES_MAX, check_place, claims, ends, seconds, user};
use crate::value::{INFO_BYTES_MAX, value};
use crate::{Opening, Patterns, TokenError};

/// What a verified token says, or a connect hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// `sub`: the user. Empty for a client whose name does not matter.
    pub user: Box<str>,
    /// `exp`: when the token is no longer good, in Unix seconds.
    pub expires_at_s: Option<u64>,
    /// When a connection that was opened with the token ends: `expire_at` where it is there (0 is never),
    /// else `exp`. Unix seconds.
    pub connection_expires_at_s: Option<u64>,
    /// `channels` and the names in `subs`: the channels it may listen to where that is granted.
    pub channels: Patterns,
    /// `publish`: the channels it may publish to where that is granted.
    pub publish: Patterns,
    /// `info` (JSON) or `b64info` (any bytes): what others are told of the client.
    pub info: Option<Box<[u8]>>,
    /// `meta`: a JSON object as it was written, which backends are given with what they are asked about
    /// the client. Nobody else sees it.
    pub meta: Option<Box<[u8]>>,
    /// What counts only when a client begins that the server subscribes to channels.
    pub opening: Option<Box<Opening>>,
}

/// The client of a request; none for an anonymous one.
pub type Who = Option<Arc<Claims>>;

impl Claims {
    /// Longest `sub`, in bytes.
    pub const USER_BYTES_MAX: usize = USER_BYTES_MAX;
    /// Longest `info`, in bytes.
    pub const INFO_BYTES_MAX: usize = INFO_BYTES_MAX;
    /// Longest `meta`, in bytes.
    pub const META_BYTES_MAX: usize = 4_096;

    /// A client of which nothing is known but its name.
    pub fn of_user(user: Box<str>) -> Self {
        Self {
            user,
            expires_at_s: None,
            connection_expires_at_s: None,
            channels: Patterns::default(),
            publish: Patterns::default(),
            info: None,
            meta: None,
            opening: None,
        }
    }

    /// What a backend says of a client that shows no token: the `result` of its connect hook, which reads as
    /// the payload of a token, but names the client in `user` and its end in `expire_at` (0 is never).
    ///
    /// # Errors
    /// When it is no JSON object, its end is not after `now_s` (Unix seconds), or a claim is not what it
    /// must be.
    pub fn of_connect(json: &[u8], now_s: u64) -> Result<Self, TokenError> {
        let mut raw: RawClaims = claims(json)?;
        let end = match seconds("expire_at", raw.expire_at.as_ref())? {
            None | Some(0) => None,
            Some(at) if at <= now_s => return Err(TokenError::Expired),
            at => at,
        };
        let user = user("user", raw.user.take())?;
        let data = data(raw.data.take(), raw.b64data.take())?;
        raw.claims(user, (end, end), data)
    }

    /// Bytes that they take, about.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.user.len()
            + self.channels.bytes()
            + self.publish.bytes()
            + self.info.as_ref().map_or(0, |info| info.len())
            + self.meta.as_ref().map_or(0, |meta| meta.len())
            + self.opening.as_ref().map_or(0, |opening| opening.bytes())
    }
}

/// The payload of a token, as Centrifugo's and with `publish`: any JSON, so that a claim that is not what it
/// must be can be named. The result of a connect hook reads as one.
#[derive(Deserialize)]
pub(crate) struct RawClaims {
    sub: Option<Value>,
    /// What `sub` is called in the result of a connect hook.
    user: Option<Value>,
    exp: Option<Value>,
    nbf: Option<Value>,
    iss: Option<Value>,
    aud: Option<Value>,
    expire_at: Option<Value>,
    /// Only a token for a subscription has it.
    channel: Option<Value>,
    info: Option<Box<RawValue>>,
    b64info: Option<Value>,
    channels: Option<Value>,
    subs: Option<Box<RawValue>>,
    publish: Option<Value>,
    meta: Option<Box<RawValue>>,
    /// What a connect hook tells the client.
    data: Option<Box<RawValue>>,
    b64data: Option<Value>,
}

impl RawClaims {
    /// The claims of a token that is good at `now_s` (Unix seconds), of this issuer and for this audience
    /// where those are given.
    pub(crate) fn check(
        mut self,
        now_s: u64,
        issuer: Option<&str>,
        audience: Option<&str>,
    ) -> Result<Claims, TokenError> {
        if self.channel.as_ref().is_some_and(|channel| !channel.is_null() && channel != "") {
            return Err(TokenError::Purpose);
        }
        check_place((self.iss.as_ref(), self.aud.as_ref()), issuer, audience)?;
        let ends = ends(self.exp.as_ref(), self.nbf.as_ref(), self.expire_at.as_ref(), now_s)?;
        let user = user("sub", self.sub.take())?;
        self.claims(user, ends, None)
    }

    /// What is left, with these.
    fn claims(
        self,
        user: Box<str>,
        (expires_at_s, connection_expires_at_s): (Option<u64>, Option<u64>),
        data: Option<Box<[u8]>>,
    ) -> Result<Claims, TokenError> {
        let mut channels = texts("channels", self.channels)?;
        let (names, subs) = opening::subs(self.subs)?;
        channels.extend(names);
        let patterns =
            |name, texts: Vec<String>| Patterns::new(texts).ok_or(TokenError::Claim(name));
        Ok(Claims {
            user,
            expires_at_s,
            connection_expires_at_s,
            channels: patterns("channels", channels)?,
            publish: patterns("publish", texts("publish", self.publish)?)?,
            info: info(self.info, self.b64info)?,
            meta: meta(self.meta)?,
            opening: Opening::new(data, subs),
        })
    }
}

/// A list of texts.
fn texts(name: &'static str, list: Option<Value>) -> Result<Vec<String>, TokenError> {
    match list {
        None | Some(Value::Null) => Ok(Vec::new()),
        list => {
            list.and_then(|list| serde_json::from_value(list).ok()).ok_or(TokenError::Claim(name))
        }
    }
}

fn info(
    json: Option<Box<RawValue>>,
    encoded: Option<Value>,
) -> Result<Option<Box<[u8]>>, TokenError> {
    let bytes = value(json, encoded).map_err(|_| TokenError::Claim("b64info"))?;
    let is_short = bytes.as_ref().is_none_or(|bytes| bytes.len() <= Claims::INFO_BYTES_MAX);
    if is_short { Ok(bytes) } else { Err(TokenError::Claim("info")) }
}

/// An object, or nothing.
fn meta(json: Option<Box<RawValue>>) -> Result<Option<Box<[u8]>>, TokenError> {
    let json = json.filter(|json| json.get() != "null");
    match &json {
        Some(json) if !json.get().starts_with('{') || json.get().len() > Claims::META_BYTES_MAX => {
            Err(TokenError::Claim("meta"))
        }
        json => Ok(json.as_ref().map(|json| json.get().as_bytes().into())),
    }
}

#[cfg(test)]
mod tests {
    use switchboard_hub::ChannelName;

    use super::*;

    fn check(json: &str) -> Result<Claims, TokenError> {
        serde_json::from_str::<RawClaims>(json).unwrap().check(1_000, None, None)
    }

    #[test]
    fn a_token_is_good_until_its_end_and_from_its_beginning() {
        assert_eq!(check(r#"{"exp":1000}"#), Err(TokenError::Expired));
        assert_eq!(check(r#"{"exp":1001.9}"#).unwrap().expires_at_s, Some(1_001));
        assert_eq!(check(r#"{"nbf":1006}"#), Err(TokenError::NotYetValid));
        assert!(check(r#"{"nbf":1005,"iat":9999}"#).is_ok());
        assert_eq!(check(r#"{"exp":-1}"#), Err(TokenError::Claim("exp")));
        assert_eq!(check(r#"{"exp":1e300}"#), Err(TokenError::Claim("exp")));
        assert_eq!(check(r#"{"exp":"soon"}"#), Err(TokenError::Claim("exp")));
    }

    #[test]
    fn expire_at_says_when_the_connection_ends() {
        let end = |json| check(json).map(|claims| claims.connection_expires_at_s);
        assert_eq!(end("{}"), Ok(None));
        assert_eq!(end(r#"{"exp":2000}"#), Ok(Some(2_000)));
        assert_eq!(end(r#"{"exp":2000,"expire_at":0}"#), Ok(None));
        assert_eq!(end(r#"{"exp":2000,"expire_at":3000}"#), Ok(Some(3_000)));
        assert_eq!(end(r#"{"exp":2000,"expire_at":900}"#), Err(TokenError::Expired));
    }

    #[test]
    fn the_issuer_and_the_audience_must_be_ours_where_they_are_given() {
        let check = |json: &str| {
            let claims: RawClaims = serde_json::from_str(json).unwrap();
            claims.check(0, Some("https://a"), Some("push")).map(|_| ())
        };
        assert_eq!(check(r#"{"iss":"https://a","aud":"push"}"#), Ok(()));
        assert_eq!(check(r#"{"iss":"https://a","aud":["x","push"]}"#), Ok(()));
        for json in [r#"{"aud":"push"}"#, r#"{"iss":"https://a/","aud":"push"}"#, r#"{"iss":1}"#] {
            assert_eq!(check(json), Err(TokenError::Issuer), "{json}");
        }
        for aud in ["", r#","aud":"pus""#, r#","aud":[]"#, r#","aud":{"push":1}"#, r#","aud":null"#]
        {
            let json = format!(r#"{{"iss":"https://a"{aud}}}"#);
            assert_eq!(check(&json), Err(TokenError::Audience), "{json}");
        }
    }

    #[test]
    fn channels_and_subs_are_one_list_and_publish_another() {
        let claims =
            check(r#"{"sub":"7","channels":["a"],"subs":{"b:*":{}},"publish":["c"]}"#).unwrap();
        let name = |name| ChannelName::new(name).unwrap();
        assert_eq!(&*claims.user, "7");
        assert!(claims.channels.match_name(&name("a")) && claims.channels.match_name(&name("b:x")));
        assert!(!claims.channels.match_name(&name("c")) && claims.publish.match_name(&name("c")));
        for (json, claim) in [
            (r#"{"channels":"a"}"#, "channels"),
            (r#"{"channels":[1]}"#, "channels"),
            (r#"{"subs":["a"]}"#, "subs"),
            (r#"{"publish":{"a":1}}"#, "publish"),
        ] {
            assert_eq!(check(json), Err(TokenError::Claim(claim)), "{json}");
        }
        assert!(check(r#"{"channels":null,"subs":null,"publish":[]}"#).is_ok());
    }

    #[test]
    fn a_token_of_a_subscription_is_none_of_a_connection() {
        assert_eq!(check(r#"{"sub":"7","channel":"a"}"#), Err(TokenError::Purpose));
        assert!(check(r#"{"sub":"7","channel":""}"#).is_ok());
    }

    #[test]
    fn a_user_is_a_text_within_bounds() {
        assert_eq!(&*check("{}").unwrap().user, "");
        for sub in ["5".to_owned(), "\"a\\u0000\"".to_owned(), format!("\"{}\"", "x".repeat(256))] {
            let json = format!(r#"{{"sub":{sub}}}"#);
            assert_eq!(check(&json), Err(TokenError::Claim("sub")), "{sub}");
        }
    }

    #[test]
    fn info_is_json_or_bytes_within_bounds() {
        let info = |json: &str| check(json).map(|claims| claims.info.map(Vec::from));
        assert_eq!(info(r#"{"info":{"a": 1}}"#), Ok(Some(br#"{"a": 1}"#.to_vec())));
        assert_eq!(info(r#"{"b64info":"AAH/"}"#), Ok(Some(vec![0, 1, 255])));
        assert_eq!(info(r#"{"info":null,"b64info":""}"#), Ok(None));
        assert_eq!(info(r#"{"b64info":"*"}"#), Err(TokenError::Claim("b64info")));
        let long = format!(r#"{{"info":"{}"}}"#, "x".repeat(Claims::INFO_BYTES_MAX));
        assert_eq!(info(&long), Err(TokenError::Claim("info")));
    }

    #[test]
    fn meta_is_an_object_within_bounds() {
        let meta = |json: &str| check(json).map(|claims| claims.meta.map(Vec::from));
        assert_eq!(meta(r#"{"meta": {"a": [1]} }"#), Ok(Some(br#"{"a": [1]}"#.to_vec())));
        assert_eq!(meta(r#"{"meta":null}"#), Ok(None));
        let long = format!(r#"{{"meta":{{"a":"{}"}}}}"#, "x".repeat(Claims::META_BYTES_MAX - 8));
        assert!(meta(&long).unwrap().is_some_and(|meta| meta.len() == Claims::META_BYTES_MAX));
        let long = long.replace("xx\"", "xxx\"");
        for json in [r#"{"meta":[]}"#, r#"{"meta":"{}"}"#, r#"{"meta":1}"#, &long] {
            assert_eq!(meta(json), Err(TokenError::Claim("meta")), "{json}");
        }
    }

    #[test]
    fn a_connect_hook_says_what_a_token_would() {
        let of = |json: &str| Claims::of_connect(json.as_bytes(), 1_000);
        let result = r#"{"user":"7","expire_at":2000,"info":{"n":1},"channels":["a"],"subs":{"b:*":{}},
            "publish":["c"],"meta":{"m":1},"data":{"x":[]},"caps":[]}"#;
        let token = r#"{"sub":"7","exp":2000,"info":{"n":1},"channels":["a"],"subs":{"b:*":{}},
            "publish":["c"],"meta":{"m":1}}"#;
        // It has something to say beside, which tokens have not.
        let told = of(result).unwrap();
        assert_eq!(told.opening.as_ref().unwrap().data.as_deref(), Some(&br#"{"x":[]}"#[..]));
        assert_eq!(Ok(Claims { opening: None, ..told }), check(token));
        assert_eq!(of("{}"), check("{}"));
        assert_eq!(of(r#"{"user":null,"expire_at":0}"#), check("{}"));
        let list = format!("[null,\"7\"{}]", ",null".repeat(15));
        for (json, error) in [
            (&*list, TokenError::Malformed),
            (r#"{"expire_at":1000}"#, TokenError::Expired),
            (r#"{"expire_at":"x"}"#, TokenError::Claim("expire_at")),
            (r#"{"user":7}"#, TokenError::Claim("user")),
            (r#"{"meta":7}"#, TokenError::Claim("meta")),
            ("[]", TokenError::Malformed),
            ("", TokenError::Malformed),
        ] {
            assert_eq!(of(json), Err(error), "{json}");
        }
    }
}
