"""The public listener as an HTTP server: connections, methods, statuses, lengths."""

import pytest

from support.raw_http import RawConnection, ask, get, upgrade


def test_keep_alive(shared):
    with RawConnection(shared) as connection:
        for _ in range(20):
            answer = connection.send(get(shared, "/health")).read_answer()
            assert (answer.version, answer.status, answer.body) == ("HTTP/1.1", 200, b"ok\n")
            assert not answer.closes()


def test_connection_close(shared):
    with RawConnection(shared) as connection:
        answer = connection.send(get(shared, "/health", "Connection: close")).read_answer()
        assert answer.status == 200 and answer.closes()
        connection.expect_end()


def test_pipelining(shared):
    """Fifty requests in one packet are answered in order."""
    paths = ["/health", "/", "/nothing", "/sub/news?poll=1", "/health"] * 10
    with RawConnection(shared) as connection:
        connection.send(b"".join(get(shared, path) for path in paths))
        found = [connection.read_answer().status for _ in paths]
        assert found == [200, 200, 404, 304, 200] * 10
        connection.expect_silence(0.2)


def test_pipelined_upgrade(shared):
    """Requests, then the handshake, then a frame, all in one packet."""
    ping = b"\x89\x80\x00\x00\x00\x00"
    with RawConnection(shared) as connection:
        connection.send(get(shared, "/health") * 3 + upgrade(shared, "/sub/news") + ping)
        assert [connection.read_answer().status for _ in range(4)] == [200, 200, 200, 101]
        assert connection.read_exactly(2) == b"\x8a\x00"


def test_http_1_0(shared):
    with RawConnection(shared) as connection:
        answer = connection.send(b"GET /health HTTP/1.0\r\n\r\n").read_answer()
        assert answer.status == 200 and answer.body == b"ok\n"
        connection.expect_end()
    with RawConnection(shared) as connection:
        request = b"GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
        for _ in range(3):
            answer = connection.send(request).read_answer()
            assert "keep-alive" in answer.header("Connection").lower()


def test_http_1_0_has_no_upgrade(shared):
    answer = ask(shared, upgrade(shared, "/sub/news", version="HTTP/1.0"))
    assert answer.status == 400 and answer.body.strip()


@pytest.mark.parametrize("path", ["/", "/health"])
def test_head(shared, path):
    """HEAD has the headers of GET and no body."""
    with RawConnection(shared) as connection:
        full = connection.send(get(shared, path)).read_answer()
        bare = connection.send(get(shared, path, method="HEAD")).read_answer(head_only=True)
        assert bare.status == full.status == 200
        assert int(bare.header("Content-Length")) == len(full.body) > 0
        assert bare.headers == full.headers
        # What comes next is an answer again: there was no body.
        assert connection.send(get(shared, "/health")).read_answer().status == 200


def test_page(shared):
    answer = ask(shared, get(shared, "/"))
    assert answer.status == 200
    assert answer.header("Content-Type").startswith("text/html")
    assert answer.body.lower().startswith(b"<!doctype html>")
    policy = answer.header("Content-Security-Policy")
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert answer.header("X-Content-Type-Options") == "nosniff"


@pytest.mark.parametrize("path", ["/?", "/?x=1", "/health?x=%20", "http://{host}/health"])
def test_queries_and_absolute_targets(shared, path):
    assert ask(shared, get(shared, path.format(host=shared.host))).status == 200


def test_every_error_is_one_sentence(shared):
    requests = {
        404: get(shared, "/nothing"),
        405: get(shared, "/", method="DELETE"),
        413: get(shared, "/", "Content-Length: 5", method="POST") + b"hello",
        426: get(shared, "/echo"),
        400: b"GET / HTTP/1.1\r\n\r\n",
        505: b"GET / HTTP/3.0\r\nHost: x\r\n\r\n",
    }
    for status, request in requests.items():
        answer = ask(shared, request)
        assert answer.status == status, answer
        assert answer.header("Content-Type").startswith("text/plain"), answer
        assert answer.body.endswith(b"\n") and answer.body.count(b"\n") == 1, answer
        assert len(answer.body) > 15, answer


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/", {"GET", "HEAD", "OPTIONS"}),
        ("PUT", "/health", {"GET", "HEAD", "OPTIONS"}),
        ("POST", "/sub/news", {"GET", "OPTIONS"}),
        ("HEAD", "/echo", {"GET", "OPTIONS"}),
    ],
)
def test_wrong_method(shared, method, path, allowed):
    with RawConnection(shared) as connection:
        request = get(shared, path, "Content-Length: 0", method=method)
        answer = connection.send(request).read_answer(head_only=method == "HEAD")
        assert answer.status == 405
        assert {name.strip() for name in answer.header("Allow").split(",")} == allowed


def test_body_is_refused_and_ends_the_connection(shared):
    """Nobody knows where the next request would begin."""
    bodies = [
        get(shared, "/", "Content-Length: 5", method="POST") + b"hello",
        get(shared, "/health", "Content-Length: 5") + b"hello",
        get(shared, "/health", "Transfer-Encoding: chunked") + b"5\r\nhello\r\n0\r\n\r\n",
    ]
    for request in bodies:
        with RawConnection(shared) as connection:
            answer = connection.send(request + get(shared, "/health")).read_answer()
            assert answer.status == 413 and answer.closes(), answer
            connection.expect_end()


def test_upgrade_required(shared):
    """Only where nothing but WebSocket is spoken: channels are served in other ways too."""
    answer = ask(shared, get(shared, "/echo"))
    assert answer.status == 426
    assert answer.header("Sec-WebSocket-Version") == "13"
    assert answer.header("Upgrade") == "websocket"
    assert "upgrade" in answer.header("Connection").lower()


def test_echo_is_off_by_default(server):
    assert ask(server, get(server, "/echo")).status == 404
    assert ask(server, upgrade(server, "/echo")).status == 404


def test_half_closed_client_gets_its_answer(shared):
    """A client that sends its request and ends its side still hears all of it."""
    with RawConnection(shared) as connection:
        connection.send(get(shared, "/")).end()
        answer = connection.read_answer()
        assert answer.status == 200 and answer.body
        connection.expect_end()
    # Also when the answers are more than the server or the socket takes at once.
    for count in [5, 50] * 15:
        with RawConnection(shared) as connection:
            connection.send(get(shared, "/") * count).end()
            for _ in range(count):
                assert connection.read_answer().status == 200
            connection.expect_end()


def test_connection_without_a_request(shared):
    """Opened and closed again, or ended in the middle of a head: no answer, no harm."""
    for sent in (b"", b"GET", b"GET / HTTP/1.1\r\nHost: x\r\n"):
        with RawConnection(shared) as connection:
            connection.send(sent).end()
            connection.expect_end()
    assert shared.alive()


def test_idle_connection_is_closed(start, plane):
    server = start(plane, http_idle_timeout_ms=300)
    with RawConnection(server) as connection:
        connection.send(get(server, "/health")).read_answer()
        connection.expect_end()


@pytest.mark.parametrize(
    ("channels", "status"),
    [
        ("a", 101),
        ("a,b", 101),
        ("gr%C3%BC%C3%9Fe", 101),
        ("a" * 255, 101),
        (",".join(f"c{n}" for n in range(128)), 101),
        (",".join(f"c{n}" for n in range(129)), 400),
        ("", 400),
        ("a,,b", 400),
        (",", 400),
        ("a,a", 400),
        ("a" * 256, 400),
        ("a/b", 400),
        ("a%2Fb", 400),
        ("a%00", 400),
        ("a%0D%0Ab", 400),
        ("%FF", 400),
    ],
)
def test_channel_lists(shared, channels, status):
    answer = ask(shared, upgrade(shared, f"/sub/{channels}"))
    assert answer.status == status, answer


def test_strict_namespaces(start, plane):
    server = start(plane, strict_namespaces=True)
    assert ask(server, upgrade(server, "/sub/unknown:a")).status == 404
    assert ask(server, upgrade(server, "/sub/demo:a")).status == 101
    assert ask(server, upgrade(server, "/sub/plain")).status == 101
    assert server.request("POST", "/pub/unknown:a", b"x")[0] == 404
