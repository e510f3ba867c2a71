"""Clients say who they are by a token, in every place where one may stand, in every way to listen."""

import json
import time

import jwt
import pytest

from support.event_stream import EventStream
from support.raw_http import RawConnection, ask, get, upgrade
from support.raw_websocket import RawWebSocket
from support.tokens import KEYS, SECRET, token, write_public_key
from support.waiting import wait_until

PAGE = "https://app.example.org"
RIGHTS = """
[namespace.named]
subscribe = "authenticated"
"""
WAYS = ["websocket", "event stream", "long poll", "interval poll"]


@pytest.fixture(scope="module")
def server(start_shared, plane, shards, namespaces):
    keys = {"token_secret": SECRET, "token_cookie": "session", "allowed_origins": [PAGE]}
    return start_shared(plane, shards, config=namespaces(RIGHTS), **keys)


def request(server, way, path, *headers):
    """The request of a way to listen. Where it may, it listens to what is there already."""
    mark = "&" if "?" in path else "?"
    if way == "websocket":
        return upgrade(server, path, *headers)
    if way == "event stream":
        return get(server, path, "Accept: text/event-stream", *headers)
    if way == "long poll":
        return get(server, f"{path}{mark}since=earliest", *headers)
    return get(server, f"{path}{mark}poll=1", *headers)


def status(server, way, path, *headers, host=None):
    """The status of a request to listen."""
    sent = request(server, way, path, *headers)
    if host:
        sent = sent.replace(f"Host: {server.host}".encode(), f"Host: {host}".encode())
    with RawConnection(server) as connection:
        connection.send(sent)
        head = connection.read_until(b"\r\n\r\n")
        return int(head.split(b" ")[1])


def accepted(way):
    """The statuses of one that may listen."""
    return {"websocket": [101], "event stream": [200], "long poll": [200]}.get(way, [200, 304])


def in_place(place, text):
    """Path and headers that show a token."""
    return {
        "authorization": ("", [f"Authorization: Bearer {text}"]),
        "query": (f"?token={text}", []),
        "cookie": ("", [f"Cookie: a=b; session={text}", f"Origin: {PAGE}"]),
        "subprotocol": ("", [f"Sec-WebSocket-Protocol: switchboard.v1, bearer.{text}"]),
    }[place]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("place", ["authorization", "query", "cookie", "subprotocol"])
def test_a_token_is_taken_from_each_place(server, channel, way, place):
    name = f"named:{channel}"
    server.publish(name, "x")
    query, headers = in_place(place, token())
    assert status(server, way, f"/sub/{name}{query}", *headers) in accepted(way)
    query, headers = in_place(place, token(seconds=-1))
    assert status(server, way, f"/sub/{name}{query}", *headers) == 401
    assert status(server, way, f"/sub/{name}") == 401


def test_the_subprotocol_with_the_token_is_never_chosen(server, channel):
    text = token()
    offers = [f"Sec-WebSocket-Protocol: bearer.{text}, switchboard.v1"]
    with RawWebSocket(server, f"/sub/named:{channel}", headers=offers) as socket:
        assert socket.protocol == "switchboard.v1"
    only = [f"Sec-WebSocket-Protocol: bearer.{text}"]
    with RawWebSocket(server, f"/sub/named:{channel}", headers=only) as socket:
        assert socket.protocol is None


@pytest.mark.parametrize("way", WAYS)
def test_a_bad_token_is_told_what_is_wrong(server, channel, way):
    """Also where nobody needs one: a client that shows a card is not somebody without one."""
    for text, why in [
        (token(seconds=-1), "has expired"),
        (token(nbf=4_000_000_000), "not valid yet"),
        (token(key="another secret of thirty-two bytes!"), "signature"),
        (jwt.encode({"sub": "7"}, None, algorithm="none"), "algorithm"),
        (token(algorithm="ES256", key=KEYS["ES256"]), "algorithm"),
        (token(headers={"crit": ["x"]}), "crit"),
        (jwt.encode({"exp": "soon"}, SECRET, algorithm="HS256"), "exp"),
        ("x", "not a signed JWT"),
        ("x" * 9_000, "longer than 8,192 bytes"),
    ]:
        for name in (f"named:{channel}", channel):
            path = f"/sub/{name}"
            with RawConnection(server) as connection:
                connection.send(request(server, way, path, f"Authorization: Bearer {text}"))
                answer = connection.read_answer()
            assert answer.status == 401 and why in answer.body.decode(), (text, answer)
            challenge = answer.header("WWW-Authenticate")
            assert challenge.startswith('Bearer error="invalid_token", error_description="'), challenge
            assert challenge.count('"') == 4 and why in challenge, challenge


def test_without_a_token_the_challenge_asks_for_one(server, channel):
    answer = ask(server, get(server, f"/sub/named:{channel}?poll=1", f"Origin: {PAGE}"))
    assert answer.status == 401 and answer.header("WWW-Authenticate") == "Bearer", answer
    assert answer.header("Access-Control-Allow-Origin") == PAGE
    assert answer.header("Access-Control-Allow-Credentials") == "true"


def test_who_a_client_is_is_asked_at_every_request(server, channel):
    """A proxy sends the requests of many clients on one connection."""
    path = f"/sub/named:{channel}?poll=1"
    first, second = token(sub="1"), token(sub="2", key="another secret of thirty-two bytes!")
    with RawConnection(server) as connection:
        for _ in range(3):
            for header, expected in [
                ([f"Authorization: Bearer {first}"], 304),
                ([], 401),
                ([f"Authorization: Bearer {second}"], 401),
                ([f"Cookie: session={first}", f"Origin: {PAGE}"], 304),
                ([], 401),
            ]:
                answer = connection.send(get(server, path, *header)).read_answer()
                assert answer.status == expected, (header, answer)


@pytest.mark.parametrize("way", ["long poll", "interval poll"])
def test_a_poll_ends_with_its_connection_or_its_token(server, channel, way):
    """Whichever comes first, also where the token was verified before."""
    server.publish(f"named:{channel}", "x")
    for claims in ({"expire_at": int(time.time()) + 2}, {"expire_at": int(time.time()) + 2, "seconds": None}):
        header = f"Authorization: Bearer {token(**claims)}"
        assert status(server, way, f"/sub/named:{channel}", header) in accepted(way)
    wait_until("it is over", lambda: status(server, way, f"/sub/named:{channel}", header) == 401)


def test_a_poll_is_verified_once(server, channel):
    text = token(sub="again")
    before = server.counter("tokens_verified")
    with RawConnection(server) as connection:
        for _ in range(20):
            poll = get(server, f"/sub/named:{channel}?poll=1", f"Authorization: Bearer {text}")
            assert connection.send(poll).read_answer().status == 304
    assert server.counter("tokens_verified") == before + 1


@pytest.mark.parametrize("way", WAYS)
def test_a_cookie_needs_a_page_that_is_known(server, channel, way):
    """The browser sends it whatever page asks."""
    path = f"/sub/named:{channel}"
    server.publish(f"named:{channel}", "x")
    cookie = f"Cookie: session={token()}"
    own = [401] if way == "websocket" else accepted(way)
    for headers, expected in [
        ([f"Origin: {PAGE}"], accepted(way)),
        ([f"Origin: http://{server.host}"], accepted(way)),
        (["Origin: https://evil.example"], [403]),
        (["Sec-Fetch-Site: same-origin"], own),
        (["Sec-Fetch-Site: cross-site"], [401]),
        (["Sec-Fetch-Site: same-site"], [401]),
        ([], [401]),
    ]:
        found = status(server, way, path, cookie, *headers)
        assert found in expected, (headers, found)
    # Somebody on the way may have written a page without TLS.
    for scheme, expected in [("https", accepted(way)), ("http", [401])]:
        found = status(server, way, path, cookie, f"Origin: {scheme}://push.example", host="push.example")
        assert found in expected, scheme
    # What is for everybody needs no cookie, and a bad one does not take it away.
    server.publish(channel, "x")
    for headers in ([], [f"Origin: {PAGE}"]):
        for text in (token(), token(seconds=-1), "x"):
            found = status(server, way, f"/sub/{channel}", f"Cookie: session={text}", *headers)
            assert found in accepted(way), (headers, found)


def test_nothing_of_a_token_is_logged(start, plane, namespaces):
    server = start(plane, token_secret=SECRET, log="trace", config=namespaces(RIGHTS))
    good, bad = token(), token(seconds=-1)
    for text in (good, bad):
        for place in ("authorization", "query", "subprotocol"):
            query, headers = in_place(place, text)
            for way in ("websocket", "interval poll"):
                status(server, way, f"/sub/named:a{query}", *headers)
    assert not any(part in server.output() for text in (good, bad) for part in text.split("."))


@pytest.mark.parametrize("algorithm", ["RS256", "PS512", "ES256", "EdDSA"])
def test_public_keys(start, plane, tmp_path, namespaces, algorithm):
    file = write_public_key(algorithm, tmp_path / "key.pem")
    rights = namespaces(RIGHTS)
    server = start(plane, token_key=[file], config=rights, token_issuer="me", token_audience="push")
    good = {"iss": "me", "aud": ["push", "else"], "key": KEYS[algorithm], "algorithm": algorithm}
    for changes, expected in [
        ({}, 101),
        ({"iss": "you"}, 401),
        ({"aud": "else"}, 401),
        ({"key": SECRET, "algorithm": "HS256"}, 401),
    ]:
        header = f"Authorization: Bearer {token(**{**good, **changes})}"
        assert status(server, "websocket", "/sub/named:a", header) == expected, changes


def test_key_sets(start, plane, tmp_path, namespaces):
    sets = tmp_path / "jwks.json"
    keys = []
    for name, algorithm in [("rsa", "RS256"), ("ec", "ES256"), ("ed", "EdDSA")]:
        of = jwt.get_algorithm_by_name(algorithm)
        keys.append({**json.loads(of.to_jwk(KEYS[algorithm].public_key())), "kid": name, "use": "sig"})
    sets.write_text(json.dumps({"keys": keys}))
    server = start(plane, token_jwks_file=[sets], config=namespaces(RIGHTS))
    for kid, algorithm, expected in [
        ("rsa", "RS256", 101),
        ("ec", "ES256", 101),
        ("ed", "EdDSA", 101),
        ("nobody", "ES256", 401),
        ("rsa", "ES256", 401),
    ]:
        text = token(key=KEYS[algorithm], algorithm=algorithm, headers={"kid": kid})
        header = f"Authorization: Bearer {text}"
        assert status(server, "websocket", "/sub/named:a", header) == expected, (kid, algorithm)


def test_without_a_key_a_token_says_nothing(start, plane):
    """As for a server that knows no tokens: everybody is anonymous."""
    server = start(plane)
    assert status(server, "websocket", "/sub/a", "Authorization: Bearer x") == 101
    with EventStream(server, "/sub/a?token=x") as stream:
        assert stream.head.status == 200
