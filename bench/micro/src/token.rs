//! Tokens of each kind, with the keys that check them.

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::json;
use switchboard_auth::KeySet;

/// When the tokens are good, in Unix seconds.
pub const NOW_S: u64 = 1_000;

macro_rules! key {
    ($name:literal) => {
        include_str!(concat!("../../../crates/auth/tests/keys/", $name))
    };
}

/// Name, token and keys of each kind.
pub fn signed() -> Vec<(&'static str, String, KeySet)> {
    let rsa = || (EncodingKey::from_rsa_pem(key!("rsa.pem").as_bytes()), key!("rsa.pub.pem"));
    let kinds = [
        ("RS256", Algorithm::RS256, rsa()),
        ("PS256", Algorithm::PS256, rsa()),
        (
            "ES256",
            Algorithm::ES256,
            (EncodingKey::from_ec_pem(key!("ec.pem").as_bytes()), key!("ec.pub.pem")),
        ),
        (
            "ES384",
            Algorithm::ES384,
            (EncodingKey::from_ec_pem(key!("ec384.pem").as_bytes()), key!("ec384.pub.pem")),
        ),
        (
            "EdDSA",
            Algorithm::EdDSA,
            (EncodingKey::from_ed_pem(key!("ed.pem").as_bytes()), key!("ed.pub.pem")),
        ),
    ];
    let mut secret = KeySet::default();
    secret.add_secret(SECRET).unwrap();
    let by_secret = sign(Algorithm::HS256, &EncodingKey::from_secret(SECRET));
    let mut all = vec![("HS256", by_secret, secret)];
    for (name, algorithm, (private, public)) in kinds {
        let mut keys = KeySet::default();
        keys.add_pem(public.as_bytes()).unwrap();
        all.push((name, sign(algorithm, &private.unwrap()), keys));
    }
    all
}

const SECRET: &[u8] = b"a secret of at least thirty-two bytes";

fn sign(algorithm: Algorithm, key: &EncodingKey) -> String {
    let claims = json!({"sub": "user-0123456789", "exp": NOW_S + 600, "channels": ["room:1"]});
    encode(&Header::new(algorithm), &claims, key).unwrap()
}
