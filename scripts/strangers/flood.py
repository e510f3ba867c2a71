"""python3 -m strangers.flood KIND --public HOST:PORT --internal HOST:PORT --pid PID [--key KEY]

One flood of a stranger without a token, as fast as it can, from one address, until SIGTERM. Called by
`scripts/floods.sh`, which starts the server. Says `attacking` when it is, and at the end what it did and the most
that it and the honest clients had of the server, as JSON.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from .__main__ import address
from .backend import Backend
from .crowd import Crowd
from .floods import Floods
from .frames import BINARY, PING, TEXT, Frames, frame
from .mutate import Mutator
from .watch import Sample, Watch

# Not that of the honest clients: one client address, as limits count them.
SOURCE = "127.0.0.2"
SAMPLE_EVERY_S = 0.5
# Readers that do not read ask for these.
LARGE_BYTES, LARGE_COUNT = 500_000, 12
# Longer than a run: what it holds, the server must end.
HELD_S = 600.0
# Sockets that it holds in a flood of those that stay, and opens in one step.
STAY_STEP = 20


class Flood:
    """The kinds, each a step that is done again and again."""

    def __init__(self, crowd: Crowd, options: argparse.Namespace):
        _, port = address(options.public)
        _, internal = address(options.internal)
        self.crowd = crowd
        self.port = port
        mutator = Mutator(crowd.rng)
        self.frames = Frames(crowd, mutator, port)
        self.backend = Backend(crowd, mutator, internal, options.key)
        self.floods = Floods(crowd, mutator, self.frames, self.backend, port)
        self.kinds: dict[str, Callable[[], None]] = {
            # To compare with.
            "alone": lambda: time.sleep(0.1),
            "connects": self.floods.connects,
            "silent": lambda: self.stay(b""),
            "half-heads": lambda: self.stay(b"GET /sub/stranger:1 HTTP/1.1\r\nHost: a\r\nX: y"),
            "slow-heads": lambda: self.stay(b"GET / HTTP/1.1\r\nHost: a\r\n", b"X: " + b"y" * 2_000),
            "joins": self.floods.random_names,
            "polls": self.floods.pipelined_polls,
            "messages": self.messages,
            "half-messages": self.half_messages,
            "publications": self.floods.publications,
            "pings": self.pings,
            "unread": lambda: self.unread(None),
            "trickle": lambda: self.unread(0.5),
        }

    def stay(self, said: bytes, drip: bytes = b"") -> None:
        """Connections without a whole request, as many as there may be."""
        for _ in range(STAY_STEP):
            sock = self.crowd.open(self.port)
            if sock is not None:
                self.crowd.send(sock, said)
                self.crowd.hold(sock, HELD_S, 0.5, drip)

    def messages(self) -> None:
        """Messages where nobody may publish, whose frames announce as much as they may."""
        for _ in range(STAY_STEP):
            sock = self.frames.connect("/sub/stranger:0", False)
            if sock is not None:
                self.crowd.send(sock, frame(BINARY, bytes(65_536), bytes(4)))
                self.crowd.hold(sock, HELD_S, 0.5)

    def half_messages(self) -> None:
        """Messages where everybody may publish, of which a byte comes now and then."""
        for _ in range(STAY_STEP):
            sock = self.frames.connect("/sub/open:0", False)
            if sock is not None:
                message = frame(TEXT, b"y" * 65_000, bytes(4))
                self.crowd.send(sock, message[:64_000])
                self.crowd.hold(sock, HELD_S, 0.5, message[64_000:])

    def pings(self) -> None:
        """Pings whose answers are not read."""
        sock = self.frames.connect("/sub/stranger:0", False, receive_buffer=4_096)
        if sock is not None:
            self.crowd.send(sock, frame(PING, bytes(125), bytes(4)) * 3_000)
            self.crowd.hold(sock, HELD_S)

    def unread(self, reads_every_s: float | None) -> None:
        """Large answers of which nothing is read, or a little now and then."""
        sock = self.crowd.open(self.port, receive_buffer=4_096)
        if sock is not None:
            request = b"GET /sub/large?poll=1&since=earliest HTTP/1.1\r\nHost: a\r\n\r\n"
            self.crowd.send(sock, request * 20)
            self.crowd.hold(sock, HELD_S, reads_every_s)

    def prepare(self) -> None:
        """What is kept for readers, as an ordinary backend publishes it."""
        self.backend.publish("large", bytes(LARGE_BYTES), LARGE_COUNT)


@dataclass
class Most:
    """The most that all clients had, the honest ones too, who come after it."""

    before: Sample
    slots: int = 0
    memory_mib: float = 0.0

    def see(self, now: Sample) -> None:
        self.slots = max(self.slots, now.connections - self.before.connections)
        self.memory_mib = max(self.memory_mib, now.resident_mib - self.before.resident_mib)


def attack(step: Callable[[], None], crowd: Crowd, watch: Watch, most: Most) -> None:
    """Until SIGTERM, or until the server is ill."""
    stopped = False

    def stop(*_: object) -> None:
        nonlocal stopped
        stopped = True

    signal.signal(signal.SIGTERM, stop)
    print("attacking", flush=True)
    next_look = 0.0
    while not stopped:
        step()
        crowd.tidy()
        if time.monotonic() >= next_look:
            most.see(watch.sample())
            next_look = time.monotonic() + SAMPLE_EVERY_S


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="strangers.flood")
    parser.add_argument("kind")
    parser.add_argument("--public", required=True, help="HOST:PORT of the public listener")
    parser.add_argument("--internal", required=True, help="HOST:PORT of the internal API")
    parser.add_argument("--pid", type=int, required=True, help="process of the server")
    parser.add_argument("--key", default="", help="API key of the server")
    return parser.parse_args()


def main() -> int:
    given = options()
    host, _ = address(given.public)
    crowd = Crowd(random.Random(1), SOURCE, host)
    flood = Flood(crowd, given)
    if given.kind not in flood.kinds:
        print(f"a flood is one of: {', '.join(flood.kinds)}", file=sys.stderr)
        return 64
    watch = Watch(given.pid, address(given.public), address(given.internal), given.key)
    flood.prepare()
    counters = watch.counters()
    most = Most(watch.sample())
    attack(flood.kinds[given.kind], crowd, watch, most)
    now = watch.counters()
    refused = {
        name: now[name] - counters[name]
        for name in now
        if name.startswith(("refused_", "closed_", "timed_out_")) and now[name] > counters[name]
    }
    crowd.leave()
    did = {"slots": most.slots, "memory MiB": round(most.memory_mib, 1), "sent": crowd.counts, "refused": refused}
    print(json.dumps(did))
    return 0


if __name__ == "__main__":
    sys.exit(main())
