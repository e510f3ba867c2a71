"""The sockets of the stranger: opened from one address, held for a while, ended in every way."""

from __future__ import annotations

import heapq
import itertools
import random
import socket
import struct
import time
from collections import Counter
from dataclasses import dataclass

HELD_MAX = 1_500
CONNECT_WITHIN_S = 2.0
RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s
IP_BIND_ADDRESS_NO_PORT = getattr(socket, "IP_BIND_ADDRESS_NO_PORT", 24)
ENDS = ["close", "reset", "reset", "half"]


@dataclass
class Held:
    """A socket that stays until `until`."""

    sock: socket.socket
    until: float
    # How often what came is read; never when None.
    reads_every_s: float | None
    # Sent a byte at a time.
    drip: bytes = b""


class Crowd:
    """All sockets of the stranger. None of its calls waits for the server longer than a connect."""

    def __init__(self, rng: random.Random, source: str, host: str):
        self.rng = rng
        self.source = source
        self.host = host
        self.counts: Counter[str] = Counter()
        self._due: list[tuple[float, int, Held]] = []
        self._number = itertools.count()

    def open(self, port: int, receive_buffer: int | None = None) -> socket.socket | None:
        """A new connection, or None where the server or the kernel has no place for it now."""
        sock = socket.socket()
        try:
            if receive_buffer:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.bind((self.source, 0))
            sock.settimeout(CONNECT_WITHIN_S)
            sock.connect((self.host, port))
        except OSError:
            sock.close()
            self.counts["not connected"] += 1
            return None
        sock.setblocking(False)
        self.counts["connections"] += 1
        return sock

    def send(self, sock: socket.socket, *pieces: bytes) -> bool:
        """Sends what the socket takes now; what it does not take is one more way to cut."""
        for piece in pieces:
            try:
                sent = sock.send(piece)
            except BlockingIOError:
                return False
            except OSError:
                self.counts["ended by the server"] += 1
                return False
            self.counts["bytes sent"] += sent
            if sent < len(piece):
                return False
        return True

    def receive(self, sock: socket.socket, within_s: float = 1.0) -> bytes:
        """What comes first, at most 64 KiB; nothing when nothing comes in time."""
        sock.settimeout(within_s)
        try:
            data = sock.recv(65_536)
            self.counts["bytes received"] += len(data)
            return data
        except OSError:
            return b""
        finally:
            sock.setblocking(False)

    def hold(
        self,
        sock: socket.socket,
        seconds: float,
        reads_every_s: float | None = None,
        drip: bytes = b"",
    ) -> None:
        """Keeps it for a while. Beyond the most that may be held, the one due first goes."""
        if len(self._due) >= HELD_MAX:
            self.end(heapq.heappop(self._due)[2].sock)
        self._push(Held(sock, time.monotonic() + seconds, reads_every_s, drip))

    def _push(self, held: Held) -> None:
        now = time.monotonic()
        step = 0.5 if held.drip else held.reads_every_s
        due = held.until if step is None else min(held.until, now + step)
        heapq.heappush(self._due, (due, next(self._number), held))

    def tidy(self) -> None:
        """Reads, drips and ends what is due. To be called often."""
        now = time.monotonic()
        while self._due and self._due[0][0] <= now:
            held = heapq.heappop(self._due)[2]
            if held.until <= now or not self._step(held):
                self.end(held.sock)
            else:
                self._push(held)

    def _step(self, held: Held) -> bool:
        """Whether the socket is still open."""
        if held.drip:
            self.send(held.sock, held.drip[:1])
            held.drip = held.drip[1:]
        if held.reads_every_s is None:
            return True
        try:
            data = held.sock.recv(65_536)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self.counts["bytes received"] += len(data)
        return bool(data)

    def end(self, sock: socket.socket, way: str | None = None) -> None:
        """In order, by a reset, or half: its reader goes on for a second."""
        way = way or self.rng.choice(ENDS)
        try:
            if way == "half":
                sock.shutdown(socket.SHUT_WR)
                self._push(Held(sock, time.monotonic() + 1, None))
                return
            if way == "reset":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        except OSError:
            way = "close"
        sock.close()

    def held(self) -> int:
        return len(self._due)

    def leave(self) -> None:
        """Ends all."""
        for _, _, held in self._due:
            self.end(held.sock, self.rng.choice(["close", "reset"]))
        self._due.clear()
