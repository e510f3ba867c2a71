"""Damages bytes: flips, cuts, repeats, inserts, swaps and joins them, by a seeded generator."""

from __future__ import annotations

import random

# What means something to one of the parsers on the way.
TOKENS = [
    b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"\0", b" ", b"\t", b":", b",", b";", b"/", b"%", b"%00", b"%0d%0a",
    b"%zz", b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\xf0\x9f\x98\x80", b"-", b"--", b"~", b"*", b'"', b"'",
    b"\\", b"{", b"}", b"[", b"]", b"\x7f", b"\x0b", b"0", b"-1", b"+1", b"0x10", b"18446744073709551615",
    b"18446744073709551616", b"9223372036854775808", b"4294967296", b"99999999999999999999999999",
    b"HTTP/1.1", b"Host: a\r\n", b"Transfer-Encoding: chunked\r\n", b"Content-Length: 5\r\n",
    b"Upgrade: websocket\r\n", b"Connection: close\r\n", b"\x81\x05hello", b"\x88\x80\0\0\0\0",
]  # fmt: skip
GROWN_BYTES_MAX = 64 * 1024


class Mutator:
    """Everything is drawn from one generator, so a seed repeats the run's inputs."""

    def __init__(self, rng: random.Random):
        self.rng = rng

    def maybe(self, data: bytes, chance: float = 0.7) -> bytes:
        """Damaged once to four times, or, in the other cases, as it is."""
        if self.rng.random() > chance:
            return data
        for _ in range(self.rng.choice([1, 1, 1, 2, 3, 4])):
            data = self.once(data)
        return data

    def once(self, data: bytes) -> bytes:
        rng = self.rng
        start = rng.randrange(len(data) + 1)
        end = min(len(data), start + rng.choice([1, 1, 2, 4, 16, 64, 1024]))
        kind = rng.randrange(8)
        if kind == 0 and data:
            at = rng.randrange(len(data))
            return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]
        if kind == 1 and data:
            at = rng.randrange(len(data))
            return data[:at] + rng.randbytes(1) + data[at + 1 :]
        if kind == 2:
            return data[:start] + data[end:]
        if kind == 3:
            return data[:start] + rng.choice(TOKENS) + data[start:]
        if kind == 4:
            return data[:start] + rng.choice(TOKENS) + data[end:]
        if kind == 5:
            times = rng.choice([2, 2, 3, 10, 100, 1000])
            piece = data[start:end]
            times = min(times, GROWN_BYTES_MAX // max(1, len(piece)))
            return data[:start] + piece * times + data[end:]
        if kind == 6:
            return data[:start]
        return data[start:] + data[:start]

    def pieces(self, data: bytes) -> list[bytes]:
        """The same bytes in as many sends as chance has it: heads and frames come in parts."""
        count = self.rng.choice([1, 1, 1, 2, 3, 8])
        cuts = sorted(self.rng.randrange(len(data) + 1) for _ in range(count - 1))
        return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True) if a < b]

    def name(self) -> str:
        """A channel name that a URL can carry, most of them never used before."""
        rng = self.rng
        namespace = rng.choice(["stranger", "open", "demo", "skip", "latest", "nowhere"])
        if rng.random() < 0.5:
            return f"{namespace}:{rng.randrange(8)}"
        return f"{namespace}:{rng.getrandbits(48):x}" + "y" * rng.choice([0, 0, 0, 40, 200, 240])
