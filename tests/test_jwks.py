"""Keys of tokens from an address: fetched at the start, again, and over TLS; kept where that fails."""

import datetime
import ipaddress
import json
import ssl

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from support.key_server import KeyServer
from support.raw_http import RawConnection, upgrade
from support.server import run_to_end
from support.tokens import KEYS, SECRET, token
from support.waiting import wait_until

RIGHTS = """
[namespace.named]
subscribe = "authenticated"
"""


def jwks(**algorithms):
    """A set with a public key for each name."""
    keys = []
    for kid, algorithm in algorithms.items():
        of = jwt.get_algorithm_by_name(algorithm)
        keys.append({**json.loads(of.to_jwk(KEYS[algorithm].public_key())), "kid": kid, "use": "sig"})
    return json.dumps({"keys": keys}).encode()


def status(server, kid, algorithm):
    """What a client with a token that this key has signed is answered."""
    return status_of(server, token(key=KEYS[algorithm], algorithm=algorithm, headers={"kid": kid}))


def status_of(server, text):
    with RawConnection(server) as connection:
        connection.send(upgrade(server, "/sub/named:a", f"Authorization: Bearer {text}"))
        return int(connection.read_until(b"\r\n\r\n").split(b" ")[1])


def test_keys_are_there_before_the_first_client_and_follow_the_address(start, plane, namespaces):
    with KeyServer(jwks(one="ES256")) as keys:
        server = start(
            plane, token_jwks=keys.url("/keys"), token_jwks_refresh_ms=1_000, config=namespaces(RIGHTS)
        )
        assert status(server, "one", "ES256") == 101
        assert status(server, "two", "EdDSA") == 401
        keys.body = jwks(two="EdDSA")
        wait_until("the new key", lambda: status(server, "two", "EdDSA") == 101)
        assert status(server, "one", "ES256") == 401
        keys.status = 500
        seen = len(keys.requests)
        wait_until("fetched again", lambda: len(keys.requests) >= seen + 2)
        assert status(server, "two", "EdDSA") == 101, "the keys of before are kept"
        assert keys.requests[0][0] == "/keys"
        # Nobody could tell where it leads.
        keys.status, keys.headers, keys.body = 302, {"location": keys.url("/other")}, b""
        seen = len(keys.requests)
        wait_until("fetched again", lambda: len(keys.requests) >= seen + 2)
        assert {path for path, _, _ in keys.requests} == {"/keys"}


def test_a_key_that_is_not_there_is_looked_for(start, plane, namespaces):
    with KeyServer(jwks(one="ES256")) as keys:
        server = start(plane, token_jwks=keys.url(), config=namespaces(RIGHTS))
        keys.body = jwks(one="ES256", two="EdDSA")
        wait_until("the new key", lambda: status(server, "two", "EdDSA") == 101)
        assert len(keys.requests) == 2


def test_a_start_without_the_keys(start, plane, namespaces):
    with KeyServer(b"none", status=503) as keys:
        server = start(
            plane,
            token_jwks=keys.url(),
            token_jwks_refresh_ms=1_000,
            token_secret=SECRET,
            config=namespaces(RIGHTS),
        )
        assert "there are no keys" in server.log.read_text()
        assert status(server, "one", "ES256") == 401
        assert status_of(server, token()) == 101
        keys.status, keys.body = 200, jwks(one="ES256")
        wait_until("the new key", lambda: status(server, "one", "ES256") == 101)


def certificate(folder):
    """A certificate for localhost that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(built.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return folder / "cert.pem", folder / "key.pem"


@pytest.mark.parametrize("is_trusted", [True, False])
def test_keys_over_tls(start, plane, namespaces, tmp_path, is_trusted):
    cert, key = certificate(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(cert, key)
    trusted = cert if is_trusted else certificate(other)[0]
    with KeyServer(jwks(one="ES256"), tls=tls) as keys:
        server = start(
            plane, token_jwks=keys.url(), config=namespaces(RIGHTS), env={"SSL_CERT_FILE": str(trusted)}
        )
        assert status(server, "one", "ES256") == (101 if is_trusted else 401)
        assert bool(keys.requests) == is_trusted


def test_a_machine_without_authorities_cannot_fetch_over_tls(tmp_path):
    (tmp_path / "none.pem").write_text("")
    done = run_to_end(
        "--token-jwks=https://localhost:1/",
        "--listen=127.0.0.1:0",
        env={"SSL_CERT_FILE": str(tmp_path / "none.pem"), "SSL_CERT_DIR": str(tmp_path)},
    )
    assert done.returncode == 71 and "ca-certificates" in done.stderr, done
