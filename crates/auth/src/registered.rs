//! Claims that every kind of token has (RFC 7519 section 4.1), and how they are read.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::TokenError;
use crate::value::object;

/// Longest `sub`, in bytes.
pub(crate) const USER_BYTES_MAX: usize = 255;

/// How far the clocks of two machines may be apart, for `nbf`.
const LEEWAY_S: u64 = 5;

/// Reads claims, which are an object (RFC 7519 section 7.2).
pub(crate) fn claims<T: DeserializeOwned>(json: &[u8]) -> Result<T, TokenError> {
    object(json).ok_or(TokenError::Malformed)
}

/// When a token is no longer good, and when what was opened with it ends: `expire_at` where it is there (0 is
/// never), else `exp`.
pub(crate) fn ends(
    exp: Option<&Value>,
    nbf: Option<&Value>,
    expire_at: Option<&Value>,
    now_s: u64,
) -> Result<(Option<u64>, Option<u64>), TokenError> {
    let expires_at_s = seconds("exp", exp)?;
    if expires_at_s.is_some_and(|at| at <= now_s) {
        return Err(TokenError::Expired);
    }
    if seconds("nbf", nbf)?.is_some_and(|at| at > now_s + LEEWAY_S) {
        return Err(TokenError::NotYetValid);
    }
    let end_s = match seconds("expire_at", expire_at)? {
        Some(0) => None,
        Some(at) if at <= now_s => return Err(TokenError::Expired),
        Some(at) => Some(at),
        None => expires_at_s,
    };
    Ok((expires_at_s, end_s))
}

/// Whose token it is (`iss`), and for whom (`aud`), where that is given.
pub(crate) fn check_place(
    (iss, aud): (Option<&Value>, Option<&Value>),
    issuer: Option<&str>,
    audience: Option<&str>,
) -> Result<(), TokenError> {
    if let Some(expected) = issuer
        && iss.and_then(Value::as_str) != Some(expected)
    {
        return Err(TokenError::Issuer);
    }
    let Some(expected) = audience else {
        return Ok(());
    };
    let is_for_us = match aud {
        Some(Value::String(audience)) => audience == expected,
        Some(Value::Array(all)) => all.iter().any(|audience| audience == expected),
        _ => false,
    };
    if is_for_us { Ok(()) } else { Err(TokenError::Audience) }
}

/// A `NumericDate` (RFC 7519 section 2), which may have a fraction.
pub(crate) fn seconds(
    name: &'static str,
    number: Option<&Value>,
) -> Result<Option<u64>, TokenError> {
    let Some(number) = number else {
        return Ok(None);
    };
    let whole = number.as_u64().or_else(|| {
        let seconds = number.as_f64().filter(|seconds| (0.0..1e15).contains(seconds))?;
        #[expect(clippy::cast_sign_loss, reason = "it is not negative")]
        Some(seconds as u64)
    });
    whole.map(Some).ok_or(TokenError::Claim(name))
}

/// A user's name within bounds; empty where there is none.
pub(crate) fn user(name: &'static str, sub: Option<Value>) -> Result<Box<str>, TokenError> {
    match sub {
        None => Ok(Box::default()),
        Some(Value::String(sub))
            if sub.len() <= USER_BYTES_MAX && !sub.chars().any(char::is_control) =>
        {
            Ok(sub.into())
        }
        Some(_) => Err(TokenError::Claim(name)),
    }
}
