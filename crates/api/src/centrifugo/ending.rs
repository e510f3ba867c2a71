//! How connections end that a backend wants gone.

use serde::Deserialize;
use serde_json::value::RawValue;
use switchboard_auth::object;

use super::error::CallError;

/// Longest reason: what fits a Close frame beside its code (RFC 6455 section 5.5).
const REASON_BYTES_MAX: usize = 123;

/// The close code and reason for clients that a backend disconnects.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ending {
    /// The code of the Close frame: 4000 to 4999, or one of Centrifugo's own.
    pub code: u16,
    /// One line for people, 123 bytes at most.
    pub reason: Box<str>,
}

#[derive(Deserialize)]
struct Written {
    code: Option<u16>,
    reason: Option<Box<str>>,
}

impl Ending {
    /// What Centrifugo tells clients of which nothing else is said: they do not come back.
    pub fn force_disconnect() -> Self {
        Self { code: 3_503, reason: "force disconnect".into() }
    }

    /// Reads an object with `code` and `reason`.
    pub(super) fn of_json(json: &RawValue) -> Result<Self, CallError> {
        let Some(Written { code, reason }) = object(json.get().as_bytes()) else {
            return Err(CallError::bad_request("disconnect is no object with code and reason"));
        };
        let (code, reason) = (code.unwrap_or(0), reason.unwrap_or_default());
        if !is_known(code) {
            let rule = "the code of disconnect is 4000 to 4999, or one of Centrifugo's own";
            return Err(CallError::bad_request(rule));
        }
        if reason.len() > REASON_BYTES_MAX || reason.contains(char::is_control) {
            let rule = format!("the reason of disconnect is one line of {REASON_BYTES_MAX} bytes");
            return Err(CallError::bad_request(rule));
        }
        Ok(Self { code, reason })
    }

    /// Whether the code is for applications (RFC 6455 section 7.4.2), and not one of Centrifugo's own.
    pub fn is_of_application(&self) -> bool {
        (4_000..=4_999).contains(&self.code)
    }
}

/// Whether SDKs know what to do after it.
fn is_known(code: u16) -> bool {
    matches!(code, 3_000 | 3_001 | 3_004..=3_006 | 3_008..=3_014 | 3_500..=3_509 | 4_000..=4_999)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: &str) -> Result<Ending, u32> {
        let json: Box<RawValue> = serde_json::from_str(json).unwrap();
        Ending::of_json(&json).map_err(|error| error.code as u32)
    }

    #[test]
    fn a_backend_says_a_code_that_clients_know_and_a_short_reason() {
        let ending = |code, reason: &str| Ok(Ending { code, reason: reason.into() });
        assert_eq!(of(r#"{"code":4500,"reason":"gone"}"#), ending(4_500, "gone"));
        assert_eq!(of(r#"{"code":3000}"#), ending(3_000, ""));
        let long = |bytes| format!(r#"{{"code":4000,"reason":"{}"}}"#, "x".repeat(bytes));
        assert!(of(&long(REASON_BYTES_MAX)).is_ok());
        for json in [
            "{}",
            "[4000,\"x\"]",
            "1",
            r#"{"code":1000}"#,
            r#"{"code":3002}"#,
            r#"{"code":5000}"#,
            r#"{"code":70000}"#,
            r#"{"code":4000,"reason":"a\nb"}"#,
            &long(REASON_BYTES_MAX + 1),
        ] {
            assert_eq!(of(json), Err(107), "{json:.40}");
        }
        assert!(of(r#"{"code":4999}"#).unwrap().is_of_application());
        assert!(!of(r#"{"code":3503}"#).unwrap().is_of_application());
    }
}
