"""The internal API in the hands of a stranger: damaged bodies, keys and floods."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable

from .crowd import Crowd
from .mutate import Mutator

METHODS = ["POST"] * 5 + ["PUT", "GET", "GET", "DELETE", "HEAD", "OPTIONS", "PATCH", "BREW"]
HEADERS = [
    "Content-Type: application/octet-stream\r\n", "Content-Type: text/plain; charset=utf-8\r\n",
    "Content-Type: application/x-ndjson\r\n", "Content-Type: text/plain; charset=utf-16\r\n",
    "Content-Encoding: gzip\r\n", "Accept: application/json\r\n", "Accept: text/plain\r\n",
    "X-EventSource-Event: tick\r\n", "X-EventSource-Event: " + "e" * 300 + "\r\n", "Origin: https://evil.example\r\n",
    "Expect: 100-continue\r\n", "Connection: close\r\n", "Host: evil.example\r\n", "X: " + "y" * 9_000 + "\r\n",
]  # fmt: skip
# Strangers of the internal API share its places with those who have the key until they are cut off.
FLOOD_MAX = 150


class Backend:
    """Requests to the internal API, with the key, a damaged one, or none."""

    def __init__(self, crowd: Crowd, mutator: Mutator, port: int, key: str):
        self.crowd = crowd
        self.mutator = mutator
        self.rng: random.Random = mutator.rng
        self.port = port
        self.key = key

    def all(self) -> list[Callable[[], None]]:
        return [self.damaged, self.damaged, self.damaged, self.silent, self.batches, self.large_bodies]

    def name(self) -> str:
        """Never one that the honest clients listen to: with the key, a stranger might end those."""
        return self.mutator.name()

    def path(self) -> str:
        paths = [f"/pub/{self.name()}"] * 4 + ["/pub", "/pub/", f"/subscribers/{self.name()}", "/slow", "/counters",
                 "/health", "/nowhere", "*", "/pub/%ff", "/pub/a%00", "/pub/a,b", "/pub/" + "y" * 300]  # fmt: skip
        return self.rng.choice(paths)

    def key_header(self) -> str:
        rng = self.rng
        key = self.key if rng.random() < 0.6 else self.mutator.maybe(self.key.encode()).decode("latin-1")
        plain = f"X-API-Key: {key}\r\n"
        return rng.choice([plain, f"Authorization: Bearer {key}\r\n", plain + "X-API-Key: x\r\n", ""])

    def line(self) -> bytes:
        """A line of a batch, right or damaged."""
        rng = self.rng
        fields: dict = {"channel": self.name()}
        if rng.random() < 0.5:
            fields["data"] = rng.choice(["x", "\u0000" * 20, "é" * 50, "😀", "y" * 5_000])
        else:
            fields["b64"] = base64.b64encode(rng.randbytes(rng.choice([0, 1, 300]))).decode()
        if rng.random() < 0.2:
            fields[rng.choice(["event", "content_type", "text"])] = rng.choice(["tick", 1, None, [[[[]]]]])
        return self.mutator.maybe(json.dumps(fields).encode(), 0.3) + b"\n"

    def body(self) -> bytes:
        kind = self.rng.randrange(4)
        if kind == 0:
            return b"".join(self.line() for _ in range(self.rng.choice([1, 3, 20])))
        if kind == 1:
            return self.rng.randbytes(self.rng.choice([0, 1, 100, 10_000]))
        return b"y" * self.rng.choice([0, 1, 1_000])

    def damaged(self) -> None:
        """One to ten requests on a connection, whose lengths may lie and whose bytes may be damaged."""
        sock = self.crowd.open(self.port)
        if sock is None:
            return
        data = b"".join(self.request() for _ in range(self.rng.choice([1, 1, 2, 10])))
        self.crowd.send(sock, *self.mutator.pieces(data))
        self.crowd.hold(sock, self.rng.choice([0, 0.1, 1, 5]), self.rng.choice([None, 0.1]))

    def request(self) -> bytes:
        rng = self.rng
        body = self.body()
        length = len(body) if rng.random() < 0.8 else rng.choice([0, len(body) + 5, max(0, len(body) - 1), 2**40])
        framing = f"Content-Length: {length}\r\n"
        if rng.random() < 0.2:
            framing = "Transfer-Encoding: chunked\r\n"
            body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        headers = "".join(rng.choice(HEADERS) for _ in range(rng.choice([0, 1, 2])))
        line = f"{rng.choice(METHODS)} {self.path()} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        head = f"{line}{self.key_header()}{framing}{headers}\r\n".encode("latin-1", "replace")
        return self.mutator.maybe(head, 0.5) + body

    def silent(self) -> None:
        """Connections that say nothing or half of a head, until they are cut off."""
        said = self.rng.choice([b"", b"POST /pub/a HTTP/1.1\r\nHo", b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"])
        for _ in range(self.rng.choice([20, FLOOD_MAX])):
            sock = self.crowd.open(self.port)
            if sock is not None:
                self.crowd.send(sock, said)
                self.crowd.hold(sock, self.rng.choice([0, 1, 12]), 1.0)

    def batches(self) -> None:
        """A batch with the key: some hundred lines, some of them damaged."""
        body = b"".join(self.line() for _ in range(200))
        self.say(f"POST /pub HTTP/1.1\r\nContent-Type: application/x-ndjson\r\n{self.length(body)}", body)

    def large_bodies(self) -> None:
        """A publication at the limit or beyond it, whole or without its end."""
        body = bytes(self.rng.choice([1 << 20, (1 << 20) + 1, 200_000]))
        sent = body if self.rng.random() < 0.6 else body[: self.rng.choice([0, 1_000, 100_000])]
        self.say(f"POST /pub/{self.name()} HTTP/1.1\r\n{self.length(body)}", sent)

    def length(self, body: bytes) -> str:
        return f"Content-Length: {len(body)}\r\n"

    def say(self, head: str, body: bytes) -> None:
        sock = self.crowd.open(self.port)
        if sock is None:
            return
        head += f"Host: 127.0.0.1\r\nX-API-Key: {self.key}\r\n\r\n"
        # A body larger than the socket's room is cut where the room ends.
        self.crowd.send(sock, head.encode(), body)
        self.crowd.hold(sock, self.rng.choice([0.2, 2, 5]), 0.1)

    def publish(self, channel: str, payload: bytes, times: int) -> None:
        """What an ordinary backend publishes; the answers are read later."""
        sock = self.crowd.open(self.port)
        if sock is None:
            return
        head = f"POST /pub/{channel} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: {self.key}\r\n{self.length(payload)}\r\n"
        request = head.encode() + payload
        sock.settimeout(2)
        try:
            for _ in range(times):
                sock.sendall(request)
        except OSError:
            self.crowd.counts["publishing cut off"] += 1
        sock.setblocking(False)
        self.crowd.hold(sock, 2, 0.05)
