"""What a client should get and what it got: the one place that decides what is a fault."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

_POSITION = re.compile(r"([0-9a-z]{8})-(0|[1-9][0-9]*)")


class Broken(Exception):
    """The server sent what it must not send."""


@dataclass
class Tally:
    """Counts of all clients of one way, and the first faults in words."""

    clients: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    EXAMPLES_MAX = 5

    def add(self, what: str, count: int = 1) -> None:
        self.counts[what] += count

    def fault(self, what: str, words: str, count: int = 1) -> None:
        self.counts[what] += count
        if len(self.examples) < self.EXAMPLES_MAX:
            self.examples.append(f"{what}: {words}")


FAULTS = ["lost", "duplicated", "reordered", "gaps", "errors"]


class Account:
    """The sequence of one client: for each channel the epoch, and the offset that must come next.

    The publisher numbers the publications of a channel from 1 and nobody else publishes, so the
    number in a payload, the offset in its position and what must come next are all the same.
    """

    def __init__(self, who: str, channels: list[str], tally: Tally):
        self.who = who
        self.channels = channels
        self.tally = tally
        self.epochs: list[str] = []
        self.next: list[int] = []
        self.missing: list[set[int]] = [set() for _ in channels]

    def begin(self, position: str) -> None:
        """Where the client begins: the first time, and then where it must go on."""
        parts = [_POSITION.fullmatch(part) for part in position.split(",")]
        if not all(parts) or len(parts) != len(self.channels):
            raise Broken(f"{position!r} is no position of {len(self.channels)} channels")
        epochs = [part[1] for part in parts]
        following = [int(part[2]) + 1 for part in parts]
        if not self.epochs:
            self.epochs, self.next = epochs, following
        elif (epochs, following) != (self.epochs, self.next):
            raise Broken(f"it begins at {position}, not at {self.position()}")

    def position(self) -> str:
        """The position that names all that came so far."""
        pairs = zip(self.epochs, self.next, strict=True)
        return ",".join(f"{epoch}-{offset - 1}" for epoch, offset in pairs)

    def got(self, payload: bytes, position: str, channel: str | None = None) -> None:
        """A publication came, with a position, and with a channel where the way names it."""
        name, number = read_payload(payload)
        if name not in self.channels or channel not in (None, name):
            raise Broken(f"a publication of {name}, said to be of {channel}")
        at = self.channels.index(name)
        self.tally.add("deliveries")
        if number == self.next[at]:
            self.next[at] += 1
        elif number > self.next[at]:
            skipped = range(self.next[at], number)
            self.missing[at].update(skipped)
            self.tally.fault("lost", f"{self.who}: {name} {skipped}", len(skipped))
            self.next[at] = number + 1
        elif number in self.missing[at]:
            self.missing[at].remove(number)
            self.tally.add("lost", -1)
            self.tally.fault("reordered", f"{self.who}: {name} {number} after {self.next[at] - 1}")
        else:
            self.tally.fault("duplicated", f"{self.who}: {name} {number}")
        if position != self.position():
            raise Broken(f"{name} {number} came with {position} instead of {self.position()}")

    def gap(self, words: str) -> None:
        """A gap was announced. In this run nobody is away for longer than the history."""
        self.tally.fault("gaps", f"{self.who}: {words}")

    def behind(self, last: dict[str, int]) -> int:
        """How many publications are owed to this client."""
        if not self.next:
            return 0
        pairs = zip(self.channels, self.next, strict=True)
        return sum(max(0, last[name] + 1 - offset) for name, offset in pairs)


PAYLOAD_BYTES = 128


def make_payload(channel: str, number: int) -> tuple[bytes, str]:
    """A publication and its content type: binary, text of several lines, and plain text in turn."""
    head = f"{channel} {number} ".encode()
    if number % 5 == 0:
        return head.ljust(PAYLOAD_BYTES, b"\xff"), "application/octet-stream"
    if number % 5 == 1:
        return (head + b"\nline\n\n").ljust(PAYLOAD_BYTES, b"x"), "text/plain"
    return head.ljust(PAYLOAD_BYTES, b"x"), "text/plain"


def read_payload(payload: bytes) -> tuple[str, int]:
    """The channel and the number in it. Every byte must be as it was published."""
    name, _, rest = payload.partition(b" ")
    number, _, _ = rest.partition(b" ")
    if not number.isdigit() or payload != make_payload(name.decode(), int(number))[0]:
        raise Broken(f"no payload of this run: {payload[:60]!r}")
    return name.decode(), int(number)
