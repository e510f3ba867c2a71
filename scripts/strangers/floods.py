"""Many at once: connections, heads, polls, subscriptions, and readers that do not read."""

from __future__ import annotations

import random
from collections.abc import Callable

from .backend import Backend
from .crowd import Crowd
from .frames import TEXT, Frames, frame
from .mutate import Mutator
from .requests import HANDSHAKE

JUNK = b"\x00\xffjunk" * 2_000


class Floods:
    """Each call is one flood, bounded in number and in bytes."""

    def __init__(self, crowd: Crowd, mutator: Mutator, frames: Frames, backend: Backend, port: int):
        self.crowd = crowd
        self.mutator = mutator
        self.rng: random.Random = mutator.rng
        self.frames = frames
        self.backend = backend
        self.port = port

    def all(self) -> list[Callable[[], None]]:
        return [
            self.connects, self.half_heads, self.pipelined_polls, self.held_polls_with_junk, self.never_readers,
            self.random_names, self.many_channels, self.joins, self.publications,
        ]  # fmt: skip

    def connects(self) -> None:
        """Connections that say nothing, or one request, and are gone."""
        way = self.rng.choice(["close", "reset", "reset", "half"])
        said = self.rng.choice([b"", b"", b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"])
        for _ in range(self.rng.choice([20, 100])):
            sock = self.crowd.open(self.port)
            if sock is not None:
                self.crowd.send(sock, said)
                self.crowd.end(sock, way)

    def half_heads(self) -> None:
        """Heads without an end, longer than the server waits for one, some a byte at a time."""
        head = b"GET /sub/stranger:1 HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * self.rng.choice([0, 30])
        for _ in range(50):
            sock = self.crowd.open(self.port)
            if sock is not None:
                self.crowd.send(sock, head)
                drip = b"X: " + b"y" * 100 if self.rng.random() < 0.2 else b""
                self.crowd.hold(sock, self.rng.choice([1, 14]), 1.0, drip)

    def pipelined_polls(self) -> None:
        """As many polls as the socket takes, for names that nobody used, on one connection."""
        sock = self.crowd.open(self.port)
        if sock is None:
            return
        query = self.rng.choice(["?poll=1", "?poll=1&since=earliest", ""])
        polls = (f"GET /sub/{self.mutator.name()}{query} HTTP/1.1\r\nHost: a\r\n\r\n" for _ in range(500))
        self.crowd.send(sock, "".join(polls).encode())
        self.crowd.hold(sock, self.rng.choice([0.5, 5]), self.rng.choice([None, 0.1]))

    def held_polls_with_junk(self) -> None:
        """Long polls with bytes behind them that no request begins with; then the peer is gone."""
        for _ in range(20):
            sock = self.crowd.open(self.port)
            if sock is not None:
                poll = f"GET /sub/{self.mutator.name()} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
                self.crowd.send(sock, poll, JUNK[: self.rng.choice([1, 100, 12_000])])
                self.crowd.hold(sock, self.rng.choice([0, 0.5, 10]))

    def never_readers(self) -> None:
        """Subscribers in all ways that read nothing while much is published to them."""
        channel = f"{self.rng.choice(['stranger', 'skip', 'latest', 'open'])}:{self.rng.randrange(8)}"
        readers = []
        for n in range(12):
            if n % 3:
                sock = self.frames.connect(f"/sub/{channel}", n % 2 == 0, receive_buffer=4_096)
            elif (sock := self.crowd.open(self.port, receive_buffer=4_096)) is not None:
                head = f"GET /sub/{channel} HTTP/1.1\r\nHost: a\r\nAccept: text/event-stream\r\n\r\n"
                self.crowd.send(sock, head.encode())
            if sock is not None:
                readers.append(sock)
        size = self.rng.choice([100, 10_000, 60_000])
        self.backend.publish(channel, self.rng.randbytes(size), times=self.rng.choice([10, 40]))
        for sock in readers:
            self.crowd.hold(sock, self.rng.choice([1, 5, 15]))

    def random_names(self) -> None:
        """Subscriptions to names that nobody used, each for a moment."""
        for _ in range(50):
            sock = self.frames.connect(f"/sub/{self.mutator.name()}", self.rng.random() < 0.5)
            if sock is not None:
                self.crowd.hold(sock, self.rng.choice([0, 0.2, 2]))

    def many_channels(self) -> None:
        """A connection that asks for as many channels as it may, or one more."""
        names = ",".join(f"stranger:{self.rng.getrandbits(40):x}" for _ in range(self.rng.choice([127, 128, 129])))
        way = self.rng.choice([HANDSHAKE, "Accept: text/event-stream\r\n", ""])
        sock = self.crowd.open(self.port)
        if sock is not None:
            self.crowd.send(sock, f"GET /sub/{names} HTTP/1.1\r\nHost: a\r\n{way}\r\n".encode())
            self.crowd.hold(sock, self.rng.choice([0, 1, 10]), self.rng.choice([None, 0.1]))

    def joins(self) -> None:
        """Comes and goes in a channel that tells of it, and listens to what it tells."""
        channel = f"open:{self.rng.randrange(4)}"
        watcher = self.frames.connect(f"/sub/presence:{channel}", True)
        for _ in range(40):
            sock = self.frames.connect(f"/sub/{channel}", True)
            if sock is not None:
                self.crowd.hold(sock, self.rng.choice([0, 0, 0.1, 1]))
        if watcher is not None:
            self.crowd.hold(watcher, 2, self.rng.choice([None, 0.1]))

    def publications(self) -> None:
        """Publishes as a client, without a limit in one namespace and beyond it in the other."""
        channel = self.rng.choice(["open:0", "open:1", "demo:x"])
        sock = self.frames.connect(f"/sub/{channel}", self.rng.random() < 0.5)
        if sock is not None:
            text = b"y" * self.rng.choice([1, 100, 5_000])
            self.crowd.send(sock, frame(TEXT, text, bytes(4)) * self.rng.choice([10, 100]))
            self.crowd.hold(sock, self.rng.choice([0, 1, 5]), self.rng.choice([None, 0.1]))
