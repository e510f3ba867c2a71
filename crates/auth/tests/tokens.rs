//! Tokens of every kind against the keys of a server. The private keys in `keys/` sign nothing but these.
#![allow(clippy::unwrap_used)] // a test says what it missed by panicking

use jsonwebtoken::jwk::{CommonParameters, Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use switchboard_auth::{Claims, KeyError, KeySet, TokenError, Verifier};

const RSA: &str = include_str!("keys/rsa.pem");
const EC: &str = include_str!("keys/ec.pem");
const EC_384: &str = include_str!("keys/ec384.pem");
const ED: &str = include_str!("keys/ed.pem");
const RSA_PUBLIC: &str = include_str!("keys/rsa.pub.pem");
const EC_PUBLIC: &str = include_str!("keys/ec.pub.pem");
const EC_384_PUBLIC: &str = include_str!("keys/ec384.pub.pem");
const ED_PUBLIC: &str = include_str!("keys/ed.pub.pem");
const SECRET: &[u8] = b"a secret of at least thirty-two bytes";
const NOW_S: u64 = 1_000;

fn signing_key(algorithm: Algorithm) -> EncodingKey {
    match algorithm {
        Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 => EncodingKey::from_secret(SECRET),
        Algorithm::ES256 => EncodingKey::from_ec_pem(EC.as_bytes()).unwrap(),
        Algorithm::ES384 => EncodingKey::from_ec_pem(EC_384.as_bytes()).unwrap(),
        Algorithm::EdDSA => EncodingKey::from_ed_pem(ED.as_bytes()).unwrap(),
        _ => EncodingKey::from_rsa_pem(RSA.as_bytes()).unwrap(),
    }
}

fn sign(header: &Header, claims: &Value) -> String {
    encode(header, claims, &signing_key(header.alg)).unwrap()
}

fn token(algorithm: Algorithm) -> String {
    sign(&Header::new(algorithm), &json!({"sub": "7", "exp": NOW_S + 1}))
}

fn with_pem(pem: &str) -> KeySet {
    let mut keys = KeySet::default();
    keys.add_pem(pem.as_bytes()).unwrap();
    keys
}

fn with_secret() -> KeySet {
    let mut keys = KeySet::default();
    keys.add_secret(SECRET).unwrap();
    keys
}

fn verify(keys: &KeySet, token: &str) -> Result<Claims, TokenError> {
    Verifier::new(keys.clone(), None, None).read(token.as_bytes())?.verify(NOW_S)
}

const ALL: [Algorithm; 12] = [
    Algorithm::HS256,
    Algorithm::HS384,
    Algorithm::HS512,
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

#[test]
fn each_key_takes_the_tokens_of_its_algorithms_and_no_others() {
    let sets = [
        with_secret(),
        with_pem(RSA_PUBLIC),
        with_pem(EC_PUBLIC),
        with_pem(EC_384_PUBLIC),
        with_pem(ED_PUBLIC),
    ];
    for (algorithm, of) in ALL.into_iter().zip([0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 3, 4]) {
        for (at, keys) in sets.iter().enumerate() {
            let verified = verify(keys, &token(algorithm)).map(|claims| claims.user);
            let expected = if at == of { Ok("7".into()) } else { Err(TokenError::Algorithm) };
            assert_eq!(verified, expected, "{algorithm:?} with key {at}");
        }
    }
}

#[test]
fn a_server_may_have_several_keys() {
    let mut keys = with_secret();
    for pem in [RSA_PUBLIC, EC_PUBLIC, EC_384_PUBLIC, ED_PUBLIC] {
        keys.add_pem(pem.as_bytes()).unwrap();
    }
    for algorithm in ALL {
        assert!(verify(&keys, &token(algorithm)).is_ok(), "{algorithm:?}");
    }
    keys.add_secret(b"another secret of thirty-two bytes or more").unwrap();
    assert!(verify(&keys, &token(Algorithm::HS256)).is_ok());
}

/// The public key of a server is known: it must never be a secret (RFC 8725 section 2.1).
#[test]
fn a_public_key_is_no_secret() {
    let forged = encode(
        &Header::new(Algorithm::HS256),
        &json!({"sub": "admin"}),
        &EncodingKey::from_secret(RSA_PUBLIC.as_bytes()),
    );
    assert_eq!(verify(&with_pem(RSA_PUBLIC), &forged.unwrap()), Err(TokenError::Algorithm));
}

#[test]
fn a_token_that_was_changed_is_refused() {
    let good = token(Algorithm::HS256);
    let [header, claims, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!() };
    let other = token_part(r#"{"sub":"admin"}"#);
    let none = token_part(r#"{"alg":"none","typ":"JWT"}"#);
    for (bad, error) in [
        (format!("{header}.{other}.{signature}"), TokenError::Signature),
        (format!("{header}.{claims}."), TokenError::Signature),
        (format!("{header}.{claims}.{}", &signature[1..]), TokenError::Malformed),
        (format!("{header}.{claims}"), TokenError::Malformed),
        (format!("{none}.{claims}."), TokenError::Algorithm),
        (format!("{none}.{claims}"), TokenError::Malformed),
        (
            format!("{}.{claims}.{signature}", token_part(r#"{"alg":"HS257"}"#)),
            TokenError::Algorithm,
        ),
        (String::new(), TokenError::Malformed),
        ("a.b.c".to_owned(), TokenError::Malformed),
        ("é.é.é".to_owned(), TokenError::Malformed),
    ] {
        assert_eq!(verify(&with_secret(), &bad), Err(error), "{bad}");
    }
}

fn token_part(json: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(json)
}

/// RFC 7515 section 4.1.11.
#[test]
fn an_extension_that_is_critical_is_refused() {
    let mut header = Header::new(Algorithm::HS256);
    header.crit = Some(vec!["exp".to_owned()]);
    assert_eq!(verify(&with_secret(), &sign(&header, &json!({}))), Err(TokenError::Critical));
}

/// A token may say where its key is, and even bring it: that is never looked at.
#[test]
fn a_token_never_brings_its_own_key() {
    let mut header = Header::new(Algorithm::ES256);
    header.jku = Some("http://127.0.0.1:1/keys".to_owned());
    header.x5u = header.jku.clone();
    header.jwk = Some(jwk(Algorithm::ES256, "mine"));
    let forged = sign(&header, &json!({"sub": "admin", "iss": "http://127.0.0.1:1"}));
    assert_eq!(verify(&with_secret(), &forged), Err(TokenError::Algorithm));
    let mut other = KeySet::default();
    let set = JwkSet { keys: vec![other_jwk("ours")] };
    other.add_jwks(&serde_json::to_vec(&set).unwrap()).unwrap();
    assert_eq!(verify(&other, &forged), Err(TokenError::Signature));
}

/// The public key of a private one, as a JWK.
fn jwk(algorithm: Algorithm, id: &str) -> Jwk {
    let mut jwk = Jwk::from_encoding_key(&signing_key(algorithm), algorithm).unwrap();
    jwk.common.key_id = Some(id.to_owned());
    jwk
}

/// The example key of RFC 7517 appendix A.1, on P-256.
fn other_jwk(id: &str) -> Jwk {
    serde_json::from_value(json!({
        "kty": "EC", "crv": "P-256", "kid": id, "use": "sig",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    }))
    .unwrap()
}

fn jwks(keys: Vec<Jwk>) -> Result<KeySet, KeyError> {
    let mut set = KeySet::default();
    set.add_jwks(&serde_json::to_vec(&JwkSet { keys }).unwrap()).map(|()| set)
}

fn named(algorithm: Algorithm, id: Option<&str>) -> String {
    let mut header = Header::new(algorithm);
    header.kid = id.map(str::to_owned);
    sign(&header, &json!({"sub": "7"}))
}

#[test]
fn a_token_chooses_its_key_in_a_set_by_name() {
    let all = [Algorithm::RS256, Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA];
    let mut keys: Vec<Jwk> = all.iter().map(|of| jwk(*of, &format!("{of:?}"))).collect();
    keys.push(other_jwk("other"));
    let keys = jwks(keys).unwrap();
    for of in all {
        assert!(verify(&keys, &named(of, Some(&format!("{of:?}")))).is_ok(), "{of:?}");
        assert_eq!(verify(&keys, &named(of, Some("nobody"))), Err(TokenError::UnknownKey));
    }
    // There are two keys that it could be: nobody tries them all.
    assert_eq!(verify(&keys, &named(Algorithm::ES256, None)), Err(TokenError::UnknownKey));
    assert!(verify(&keys, &named(Algorithm::EdDSA, None)).is_ok());
    assert_eq!(verify(&keys, &named(Algorithm::ES256, Some("other"))), Err(TokenError::Signature));
}

#[test]
fn a_key_of_a_set_is_for_what_the_set_says() {
    let mut for_encryption = jwk(Algorithm::ES256, "a");
    for_encryption.common.public_key_use = Some(PublicKeyUse::Encryption);
    assert_eq!(jwks(vec![for_encryption]).unwrap_err(), KeyError::NoUsableKey);
    let only = jwks(vec![jwk(Algorithm::RS256, "a")]).unwrap();
    assert!(verify(&only, &named(Algorithm::RS256, Some("a"))).is_ok());
    assert_eq!(verify(&only, &named(Algorithm::RS512, Some("a"))), Err(TokenError::Algorithm));
    let secret = json!({"keys": [{"kty": "oct", "k": "c2VjcmV0"}]});
    let mut keys = KeySet::default();
    assert_eq!(keys.add_jwks(secret.to_string().as_bytes()), Err(KeyError::NoUsableKey));
    assert!(matches!(keys.add_jwks(b"[]"), Err(KeyError::NotJwks(_))));
}

#[test]
fn a_token_is_tried_with_few_keys_and_their_cost_is_known() {
    let mut keys = KeySet::default();
    for _ in 0..4 {
        keys.add_pem(RSA_PUBLIC.as_bytes()).unwrap();
        keys.add_pem(EC_PUBLIC.as_bytes()).unwrap();
    }
    assert_eq!(keys.clone().add_pem(EC_PUBLIC.as_bytes()), Err(KeyError::Nameless(4)));
    let nameless = Jwk { common: CommonParameters::default(), ..other_jwk("x") };
    let set = serde_json::to_vec(&JwkSet { keys: vec![nameless] }).unwrap();
    assert_eq!(keys.clone().add_jwks(&set), Err(KeyError::Nameless(4)));
    let one = Verifier::new(with_pem(EC_PUBLIC), None, None);
    let four = Verifier::new(keys, None, None);
    let token = token(Algorithm::ES256);
    let cost = |verifier: &Verifier| verifier.read(token.as_bytes()).unwrap().cost_us();
    assert!(cost(&one) > 0 && cost(&four) == 4 * cost(&one));
    let long = "x".repeat(Verifier::TOKEN_BYTES_MAX + 1);
    assert_eq!(one.read(long.as_bytes()).map(|_| ()), Err(TokenError::Long));
}

#[test]
fn what_is_no_key_that_we_take_is_refused() {
    let mut keys = KeySet::default();
    for pem in [
        "",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        // On another curve with points as long, and too short.
        include_str!("keys/secp256k1.pub.pem"),
        include_str!("keys/rsa1024.pub.pem"),
        // It would take 16 times as long to check.
        include_str!("keys/rsa8192.pub.pem"),
    ] {
        assert_eq!(keys.add_pem(pem.as_bytes()), Err(KeyError::NotPem), "{pem}");
    }
    assert_eq!(keys.add_secret(b""), Err(KeyError::Empty));
    assert!(keys.is_empty());
}

#[test]
fn a_set_is_added_to_the_own_keys_and_does_not_replace_them() {
    let mut own = KeySet::default();
    let mine = serde_json::to_vec(&json!({"keys": [jwk(Algorithm::ES256, "a")]})).unwrap();
    own.add_jwks(&mine).unwrap();
    let verifier = Verifier::new(own, None, None);
    let read = |verifier: &Verifier, id| {
        let token = named(Algorithm::ES256, Some(id));
        verifier.read(token.as_bytes()).and_then(|token| token.verify(0)).map(|_| ())
    };
    let set = json!({"keys": [other_jwk("a"), jwk(Algorithm::ES256, "b")]});
    let both = verifier.with_jwks(&serde_json::to_vec(&set).unwrap()).unwrap();
    assert_eq!((read(&both, "a"), read(&both, "b")), (Ok(()), Ok(())));
    assert_eq!(read(&verifier, "b"), Err(TokenError::UnknownKey), "it did not change");
    assert!(verifier.with_jwks(b"{}").is_err() && verifier.with_jwks(b"{\"keys\":[]}").is_err());
}

#[test]
fn a_public_key_that_is_not_there_is_noticed() {
    let noticed = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&noticed);
    let notice = move || {
        count.fetch_add(1, Ordering::Relaxed);
    };
    let mut own = KeySet::default();
    own.add_secret(b"secret").unwrap();
    let verifier = Verifier::new(own, None, None).with_notice(Arc::new(notice));
    let set = json!({"keys": [jwk(Algorithm::ES256, "a")]});
    let both = verifier.with_jwks(&serde_json::to_vec(&set).unwrap()).unwrap();
    for (verifier, algorithm, id, expected) in [
        (&verifier, Algorithm::ES256, Some("a"), 1),
        (&verifier, Algorithm::ES256, None, 1),
        (&verifier, Algorithm::HS256, Some("a"), 1),
        (&both, Algorithm::ES256, Some("a"), 1),
        (&both, Algorithm::ES256, Some("b"), 2),
        (&both, Algorithm::RS256, Some("c"), 3),
    ] {
        let _ = verifier.read(named(algorithm, id).as_bytes());
        assert_eq!(noticed.load(Ordering::Relaxed), expected, "{algorithm:?} {id:?}");
    }
    assert!(Verifier::default().read(named(Algorithm::ES256, None).as_bytes()).is_err());
}
