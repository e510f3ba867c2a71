"""Tokens as backends make them, with PyJWT."""

import time

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

SECRET = "a secret of at least thirty-two bytes!"

KEYS = {
    "RS256": rsa.generate_private_key(public_exponent=65_537, key_size=2_048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}
KEYS["PS512"] = KEYS["RS256"]


def token(sub="7", seconds=600, key=SECRET, algorithm="HS256", headers=None, **claims):
    """A token for a user; `seconds=None` for one without an end."""
    if sub is not None:
        claims["sub"] = sub
    if seconds is not None:
        claims["exp"] = time.time() + seconds
    return jwt.encode(claims, key, algorithm=algorithm, headers=headers)


def write_public_key(algorithm, file):
    """The public key of a private one, in PEM."""
    pem = KEYS[algorithm].public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    file.write_bytes(pem)
    return file
