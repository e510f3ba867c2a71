"""Requests to the public listener, put together from right and wrong parts and then damaged.

The parts are those of the tables in `tests/test_http_conformance.py` and `test_hardening_*.py`: what a
reader may take for a line end, a length, a host, an upgrade or a position.
"""

from __future__ import annotations

import random
import re
from collections import deque

from .crowd import Crowd
from .mutate import Mutator

METHODS = ["GET"] * 8 + ["HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW", "get", "G(T", ""]
VERSIONS = ["HTTP/1.1"] * 8 + ["HTTP/1.0", "HTTP/1.2", "HTTP/1.10", "HTTP/0.9", "HTTP/2.0", "http/1.1", ""]
PATHS = [
    "/", "/health", "/echo", "*", "health", "/nowhere", "/health#x", "http://127.0.0.1/health", "/sub/",
    "http://b.example/health", "http:///health", "/sub/a,b", "/sub/a%2Cb", "/sub/%", "/sub/%ff", "/sub/,,",
    "/sub/a%00b", "/sub/../x", "//sub/a", "/sub/" + "a," * 127 + "a", "/sub/" + "a," * 200, "/" + "y" * 8_000,
    "/sub/" + "y" * 13_000, "/é",
]  # fmt: skip
HOSTS = ["Host: 127.0.0.1\r\n"] * 8 + [
    "", "Host:\r\n", "Host: a%zz\r\n", "Host: [::1\r\n", "Host: a b\r\n", "Host: a:99999\r\n", "Host : a\r\n",
    "Host: a\r\nHost: b\r\n", " Host: a\r\n", "Host: 127.0.0.1:\r\n",
]  # fmt: skip
HEADERS = [
    "Content-Length: 0\r\n", "Content-Length: 5\r\n", "Content-Length: -1\r\n", "Content-Length: 1, 1\r\n",
    "Content-Length: 0x1\r\n", "Content-Length : 1\r\n", f"Content-Length: {2**64}\r\n", "X: y\nZ: z\r\n",
    "Transfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked, gzip\r\n", "Transfer-Encoding: xchunked\r\n",
    "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: \x0bchunked\r\n", "Transfer-Encoding:\r\n",
    "X: y\r\n z\r\n", "nonsense\r\n", ": y\r\n", "X\x01: y\r\n", "X: a\x00b\r\n", "X: é\r\n",
    "Expect: 100-continue\r\n",
    "Connection: close\r\n", "Connection: keep-alive\r\n", "Connection: upgrade, close\r\n", "Accept: */*\r\n",
    "Accept: text/event-stream\r\n", "Accept: application/json\r\n", "Accept: text/event-stream;q=0, */*\r\n",
    "Origin: http://127.0.0.1\r\n", "Origin: https://evil.example\r\n", "Origin: null\r\n", "Origin: file://\r\n",
    "Upgrade: websocket\r\nConnection: Upgrade\r\n", "Sec-WebSocket-Version: 8\r\n", "Sec-WebSocket-Key: short\r\n",
    "Sec-WebSocket-Protocol: switchboard.v1\r\n", "Sec-WebSocket-Protocol: ,,,\r\n",
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n",
    "Access-Control-Request-Method: GET\r\n", "X: " + "y" * 17_000 + "\r\n", "X: y\r\n" * 65,
]  # fmt: skip
HANDSHAKE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
WAYS = ["", "Accept: text/event-stream\r\n", "Accept: application/json\r\n", HANDSHAKE,
        HANDSHAKE + "Sec-WebSocket-Protocol: switchboard.v1\r\n"]  # fmt: skip
BODIES = ["", "hello", "0\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n", "fffffffffffffffff\r\n",
          "1;a=b\r\nx\r\n0\r\nX: y\r\n\r\n"]  # fmt: skip
POSITIONS = ["earliest", "latest", "x", "-", "~", "~AAAA", "17", "*", "", "1472717586:0", "abcd1234-1,abcd1234-2"]
POSITION_QUERIES = ["since", "lastEventId", "lastEventID", "Last-Event-ID", "last_event_id", "gap", "poll"]
POSITION_HEADERS = ["Last-Event-ID", "If-None-Match", "If-Modified-Since"]
REMEMBERED = 200

_ETAG = re.compile(rb'[Ee][Tt]ag: "([^"\r\n]*)"')


class Requests:
    """Sends requests of all kinds to the public listener."""

    def __init__(self, crowd: Crowd, mutator: Mutator, port: int):
        self.crowd = crowd
        self.mutator = mutator
        self.rng: random.Random = mutator.rng
        self.port = port
        # Positions that the server gave: damaged ones come nearer to being one than made-up ones.
        self.positions: deque[str] = deque(POSITIONS, REMEMBERED)

    def request(self) -> bytes:
        rng = self.rng
        path = rng.choice(PATHS) if rng.random() < 0.5 else f"/sub/{self.mutator.name()}"
        line = f"{rng.choice(METHODS)} {path} {rng.choice(VERSIONS)}"
        headers = "".join(rng.choice(HEADERS) for _ in range(rng.choice([0, 1, 1, 2, 5])))
        text = f"{line}\r\n{rng.choice(HOSTS)}{rng.choice(WAYS)}{headers}\r\n{rng.choice(BODIES)}"
        return self.mutator.maybe(text.encode("latin-1"))

    def damaged(self) -> None:
        """One connection with one to thirty requests, each right or wrong, whole or in parts."""
        sock = self.crowd.open(self.port)
        if sock is None:
            return
        count = self.rng.choice([1, 1, 1, 2, 5, 30])
        data = b"".join(self.request() for _ in range(count))
        self.crowd.send(sock, *self.mutator.pieces(data))
        self.crowd.hold(sock, self.rng.choice([0, 0.05, 0.5, 3]), self.rng.choice([None, 0.05]))

    def position(self) -> str:
        text = self.rng.choice(self.positions)
        return self.mutator.maybe(text.encode(), 0.6).decode("latin-1")

    def poll(self, path: str) -> bytes:
        """A poll, event stream or handshake with damaged positions in one or more places."""
        rng = self.rng
        queries = [f"{rng.choice(POSITION_QUERIES)}={quote(self.position())}" for _ in range(rng.choice([0, 1, 2]))]
        if rng.random() < 0.6:
            queries.append("poll=1")
        headers = "".join(
            f"{rng.choice(POSITION_HEADERS)}: {self.around(self.position())}\r\n" for _ in range(rng.choice([0, 1, 2]))
        )
        target = path + ("?" + "&".join(queries) if queries else "")
        text = f"GET {target} HTTP/1.1\r\nHost: a\r\n{rng.choice(WAYS)}{headers}\r\n"
        return text.encode("latin-1", "replace")

    def around(self, position: str) -> str:
        return self.rng.choice(['"{}"', 'W/"{}"', "{}", '"{}-gzip"', '"x", "{}"', '"{}']).format(position)

    def positions_in(self) -> None:
        """Asks with damaged positions, and remembers the ones that come back."""
        sock = self.crowd.open(self.port)
        if sock is None:
            return
        names = [self.mutator.name() for _ in range(self.rng.choice([1, 1, 2, 3, 100]))]
        path = "/sub/" + ",".join(names)
        self.crowd.send(sock, *self.mutator.pieces(self.poll(path)))
        answer = self.crowd.receive(sock, 0.1)
        self.positions.extend(found.decode("latin-1") for found in _ETAG.findall(answer)[:1])
        self.crowd.hold(sock, self.rng.choice([0, 0.5, 5]), self.rng.choice([None, 0.1]))

    def answers_unread(self) -> None:
        """Asks one after the other for all that is kept, on one connection, and reads little of it."""
        sock = self.crowd.open(self.port, receive_buffer=4_096)
        if sock is None:
            return
        name = f"stranger:{self.rng.randrange(8)}"
        accept = self.rng.choice(["", "Accept: application/json\r\n"])
        request = f"GET /sub/{name}?poll=1&since=earliest HTTP/1.1\r\nHost: a\r\n{accept}\r\n"
        self.crowd.send(sock, request.encode() * self.rng.choice([1, 10, 200]))
        self.crowd.hold(sock, self.rng.choice([1, 15]), self.rng.choice([None, 0.5]))


def quote(text: str) -> str:
    """Of a position in a query: only what would end the request line."""
    return text.replace(" ", "%20").replace("\r", "%0d").replace("\n", "%0a").replace("#", "%23")
