"""Raw requests and what RFC 9110 and RFC 9112 want for them, sent to both listeners.

Each row says what the public listener answers and, where that differs, what the internal API does. A
request that is served leaves the connection to the next one; one that is refused because nobody knows
where it ends takes the connection with it, and what stands behind it is never read as a request.
"""

import pytest

from support.raw_http import RawConnection

# Without an API key, the internal API takes requests for this host only.
HOST = "Host: 127.0.0.1\r\n"
NEXT = "GET /health HTTP/1.1\r\n" + HOST + "\r\n"
CHUNKED = "Transfer-Encoding: chunked\r\n"


def request(line="GET /health HTTP/1.1", headers="", body="", host=HOST):
    return f"{line}\r\n{host}{headers}\r\n{body}"


class Row:
    """One request, and the status that each listener answers."""

    def __init__(self, data, status, internal=None):
        self.data = data
        self.public = status
        self.internal = internal or status


# Served, and the next request too.
SERVED = {
    "plain": Row(request(), 200),
    "one empty line before": Row("\r\n" + request(), 200),
    "later minor version": Row(request("GET /health HTTP/1.2"), 200),
    "last minor version": Row(request("GET /health HTTP/1.9"), 200),
    "Host with an empty port": Row(request(host="Host: 127.0.0.1:\r\n"), 200),
    "Host with a port": Row(request(host="Host: 127.0.0.1:8000\r\n"), 200),
    "Host of IPv6": Row(request(host="Host: [::1]:8000\r\n"), 200),
    "Host without a space": Row(request(host="Host:127.0.0.1\r\n"), 200),
    "Host in capitals": Row(request(host="HOST:\t127.0.0.1 \r\n"), 200),
    "absolute target": Row(request("GET http://127.0.0.1/health HTTP/1.1"), 200),
    "absolute target with the usual port": Row(request("GET http://127.0.0.1:80/health HTTP/1.1"), 200),
    "absolute target with an empty port": Row(request("GET http://127.0.0.1:/health HTTP/1.1"), 200),
    "target of 8,000 bytes": Row(request(f"GET /health?{'y' * 7_992} HTTP/1.1"), 200),
    "target of 12,288 bytes": Row(request(f"GET /health?{'y' * 12_280} HTTP/1.1"), 200),
    "cookies of 14,000 bytes": Row(request(headers=f"Cookie: {'y' * 14_000}\r\n"), 200),
    "64 headers": Row(request(headers="".join(f"X{n}: y\r\n" for n in range(63))), 200),
    "query with all that may stand there": Row(
        request("GET /health?a=b&c=/?:@!$'()*+,;=%20 HTTP/1.1"), 200
    ),
    "empty value": Row(request(headers="X:\r\n"), 200),
    "Latin-1 in a value": Row(request(headers="X: é\r\n"), 200),
    "Content-Length: 0": Row(request(headers="Content-Length: 0\r\n"), 200),
    "empty chunked body": Row(request(headers=CHUNKED, body="0\r\n\r\n"), 200),
    "empty chunked body in capitals": Row(
        request(headers="transfer-encoding: CHUNKED\r\n", body="0\r\n\r\n"), 200
    ),
    "HEAD": Row(request("HEAD /health HTTP/1.1"), 200),
    "OPTIONS *": Row(request("OPTIONS * HTTP/1.1"), 204),
    "OPTIONS /": Row(request("OPTIONS / HTTP/1.1"), 204),
    "OPTIONS of a path": Row(request("OPTIONS /health HTTP/1.1"), 204),
    "unknown path": Row(request("GET /nowhere HTTP/1.1"), 404),
    "OPTIONS of an unknown path": Row(request("OPTIONS /nowhere HTTP/1.1"), 404),
    "known method that the path lacks": Row(request("PUT /health HTTP/1.1"), 405),
    "DELETE": Row(request("DELETE /health HTTP/1.1"), 405),
    "PATCH": Row(request("PATCH /health HTTP/1.1"), 405),
    "TRACE": Row(request("TRACE /health HTTP/1.1"), 405),
    "unknown method": Row(request("BREW /health HTTP/1.1"), 501),
    "method in small letters": Row(request("get /health HTTP/1.1"), 501),
    "method that is a prefix": Row(request("GE /health HTTP/1.1"), 501),
    "unknown method for an unknown path": Row(request("BREW /nowhere HTTP/1.1"), 501),
}

# Refused, and the connection ends: nobody knows whose the next bytes are.
REFUSED = {
    # Line ends and what comes before a request (RFC 9112 section 2.2).
    "two empty lines before": Row("\r\n\r\n" + request(), 400),
    "bare line feed before": Row("\n" + request(), 400),
    "bare line feeds": Row(request().replace("\r\n", "\n"), 400),
    "one bare line feed": Row(request(headers="X: y\nZ: z\r\n"), 400),
    "bare line feed at the end": Row(request()[:-2] + "\n", 400),
    "bare carriage return": Row(request(headers="X: y\rZ: z\r\n"), 400),
    "bare carriage return before": Row("\r" + request(), 400),
    "space before": Row(" " + request(), 400),
    "space before the first header": Row(request(host=" " + HOST), 400),
    # The request line (section 3).
    "no version": Row(request("GET /health"), 400),
    "small letters in the version": Row(request("GET /health http/1.1"), 400),
    "two spaces": Row(request("GET  /health HTTP/1.1"), 400),
    "tabs": Row(request("GET\t/health\tHTTP/1.1"), 400),
    "space at the end": Row(request("GET /health HTTP/1.1 "), 400),
    "minor version of two digits": Row(request("GET /health HTTP/1.10"), 400),
    "minor version that is a letter": Row(request("GET /health HTTP/1.a"), 400),
    "HTTP/0.9": Row(request("GET /health HTTP/0.9"), 505),
    "HTTP/2.0": Row(request("GET /health HTTP/2.0"), 505),
    "preface of HTTP/2": Row("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "method that is no token": Row(request("G(T /health HTTP/1.1"), 400),
    # The target (section 3.2).
    "fragment": Row(request("GET /health#x HTTP/1.1"), 400),
    "target without a slash": Row(request("GET health HTTP/1.1"), 400),
    "target that is a star": Row(request("GET * HTTP/1.1"), 400),
    "target beyond ASCII": Row(request("GET /é HTTP/1.1"), 400),
    "target with a control character": Row(request("GET /\x07 HTTP/1.1"), 400),
    "authority as a target": Row(request("CONNECT 127.0.0.1:80 HTTP/1.1"), 400),
    "another scheme": Row(request("GET ftp://127.0.0.1/health HTTP/1.1"), 400),
    "absolute target with another host": Row(request("GET http://127.0.0.2/health HTTP/1.1"), 400),
    "absolute target with another port": Row(request("GET http://127.0.0.1:81/health HTTP/1.1"), 400),
    "absolute target without a host": Row(request("GET http:///health HTTP/1.1"), 400),
    # Host (section 3.2).
    "no Host": Row(request(host=""), 400),
    "two Hosts": Row(request(headers="Host: 127.0.0.2\r\n"), 400),
    "two equal Hosts": Row(request(headers=HOST), 400),
    "empty Host": Row(request(host="Host:\r\n"), 400),
    "empty Host on 1.0": Row(request("GET /health HTTP/1.0", host="Host: \r\n"), 400),
    "two Hosts on 1.0": Row(request("GET /health HTTP/1.0", HOST), 400),
    "Host with a broken escape": Row(request(host="Host: a%zz\r\n"), 400),
    "Host with half an escape": Row(request(host="Host: a%4\r\n"), 400),
    "Host with a path": Row(request(host="Host: 127.0.0.1/x\r\n"), 400),
    "Host with a user": Row(request(host="Host: me@127.0.0.1\r\n"), 400),
    "Host with a space": Row(request(host="Host: 127.0.0.1 x\r\n"), 400),
    "Host with a word for a port": Row(request(host="Host: 127.0.0.1:http\r\n"), 400),
    "Host with a large port": Row(request(host="Host: 127.0.0.1:65536\r\n"), 400),
    "Host with a port alone": Row(request(host="Host: :80\r\n"), 400),
    "Host with an open bracket": Row(request(host="Host: [::1\r\n"), 400),
    "Host that is two": Row(request(host="Host: 127.0.0.1, 127.0.0.1:80\r\n"), 400),
    # Header lines (section 5).
    "space before the colon": Row(request(headers="X : y\r\n"), 400),
    "folded line": Row(request(headers="X: y\r\n z\r\n"), 400),
    "folded with a tab": Row(request(headers="X: y\r\n\tz\r\n"), 400),
    "no colon": Row(request(headers="nonsense\r\n"), 400),
    "no name": Row(request(headers=": y\r\n"), 400),
    "control character in a name": Row(request(headers="X\x01: y\r\n"), 400),
    "name beyond ASCII": Row(request(headers="Xé: y\r\n"), 400),
    "NUL in a value": Row(request(headers="X: a\x00b\r\n"), 400),
    "DEL in a value": Row(request(headers="X: a\x7fb\r\n"), 400),
    "101 headers": Row(request(headers="".join(f"X{n}: y\r\n" for n in range(100))), 431),
    # Where a body ends (section 6).
    "Content-Length with a sign": Row(request(headers="Content-Length: +1\r\n", body="x"), 400),
    "Content-Length below nothing": Row(request(headers="Content-Length: -1\r\n"), 400),
    "Content-Length in hex": Row(request(headers="Content-Length: 0x1\r\n", body="x"), 400),
    "Content-Length that is a list": Row(request(headers="Content-Length: 1, 1\r\n", body="x"), 400),
    "empty Content-Length": Row(request(headers="Content-Length:\r\n"), 400),
    "Content-Length beyond 64 bits": Row(request(headers=f"Content-Length: {2**64}\r\n"), 400),
    "two Content-Lengths": Row(
        request(headers="Content-Length: 0\r\nContent-Length: 1\r\n", body="x"), 400
    ),
    "two equal Content-Lengths": Row(request(headers="Content-Length: 0\r\n" * 2), 400),
    "space before the colon of Content-Length": Row(
        request(headers="Content-Length : 1\r\n", body="x"), 400
    ),
    "Content-Length, then Transfer-Encoding": Row(
        request(headers="Content-Length: 5\r\n" + CHUNKED, body="0\r\n\r\n"), 400
    ),
    "Transfer-Encoding, then Content-Length": Row(
        request(headers=CHUNKED + "Content-Length: 5\r\n", body="0\r\n\r\n"), 400
    ),
    "Transfer-Encoding on 1.0": Row(request("GET /health HTTP/1.0", CHUNKED, "0\r\n\r\n"), 400),
    "empty Transfer-Encoding": Row(request(headers="Transfer-Encoding:\r\n"), 400),
    "chunked twice": Row(
        request(headers="Transfer-Encoding: chunked, chunked\r\n", body="0\r\n\r\n"), 400
    ),
    "chunked twice on two lines": Row(request(headers=CHUNKED * 2, body="0\r\n\r\n"), 400),
    "chunked, then gzip": Row(
        request(headers="Transfer-Encoding: chunked, gzip\r\n", body="0\r\n\r\n"), 400
    ),
    "chunked, then identity": Row(
        request(headers="Transfer-Encoding: chunked, identity\r\n", body="0\r\n\r\n"), 400
    ),
    "gzip alone": Row(request(headers="Transfer-Encoding: gzip\r\n"), 400),
    "identity alone": Row(request(headers="Transfer-Encoding: identity\r\n"), 400),
    "xchunked": Row(request(headers="Transfer-Encoding: xchunked\r\n", body="0\r\n\r\n"), 400),
    "chunked with a parameter": Row(
        request(headers="Transfer-Encoding: chunked;a=b\r\n", body="0\r\n\r\n"), 400
    ),
    "chunked behind a vertical tab": Row(
        request(headers="Transfer-Encoding: \x0bchunked\r\n", body="0\r\n\r\n"), 400
    ),
    "gzip, then chunked": Row(
        request(headers="Transfer-Encoding: gzip, chunked\r\n", body="0\r\n\r\n"), 501
    ),
    "gzip, then chunked on two lines": Row(
        request(headers="Transfer-Encoding: gzip\r\n" + CHUNKED, body="0\r\n\r\n"), 501
    ),
}

# Beyond a limit of the public listener. The internal API has wider ones: all but the last are served.
TOO_LARGE = {
    "target of 12,289 bytes": (request(f"GET /health?{'y' * 12_281} HTTP/1.1"), 414),
    "header of 17,000 bytes": (request(headers=f"X: {'y' * 17_000}\r\n"), 431),
    "65 headers": (request(headers="".join(f"X{n}: y\r\n" for n in range(64))), 431),
    "target of 40,000 bytes": (request(f"GET /health?{'y' * 40_000} HTTP/1.1"), 414),
}

# Bodies, which only the internal API takes. There 200 means that it was read to its end.
BODIES = {
    "five bytes": (request(headers="Content-Length: 5\r\n", body="hello"), 200),
    "five bytes by POST": (
        request("POST /pub/bodies HTTP/1.1", "Content-Length: 5\r\n", "hello"),
        202,
    ),
    "one chunk": (request(headers=CHUNKED, body="5\r\nhello\r\n0\r\n\r\n"), 200),
    "a request as a chunk": (
        request(headers=CHUNKED, body=f"{len(NEXT):x}\r\n{NEXT}\r\n0\r\n\r\n"),
        200,
    ),
    "an extension of the last chunk": (request(headers=CHUNKED, body="0;a=b\r\n\r\n"), 200),
    "a trailer": (request(headers=CHUNKED, body="0\r\nX: y\r\n\r\n"), 200),
    "two zeros": (request(headers=CHUNKED, body="00\r\n\r\n"), 200),
}


class Listener:
    """One of a server's two, for raw connections."""

    def __init__(self, port):
        self.port = port


@pytest.fixture(scope="module")
def public(shared):
    return Listener(shared.port)


@pytest.fixture(scope="module")
def internal(shared):
    return Listener(shared.internal_port)


def rows(table):
    return pytest.mark.parametrize("row", table.values(), ids=table.keys())


def check_served(listener, data, status):
    with RawConnection(listener) as connection:
        connection.send((data + NEXT).encode("latin-1"))
        answer = connection.read_answer(head_only=data.startswith("HEAD"))
        assert answer.status == status, answer
        assert not answer.closes(), answer
        if status in (204, 405):
            assert "OPTIONS" in answer.header("Allow"), answer
        assert connection.read_answer().status == 200
        connection.expect_silence(0.05)


def check_refused(listener, data, status):
    with RawConnection(listener) as connection:
        connection.send((data + NEXT).encode("latin-1"))
        answer = connection.read_answer()
        assert answer.status == status, answer
        assert answer.closes(), answer
        connection.expect_end()


@rows(SERVED)
def test_the_public_listener_serves(public, row):
    check_served(public, row.data, row.public)


@rows(SERVED)
def test_the_internal_api_serves(internal, row):
    check_served(internal, row.data, row.internal)


@rows(REFUSED)
def test_the_public_listener_refuses(public, row):
    check_refused(public, row.data, row.public)


@rows(REFUSED)
def test_the_internal_api_refuses(internal, row):
    check_refused(internal, row.data, row.internal)


@pytest.mark.parametrize(("data", "status"), TOO_LARGE.values(), ids=TOO_LARGE.keys())
def test_limits(public, internal, data, status):
    check_refused(public, data, status)
    check_refused(internal, data, status)


@pytest.mark.parametrize(("data", "status"), BODIES.values(), ids=BODIES.keys())
def test_bodies(public, internal, data, status):
    check_refused(public, data, 413)
    with RawConnection(internal) as connection:
        connection.send((data + NEXT).encode("latin-1"))
        assert connection.read_answer().status == status
        assert connection.read_answer().status == 200
        connection.expect_silence(0.05)


def test_an_empty_chunked_body_that_comes_in_pieces(public):
    """Each cut gives the same answer; until the last byte has come there is none."""
    data = request(headers=CHUNKED, body="0\r\n\r\n").encode()
    for cut in range(len(data) - 6, len(data)):
        with RawConnection(public) as connection:
            connection.send(data[:cut]).expect_silence(0.05)
            connection.send(data[cut:] + NEXT.encode())
            assert [connection.read_answer().status for _ in range(2)] == [200, 200]


def test_a_body_that_never_comes_is_cut_off_as_a_head_is(start, plane):
    server = start(plane, handshake_timeout_ms=500)
    with RawConnection(server) as connection:
        connection.send(request(headers=CHUNKED, body="0\r\n").encode())
        answer = connection.read_answer()
        assert answer.status == 408 and answer.closes(), answer
        connection.expect_end()


def test_an_empty_chunked_body_of_a_poll(shared, public, channel):
    """As HAProxy passes on a GET that came by HTTP/2, with the next one right behind."""
    shared.publish(channel, "news")
    data = request(f"GET /sub/{channel}?since=earliest HTTP/1.1", CHUNKED, "0\r\n\r\n")
    with RawConnection(public) as connection:
        connection.send((data * 2).encode())
        assert [connection.read_answer().body for _ in range(2)] == [b"news", b"news"]


def test_options_without_a_host(public, internal):
    """HAProxy's `option httpchk` without more."""
    for listener in (public, internal):
        with RawConnection(listener) as connection:
            answer = connection.send(b"OPTIONS / HTTP/1.0\r\n\r\n").read_answer()
            assert answer.status == 204, answer
            assert "GET" in answer.header("Allow"), answer
            connection.expect_end()


def test_options_of_channels(public, internal):
    with RawConnection(public) as connection:
        answer = connection.send(request("OPTIONS /sub/a,b HTTP/1.1").encode()).read_answer()
        assert (answer.status, answer.header("Allow")) == (204, "GET, OPTIONS")
    with RawConnection(internal) as connection:
        answer = connection.send(request("OPTIONS /pub/a HTTP/1.1").encode()).read_answer()
        allowed = {name.strip() for name in answer.header("Allow").split(",")}
        assert answer.status == 204
        assert allowed == {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"}
