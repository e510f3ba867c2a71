"""Handshakes, right and wrong: keys, versions, spellings, origins (rows 10, 11, 12, 15 and 16)."""

import base64
import hashlib
import os
import time

import pytest

from support.raw_http import ACCEPT, KEY, RawConnection, ask, get, upgrade

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def status_of(server, *lines, **changed):
    return ask(server, upgrade(server, "/sub/news", *lines, **changed)).status


@pytest.mark.parametrize(
    "key",
    [
        None,
        "",
        base64.b64encode(bytes(15)).decode(),
        base64.b64encode(bytes(17)).decode(),
        "not base64 at all, no",
        "!" * 24,
        KEY.rstrip("="),
        KEY[:-3] + "h==",  # bits that no 16 bytes have
        KEY + " " + KEY,
        KEY + "," + KEY,
        KEY.replace("Z", "-"),  # the alphabet for URLs
        "ü" * 24,
    ],
)
def test_row_11_wrong_keys(shared, key):
    assert status_of(shared, sec_websocket_key=key) == 400


def test_row_11_two_keys(shared):
    for second in (KEY, base64.b64encode(bytes(16)).decode()):
        assert status_of(shared, f"Sec-WebSocket-Key: {second}") == 400


def test_row_11_key_with_line_feed(shared):
    assert status_of(shared, sec_websocket_key=KEY[:12] + "\n" + KEY[12:]) == 400


@pytest.mark.parametrize(
    ("version", "status"),
    [
        ("8", 426),
        ("12", 426),
        ("14", 426),
        ("0", 426),
        ("255", 426),
        (None, 400),
        ("", 400),
        ("13, 8", 400),
        ("13,13", 400),
        ("013", 400),
        ("+13", 400),
        ("thirteen", 400),
        ("13.0", 400),
    ],
)
def test_row_11_versions(shared, version, status):
    answer = ask(shared, upgrade(shared, "/sub/news", sec_websocket_version=version))
    assert answer.status == status, answer
    if status == 426:
        assert answer.header("Sec-WebSocket-Version") == "13"


def test_row_11_two_versions(shared):
    assert status_of(shared, "Sec-WebSocket-Version: 13") == 400


@pytest.mark.parametrize(
    "lines",
    [
        ["Upgrade: websocket", "Connection: Upgrade"],
        ["Upgrade: WebSocket", "Connection: upgrade"],
        ["upgrade: WEBSOCKET", "connection: keep-alive, UPGRADE"],
        ["UPGRADE: websocket, h2c", "CONNECTION: Upgrade,keep-alive"],
        ["Upgrade: h2c", "Upgrade: websocket", "Connection: keep-alive", "Connection: upgrade"],
        ["Upgrade:websocket", "Connection:\tUpgrade \t"],
        ["Upgrade: ,websocket,", "Connection: , ,upgrade"],
    ],
)
def test_row_12_spellings(shared, lines):
    key = base64.b64encode(os.urandom(16)).decode()
    expected = base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()
    request = get(shared, "/sub/news", *lines, f"SEC-websocket-KEY: {key}", "sec-websocket-version: 13")
    answer = ask(shared, request)
    assert answer.status == 101, answer
    assert answer.header("Sec-WebSocket-Accept") == expected
    assert answer.header("Upgrade").lower() == "websocket"
    assert answer.header("Connection").lower() == "upgrade"
    for absent in ("Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions", "Content-Length"):
        assert answer.header(absent) is None, answer


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"upgrade": "websockets"}, 426),
        ({"upgrade": "h2c"}, 426),
        ({"upgrade": None}, 426),
        ({"upgrade": "h2c", "sec_websocket_key": None}, 304),
        ({"upgrade": None, "sec_websocket_key": None}, 304),
        ({"connection": None}, 400),
        ({"connection": "keep-alive"}, 400),
        ({"connection": "upgraded"}, 400),
    ],
)
def test_row_12_no_upgrade(shared, changed, status):
    """Half a handshake is refused; what asks for another protocol is a request like any other."""
    assert ask(shared, upgrade(shared, "/sub/news?poll=1", **changed)).status == status
    if status != 400:
        assert ask(shared, upgrade(shared, "/echo", **changed)).status == 426


@pytest.mark.parametrize("accept", [[], ["Accept: text/event-stream"]], ids=["poll", "stream"])
@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
@pytest.mark.parametrize("path", ["/sub/news", "/sub/news?poll=1", "/echo"])
def test_row_12_a_proxy_took_the_upgrade_away(shared, path, version, accept):
    """As nginx does by default: the client hears why at once, and nothing behind it is a request."""
    data = upgrade(shared, path, *accept, version=version, upgrade=None, connection="close")
    kept = data.replace(b"Connection: close", b"Connection: keep-alive")
    for request in (data, kept):
        with RawConnection(shared) as connection:
            connection.send(request + get(shared, "/health"))
            answer = connection.read_answer()
            assert answer.status == 426 and answer.closes(), answer
            assert b"proxy" in answer.body and answer.header("Upgrade") == "websocket", answer
            connection.expect_end()


def test_row_12_sample_of_the_standard(shared):
    answer = ask(shared, upgrade(shared, "/sub/news"))
    assert answer.header("Sec-WebSocket-Accept") == ACCEPT


CHARACTERS = {
    "spaces": " ",
    "commas": ",",
    "quotes": '"',
    "backslashes": "\\",
    "percent": "%",
    "latin": "é",
}
# What each header may be answered with, whatever fills it.
REFUSALS = {
    "Sec-WebSocket-Key": {400},
    "Sec-WebSocket-Version": {400},
    "Connection": {400},
    "Upgrade": {426},
    "Origin": {400, 403},
    "Host": {101, 400, 403},
    "Sec-WebSocket-Protocol": {101, 400},
    "Sec-WebSocket-Extensions": {101, 400},
}


@pytest.mark.alone
@pytest.mark.parametrize("header", REFUSALS)
@pytest.mark.parametrize("character", CHARACTERS.values(), ids=CHARACTERS.keys())
def test_row_10_headers_full_of_one_character(shared, header, character):
    """Answered at once, by the rule of that header."""
    headers = {
        "Host": shared.host,
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": KEY,
        "Sec-WebSocket-Version": "13",
        header: character * 7_000,
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    started = time.monotonic()
    # Where nothing but WebSocket is spoken, so that no value makes it a poll that waits.
    answer = ask(shared, f"GET /echo HTTP/1.1\r\n{lines}\r\n".encode("latin-1"))
    assert time.monotonic() - started < 1
    allowed = REFUSALS[header]
    if header == "Origin" and character == " ":
        allowed = allowed | {101}  # an empty value after the spaces are gone, as from no browser
    assert answer.status in allowed, answer


def test_row_10_too_much_of_one_character(shared):
    for character in CHARACTERS.values():
        with RawConnection(shared) as connection:
            line = f"Sec-WebSocket-Extensions: {character * 65_536}"
            answer = connection.send(upgrade(shared, "/sub/news", line)).read_answer()
            assert answer.status == 431 and answer.closes(), answer
            connection.expect_end()


@pytest.mark.parametrize("offer", ["chat", "a, b, c", "switchboard.v9", ",,,", "Chat,chat"])
def test_row_15_only_own_subprotocols_are_selected(shared, offer):
    answer = ask(shared, upgrade(shared, "/sub/news", f"Sec-WebSocket-Protocol: {offer}"))
    assert answer.status == 101
    assert answer.header("Sec-WebSocket-Protocol") is None


@pytest.mark.parametrize("bytes_in_value", ["\r", "\n", "\0", "\x0b", "\x7f", "\rX: y", "\nX: y"])
@pytest.mark.parametrize("header", ["Sec-WebSocket-Protocol", "Origin", "X-Other"])
def test_row_15_control_characters_in_values(shared, header, bytes_in_value):
    """A request that could become two answers is refused as a whole."""
    answer = ask(shared, upgrade(shared, "/sub/news", f"{header}: chat{bytes_in_value}z"))
    assert answer.status == 400, answer
    assert answer.header("X") is None


@pytest.mark.parametrize("name", ["a%0d%0aX:y", "a%0aX:y", "a%00", "%0d%0a%0d%0aHTTP/1.1 200 OK"])
def test_row_15_control_characters_in_names(shared, name):
    answer = ask(shared, upgrade(shared, f"/sub/{name.replace(' ', '%20')}"))
    assert answer.status == 400
    assert answer.header("X") is None and b"HTTP/1.1" not in answer.body


ALLOWED = "https://app.example.org"


@pytest.fixture(scope="module")
def guarded(start_shared, plane):
    return start_shared(plane, allowed_origins=[ALLOWED, "http://dev.example.org:3000"])


def with_origin(server, origin, host):
    head = [f"GET /sub/news HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade"]
    head.append(f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13")
    if origin is not None:
        head.append(f"Origin: {origin}")
    return ask(server, ("\r\n".join(head) + "\r\n\r\n").encode("latin-1"))


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        (None, "push.example.org"),
        ("https://push.example.org", "push.example.org"),
        ("http://push.example.org", "push.example.org"),
        ("https://push.example.org", "push.example.org:443"),
        ("http://push.example.org:8000", "push.example.org:8000"),
        ("https://PUSH.example.org", "push.example.ORG"),
        ("http://[::1]:8000", "[::1]:8000"),
        (ALLOWED, "push.example.org"),
        ("http://dev.example.org:3000", "push.example.org"),
    ],
)
def test_row_16_origins_that_may(guarded, origin, host):
    assert with_origin(guarded, origin, host).status == 101


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "https://evil.example",
        "https://push.example.org.evil.example",
        "https://evilpush.example.org",
        "https://evil-push.example.org",
        "https://sub.push.example.org",
        "https://push.example.org.",
        "https://push.example.org:8443",
        "https://push.example.org@evil.example",
        "https://user@push.example.org",
        "https://push.example.org/",
        "https://push.example.org#",
        "push.example.org",
        "//push.example.org",
        "https:push.example.org",
        "https://",
        "http://app.example.org",
        "https://APP.example.org",
        "https://app.example.org:443",
        "https://app.example.org.evil.example",
        "https://xapp.example.org",
        "https://dev.example.org:3000",
        "http://dev.example.org",
        "https://app.example.org https://evil.example",
        "file://",
        "*",
    ],
)
def test_row_16_origins_that_may_not(guarded, origin):
    answer = with_origin(guarded, origin, "push.example.org")
    assert answer.status == 403, answer
    assert b"allowed_origins" in answer.body, "the answer names the key"
    assert origin.encode() not in answer.body or len(origin) < 9, "it does not repeat what was sent"


def test_row_16_two_origins(guarded):
    answer = with_origin(guarded, f"{ALLOWED}\r\nOrigin: https://evil.example", "push.example.org")
    assert answer.status in (400, 403)


def test_row_16_origin_for_a_port_of_its_own(shared):
    """The page of another server on this machine is a stranger."""
    host = f"localhost:{shared.port}"
    assert with_origin(shared, f"http://localhost:{shared.port}", host).status == 101
    assert with_origin(shared, f"http://localhost:{shared.port + 1}", host).status == 403
    assert with_origin(shared, "http://localhost", host).status == 403
