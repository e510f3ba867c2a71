"""Wrong requests (rows 9, 13, 14 and 23): exact statuses, and an end where framing is in doubt."""

import contextlib
import itertools
import socket
import threading
import time

import pytest

from support.raw_http import HANDSHAKE, RawConnection, ask, get, upgrade

HOST = "Host: a.example\r\n"
WEBSOCKET = "".join(f"{name}: {value}\r\n" for name, value in HANDSHAKE.items())
NEXT = "GET /health HTTP/1.1\r\n" + HOST + "\r\n"


def request(line="GET /health HTTP/1.1", headers="", body="", host=HOST):
    return f"{line}\r\n{host}{headers}\r\n{body}"


# What no two readers may understand differently: the bytes, and the status that refuses them.
REFUSED = {
    "no host": (request(host=""), 400),
    "two hosts": (request(headers="Host: b.example\r\n"), 400),
    "two equal hosts": (request(headers=HOST), 400),
    "host with a path": (request(host="Host: a.example/x\r\n"), 400),
    "host with userinfo": (request(host="Host: me@a.example\r\n"), 400),
    "host with a space": (request(host="Host: a.example b\r\n"), 400),
    "host with a bad port": (request(host="Host: a.example:http\r\n"), 400),
    "other host in the target": (request("GET http://b.example/health HTTP/1.1"), 400),
    "bare line feeds": (request().replace("\r\n", "\n"), 400),
    "one bare line feed": (request(headers="X: y\nZ: z\r\n"), 400),
    "bare carriage return": (request(headers="X: y\rZ: z\r\n"), 400),
    "two empty lines first": ("\r\n\r\n" + request(), 400),
    "space before the colon": (request(headers="X : y\r\n"), 400),
    "content-length with a space": (request(headers="Content-Length : 5\r\n", body="hello"), 400),
    "space before the first header": (request(host=" " + HOST), 400),
    "folded line": (request(headers="X: y\r\n z\r\n"), 400),
    "folded with a tab": (request(headers="X: y\r\n\tz\r\n"), 400),
    "header without a colon": (request(headers="nonsense\r\n"), 400),
    "header without a name": (request(headers=": y\r\n"), 400),
    "control character in a name": (request(headers="X\x01: y\r\n"), 400),
    "non-ASCII in a name": (request(headers="Xé: y\r\n"), 400),
    "NUL in a value": (request(headers="X: a\x00b\r\n"), 400),
    "content-length with a sign": (request(headers="Content-Length: +1\r\n", body="x"), 400),
    "content-length minus one": (request(headers="Content-Length: -1\r\n"), 400),
    "content-length in hex": (request(headers="Content-Length: 0x5\r\n"), 400),
    "content-length list": (request(headers="Content-Length: 1,1\r\n", body="x"), 400),
    "content-length empty": (request(headers="Content-Length:\r\n"), 400),
    "content-length beyond 64 bits": (request(headers=f"Content-Length: {2**64}\r\n"), 400),
    "two content-lengths": (request(headers="Content-Length: 0\r\nContent-Length: 5\r\n"), 400),
    "two equal content-lengths": (request(headers="Content-Length: 0\r\n" * 2), 400),
    "both framings": (
        request(headers="Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", body="0\r\n\r\n"),
        400,
    ),
    "chunked on 1.0": (
        request("GET /health HTTP/1.0", "Transfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        400,
    ),
    "chunked twice": (request(headers="Transfer-Encoding: chunked, chunked\r\n"), 400),
    "transfer-encoding empty": (request(headers="Transfer-Encoding:\r\n"), 400),
    "gzip": (request(headers="Transfer-Encoding: gzip, chunked\r\n"), 501),
    "chunked after a tab": (request(headers="Transfer-Encoding: \x0bchunked\r\n"), 400),
    "xchunked": (request(headers="Transfer-Encoding: xchunked\r\n"), 400),
    "body": (request(headers="Content-Length: 5\r\n", body="hello"), 413),
    "body by POST": (request("POST /health HTTP/1.1", "Content-Length: 5\r\n", "hello"), 413),
    "chunked body": (
        request(headers="Transfer-Encoding: chunked\r\n", body="5\r\nhello\r\n0\r\n\r\n"),
        413,
    ),
    "upgrade with a body": (
        request("GET /sub/a HTTP/1.1", WEBSOCKET + "Content-Length: 5\r\n", "hello"),
        413,
    ),
    "upgrade with chunks": (
        request("GET /sub/a HTTP/1.1", WEBSOCKET + "Transfer-Encoding: chunked\r\n", "0\r\n\r\n"),
        413,
    ),
    "HTTP/2 preface": ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "HTTP/2.0": (request("GET /health HTTP/2.0"), 505),
    "HTTP/0.9": (request("GET /health HTTP/0.9"), 505),
    "HTTP/1.10": (request("GET /health HTTP/1.10"), 400),
    "no version": (request("GET /health"), 400),
    "lower-case http": (request("GET /health http/1.1"), 400),
    "two spaces": (request("GET  /health HTTP/1.1"), 400),
    "tabs": (request("GET\t/health\tHTTP/1.1"), 400),
    "space at the end": (request("GET /health HTTP/1.1 "), 400),
    "no target": (request("GET HTTP/1.1"), 400),
    "no method": (request(" /health HTTP/1.1"), 400),
    "no slash": (request("GET health HTTP/1.1"), 400),
    "fragment": (request("GET /health#x HTTP/1.1"), 400),
    "non-ASCII target": (request("GET /é HTTP/1.1"), 400),
    "authority form": (request("CONNECT a.example:80 HTTP/1.1"), 400),
    "star": (request("GET * HTTP/1.1"), 400),
    "bad method": (request("G(T /health HTTP/1.1"), 400),
    "TLS hello": ("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + "\x00" * 32, 400),
    "SOCKS5": ("\x05\x01\x00", 400),
    "SOCKS4": ("\x04\x01\x1f\x40\x7f\x00\x00\x01\x00", 400),
    "65 headers": (request(headers="".join(f"X{n}: y\r\n" for n in range(64))), 431),
    "2000 headers": (request(headers="A:\r\n" * 2_000), 431),
    "long header": (request(headers=f"X: {'y' * 17_000}\r\n"), 431),
    "long target": (request(f"GET /{'y' * 13_000} HTTP/1.1"), 414),
    "endless target": (request(f"GET /{'y' * 20_000} HTTP/1.1"), 414),
    "mebibyte of headers": (request(headers=f"X: {'y' * 1_000}\r\n" * 1_040), 431),
}


@pytest.mark.parametrize(("data", "status"), REFUSED.values(), ids=REFUSED.keys())
def test_row_13_refused_and_ended(shared, data, status):
    """One answer, `Connection: close`, the end; the request behind is never looked at."""
    with RawConnection(shared) as connection:
        connection.send((data + NEXT).encode("latin-1"))
        answer = connection.read_answer()
        assert answer.status == status, answer
        assert answer.closes(), answer
        assert answer.header("Content-Type").startswith("text/plain")
        connection.expect_end()
    assert shared.alive()


ACCEPTED = {
    "64 headers": request(headers="".join(f"X{n}: y\r\n" for n in range(63))),
    "content-length 0": request(headers="Content-Length: 0\r\n"),
    "absolute target": request("GET http://a.example/health HTTP/1.1"),
    "spaces around a value": request(headers="X: \t y \t \r\n"),
    "empty value": request(headers="X:\r\n"),
    "latin-1 value": request(headers="X: é\r\n"),
    "query with all that may stand there": request("GET /health?a=b&c=/?:@!$'()*+,;=%20 HTTP/1.1"),
}


@pytest.mark.parametrize("data", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_row_13_accepted(shared, data):
    with RawConnection(shared) as connection:
        connection.send((data + NEXT).encode("latin-1"))
        assert [connection.read_answer().status for _ in range(2)] == [200, 200]


@pytest.mark.parametrize(
    "changed",
    [
        {"sec_websocket_key": "wrong"},
        {"sec_websocket_version": "8"},
        {"sec_websocket_version": None},
        {"connection": None},
    ],
)
def test_row_13_nothing_behind_a_refused_upgrade(shared, changed):
    """A proxy may believe that the upgrade took place: what follows is not HTTP to it."""
    with RawConnection(shared) as connection:
        connection.send(upgrade(shared, "/sub/news", **changed) + get(shared, "/health"))
        answer = connection.read_answer()
        assert answer.status in (400, 426)
        assert answer.closes(), "the connection would go on as HTTP"
        connection.expect_end()


def test_row_13_http_behind_an_upgrade_is_frames(shared):
    with RawConnection(shared) as connection:
        connection.send(upgrade(shared, "/sub/news") + get(shared, "/health"))
        assert connection.read_answer().status == 101
        # "G" has a reserved bit set.
        assert connection.read_exactly(4)[2:] == (1002).to_bytes(2, "big")


@pytest.mark.alone
def test_row_09_slow_head(start, plane):
    """One byte at a time, without end: cut at the deadline with 408."""
    server = start(plane, handshake_timeout_ms=800)
    with RawConnection(server) as connection:
        stop = threading.Event()

        def drip():
            for byte in itertools.cycle(b"x"):
                if stop.wait(0.05):
                    return
                try:
                    connection.send(bytes([byte]))
                except OSError:
                    return

        connection.send(b"GET / HTTP/1.1\r\nX: ")
        started = time.monotonic()
        dripping = threading.Thread(target=drip)
        dripping.start()
        answer = connection.read_answer()
        stop.set()
        dripping.join()
        took = time.monotonic() - started
        assert answer.status == 408 and answer.closes(), answer
        assert 0.5 < took < 3, took


@pytest.mark.alone
def test_row_09_silent_connections(start, plane):
    """Who says nothing at all is closed without an answer, and others are served meanwhile."""
    server = start(plane, handshake_timeout_ms=500)
    silent = [RawConnection(server) for _ in range(50)]
    assert server.alive()
    started = time.monotonic()
    for connection in silent:
        connection.expect_end()
        connection.close()
    assert time.monotonic() - started < 4


@pytest.mark.alone
def test_row_09_one_byte_in_each_segment(shared):
    """A head of nearly the largest size, whole after 16,000 reads."""
    head = request(headers=f"X: {'y' * 16_100}\r\n").encode()
    assert 16_000 < len(head) < 16_384
    with RawConnection(shared) as connection:
        before = shared.cpu_seconds()
        for at in range(len(head)):
            connection.send(head[at : at + 1])
        assert connection.read_answer().status == 200
        assert shared.cpu_seconds() - before < 4, "the work is not linear"


def test_row_09_the_same_answer_in_every_split(shared):
    """Wherever a request is cut in two, its answer is the same."""
    cases = [
        get(shared, "/"),
        upgrade(shared, "/nothing"),
        request(headers="X: y\rZ: z\r\n").encode(),
        request(headers="Content-Length: 1,1\r\n").encode(),
        b"PRI * HTTP/2.0\r\n\r\n",
    ]
    for data in cases:
        whole = ask(shared, data)
        for at in range(1, len(data)):
            with RawConnection(shared) as connection:
                connection.send(data[:at])
                time.sleep(0.001)
                with contextlib.suppress(OSError):  # it was refused before its end
                    connection.send(data[at:])
                answer = connection.read_answer()
                assert (answer.status, answer.body) == (whole.status, whole.body), (at, data[:at])


METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "get", "X" * 20]
PATHS = [
    "/", "/health", "/echo", "/sub/", "/sub", "/sub/news?poll=1", "/sub/%", "/sub/%zz", "/pub/news", "/pub",
    "/counters", "/metrics", "/admin", "/app/key", "/connection/websocket", "/connection/http_stream",
    "/connection/sse", "/emulation", "/.well-known/mercure",
    "//", "/..", "/%00", "/health/", "/sub/news/", "/?", "/sub/news?since=earliest&poll=1", "/favicon.ico",
]  # fmt: skip


@pytest.mark.parametrize("is_upgrade", [False, True], ids=["plain", "upgrade"])
def test_row_23_every_route_with_every_method(start, plane, is_upgrade):
    """Also those of features that are off: an answer of 4xx or what belongs there, no panic."""
    server = start(plane)
    for method, path in itertools.product(METHODS, PATHS):
        data = upgrade(server, path) if is_upgrade else get(server, path)
        with RawConnection(server) as connection:
            connection.send(data.replace(b"GET", method.encode(), 1))
            answer = connection.read_answer(head_only=method == "HEAD")
        page = path in ("/", "/health", "/?") and method in ("GET", "HEAD")
        channel = path.startswith("/sub/news") and not path.endswith("/") and method == "GET"
        sdk = path == "/connection/websocket"
        has_options = ("/", "/health", "/?", "/connection/http_stream", "/connection/sse", "/emulation")
        question = method == "OPTIONS" and (path.startswith("/sub/") or path in has_options or sdk)
        if page:
            expected = {200, 400}
        elif channel:
            expected = {101} if is_upgrade else {304}
        elif sdk and method == "GET":
            expected = {101} if is_upgrade else {426}
        elif question:
            expected = {204, 400}
        else:
            expected = {400, 404, 405, 426, 501}
        assert answer.status in expected, (method, path, answer)
        if answer.status == 405:
            assert answer.header("Allow"), (method, path)
    assert server.alive()


def test_row_23_clients_that_vanish(shared):
    """With a reset, at every stage."""
    for data in (b"", b"G", get(shared, "/"), get(shared, "/") * 100, upgrade(shared, "/sub/news")):
        for _ in range(20):
            connection = RawConnection(shared)
            connection.send(data)
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.close()
    assert shared.alive()
