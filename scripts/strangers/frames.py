"""WebSocket frames of every kind that is forbidden, and of the kinds that are allowed."""

from __future__ import annotations

import random
import struct

from .crowd import Crowd
from .mutate import Mutator
from .requests import HANDSHAKE

LENGTHS = [0, 1, 2, 125, 126, 127, 65_535, 65_536]
LIES = [2**16, 2**24, 2**31, 2**32, 2**62, 2**63 - 1, 2**63, 2**64 - 1]
CODES = [0, 999, 1000, 1001, 1004, 1005, 1006, 1015, 1016, 2999, 3000, 4008, 4999, 5000, 65_535]
TEXT, CONTINUATION, BINARY, CLOSE, PING = 1, 0, 2, 8, 9
# As what a client of switchboard.v1 may send, now or later.
HEADS = [b"publish: 1\n\nx", b"publish: 1\nchannel: open:1\n\nx", b"request: a\n\n", b"refresh: 1\n\n\0", b"\n\n"]


def masked(payload: bytes, key: bytes) -> bytes:
    stream = (key * (len(payload) // 4 + 1))[: len(payload)]
    mixed = int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")
    return mixed.to_bytes(len(payload), "big")


def frame(opcode: int, payload: bytes, key: bytes, fin: bool = True) -> bytes:
    """A whole frame as a client should send it."""
    first = (0x80 if fin else 0) | opcode
    length = len(payload)
    if length < 126:
        head = struct.pack(">BB", first, 0x80 | length)
    elif length < 65_536:
        head = struct.pack(">BBH", first, 0x80 | 126, length)
    else:
        head = struct.pack(">BBQ", first, 0x80 | 127, length)
    return head + key + masked(payload, key)


class Frames:
    """Opens WebSockets and sends what no client should."""

    def __init__(self, crowd: Crowd, mutator: Mutator, port: int):
        self.crowd = crowd
        self.mutator = mutator
        self.rng: random.Random = mutator.rng
        self.port = port

    def any_frame(self) -> bytes:
        """Right or wrong in its first two bytes, its length, its mask, its payload, or its end."""
        rng = self.rng
        kind = rng.randrange(8)
        key = rng.choice([bytes(4), b"\xff" * 4, rng.randbytes(4)])
        payload = self.payload()
        if kind < 3:
            return frame(rng.choice([TEXT, BINARY, PING]), payload, key)
        if kind == 3:
            code = struct.pack(">H", rng.choice(CODES))
            return frame(CLOSE, rng.choice([b"", b"\x03", code, code + payload[:200]]), key)
        if kind == 4:  # any opcode, any reserved bits, masked or not
            return struct.pack(">BB", rng.randrange(256), rng.randrange(256)) + rng.randbytes(14)
        if kind == 5:  # a length that lies, or that is not in its shortest form
            form, size = rng.choice([(126, ">BBH"), (127, ">BBQ")])
            length = rng.choice(LENGTHS[:7] if form == 126 else LENGTHS + LIES)
            return struct.pack(size, 0x80 | rng.choice([1, 2, 8, 9]), 0x80 | form, length) + key + payload
        if kind == 6:  # parts out of order, or parts without an end
            opcodes = [rng.choice([TEXT, CONTINUATION, CONTINUATION, BINARY, PING]) for _ in range(rng.randrange(1, 9))]
            return b"".join(frame(opcode, payload[:50], key, fin=rng.random() < 0.2) for opcode in opcodes)
        return struct.pack(">BB", 0x80 | TEXT, len(payload[:125])) + payload[:125]

    def payload(self) -> bytes:
        rng = self.rng
        kind = rng.randrange(5)
        if kind == 0:
            return rng.choice(HEADS)
        if kind == 1:
            return rng.randbytes(rng.choice([*LENGTHS, 300]))
        if kind == 2:
            return b"\xf0\x9f\x98\x80"[: rng.randrange(1, 5)] * rng.choice([1, 50])
        return b"y" * rng.choice(LENGTHS)

    def connect(self, path: str, protocol: bool, receive_buffer: int | None = None):
        """A socket whose handshake is sent, and not waited for."""
        sock = self.crowd.open(self.port, receive_buffer)
        if sock is None:
            return None
        offer = "Sec-WebSocket-Protocol: switchboard.v1\r\n" if protocol else ""
        self.crowd.send(sock, f"GET {path} HTTP/1.1\r\nHost: a\r\n{HANDSHAKE}{offer}\r\n".encode())
        return sock

    def path(self) -> str:
        return self.rng.choice(["/echo", f"/sub/{self.mutator.name()}", f"/sub/open:{self.rng.randrange(4)}"])

    def damaged(self) -> None:
        """One connection with up to twenty frames, damaged or only wrong."""
        sock = self.connect(self.path(), self.rng.random() < 0.5)
        if sock is None:
            return
        frames = b"".join(self.any_frame() for _ in range(self.rng.choice([1, 1, 2, 5, 20])))
        self.crowd.send(sock, *self.mutator.pieces(self.mutator.maybe(frames, 0.5)))
        self.crowd.hold(sock, self.rng.choice([0, 0.1, 1, 5]), self.rng.choice([None, 0.1]))

    def without_end(self) -> None:
        """A message in parts that never ends, small or large ones, up to the bounds and beyond."""
        sock = self.connect(self.path(), self.rng.random() < 0.5)
        if sock is None:
            return
        size = self.rng.choice([0, 1, 60, 16_000])
        part = frame(CONTINUATION, bytes(size), bytes(4), fin=False)
        count = min(2_000, 400_000 // len(part))
        self.crowd.send(sock, frame(BINARY, bytes(size), bytes(4), fin=False), part * count)
        self.crowd.hold(sock, self.rng.choice([0.5, 5]), self.rng.choice([None, 0.1]))

    def dripped(self) -> None:
        """A frame of which a byte comes every half second."""
        sock = self.connect(self.path(), True)
        if sock is None:
            return
        self.crowd.hold(sock, self.rng.choice([5, 30]), 0.5, drip=frame(BINARY, bytes(300), bytes(4)))

    def pings(self) -> None:
        """Hundreds of pings whose answers are not read."""
        sock = self.connect("/echo", False, receive_buffer=4_096)
        if sock is None:
            return
        self.crowd.send(sock, frame(PING, bytes(125), bytes(4)) * self.rng.choice([10, 3_000]))
        self.crowd.hold(sock, self.rng.choice([1, 15]))
