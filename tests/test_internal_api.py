"""Who may use the internal API, and what it answers to what it does not know."""

import json

import pytest

from support.raw_http import RawConnection

KEY = "correct-horse-battery-staple"


def error_of(body):
    error = json.loads(body)["error"]
    assert set(error) == {"code", "message"} and error["code"] and error["message"], error
    return error


class InternalDoor:
    """Lets a raw connection go to the internal API."""

    def __init__(self, server):
        self.port = server.internal_port


def raw(server, request):
    with RawConnection(InternalDoor(server)) as connection:
        return connection.send(request).read_answer()


def test_key(start, plane):
    server = start(plane, api_key=KEY)
    ways = {"X-API-Key": KEY, "Authorization": f"Bearer {KEY}"}
    for name, value in ways.items():
        assert server.request("POST", "/pub/news", b"x", {name: value})[0] == 202, name
    wrong = [
        {},
        {"X-API-Key": ""},
        {"X-API-Key": KEY[:-1]},
        {"X-API-Key": KEY + "x"},
        {"Authorization": KEY},
        {"Authorization": f"Basic {KEY}"},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
    ]
    for headers in wrong:
        for method, path in (("POST", "/pub/news"), ("GET", "/pub/news"), ("DELETE", "/pub/news")):
            status, _, body = server.request(method, path, None, headers)
            assert status == 401, (method, headers)
            error_of(body)
    assert KEY not in server.output(), "a secret in the log"


@pytest.mark.parametrize(
    "lines",
    [
        ["Host: evil.example"],
        ["Host: evil.example:{port}"],
        ["Host: 127.0.0.1.evil.example"],
        ["Host: localhost.evil.example:{port}"],
        ["Host: 127.0.0.1:{port}", "Origin: http://evil.example"],
        ["Host: 127.0.0.1:{port}", "Origin: http://127.0.0.1:{port}"],
        ["Host: 127.0.0.1:{port}", "Origin: null"],
        ["Host: 10.0.0.1:{port}"],
    ],
)
def test_no_key_means_no_browsers(shared, lines):
    """Without a key any web page on this machine could publish, or by DNS rebinding any at all."""
    head = "\r\n".join(line.format(port=shared.internal_port) for line in lines)
    answer = raw(
        shared, f"POST /pub/rebinding HTTP/1.1\r\n{head}\r\nContent-Length: 1\r\n\r\nx".encode()
    )
    assert answer.status == 403, answer
    error_of(answer.body)
    assert shared.request("GET", "/pub/rebinding")[0] == 404, "it was published all the same"


@pytest.mark.parametrize(
    "host", ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST", "[::1]:{port}", "127.0.0.1:", "[::1]:"]
)
def test_loopback_hosts(shared, host):
    host = host.format(port=shared.internal_port)
    answer = raw(
        shared, f"POST /pub/local HTTP/1.1\r\nHost: {host}\r\nContent-Length: 1\r\n\r\nx".encode()
    )
    assert answer.status in (201, 202), answer


@pytest.mark.parametrize(
    ("path", "content_type"), [("/pub/encoded", "text/plain"), ("/pub", "application/x-ndjson")]
)
def test_encoded_bodies_are_refused(shared, path, content_type):
    """Subscribers would receive compressed bytes that nothing calls compressed."""
    body = b'{"channel":"encoded","data":"x"}'
    for encoding in ("gzip", "br", "identity, gzip"):
        headers = {"Content-Type": content_type, "Content-Encoding": encoding}
        status, headers, answer = shared.request("POST", path, body, headers)
        assert (status, headers["Accept-Encoding"]) == (415, "identity"), answer
        error_of(answer)
    assert shared.request("GET", "/pub/encoded")[0] == 404, "it was published all the same"
    headers = {"Content-Type": content_type, "Content-Encoding": "identity"}
    assert shared.request("POST", path, body, headers)[0] in (200, 202)
    shared.delete("encoded")


def test_with_a_key_any_host(start, plane):
    """A key is what a web page cannot know; behind a name of the network Host is that name."""
    server = start(plane, api_key=KEY)
    headers = {"X-API-Key": KEY, "Host": "switchboard.internal", "Origin": "http://admin.internal"}
    assert server.request("POST", "/pub/news", b"x", headers)[0] == 202


def test_not_there(shared):
    for path in ("/", "/nothing", "/sub/a", "/echo", "/pubs"):
        status, _, body = shared.request("GET", path)
        assert status == 404, path
        error_of(body)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PATCH", "/pub/news", {"GET", "POST", "PUT", "DELETE"}),
        ("GET", "/pub", {"POST"}),
        ("DELETE", "/pub", {"POST"}),
    ],
)
def test_wrong_method(shared, method, path, allowed):
    status, headers, body = shared.request(method, path)
    assert status == 405
    found = {name.strip() for name in headers["Allow"].split(",")}
    assert allowed <= found and method not in found, found
    error_of(body)


def test_counters(shared):
    """The counters can be read as JSON, one set for each shard."""
    status, headers, body = shared.request("GET", "/counters")
    assert status == 200 and "json" in headers["Content-Type"], (status, body)
    text = body.decode()
    json.loads(text)
    for name in ("connections_open", "publications", "deliveries", "refused_full"):
        assert f'"{name}"' in text, text
