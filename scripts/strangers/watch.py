"""What the server takes, from /proc and from its counters, and whether it is well."""

from __future__ import annotations

import json
import os
import pathlib
import socket
import time
from collections import Counter
from dataclasses import dataclass

ANSWERS_WITHIN_S = 15
HEALTH_EVERY_S = 2
TIME_WAIT, LISTEN = "06", "0A"


class Ill(Exception):
    """The server is gone, or does not answer."""


@dataclass
class Sample:
    """What it takes at one moment."""

    # Of one core, since the last sample.
    cpu_percent: float
    resident_mib: float
    peak_mib: float
    descriptors: int
    # Of the server's ports in the kernel's table, without those that wait for late packets.
    sockets: int
    connections: int
    channels: int
    log_mib: float

    def __str__(self) -> str:
        return (
            f"CPU {self.cpu_percent:5.1f} %  RSS {self.resident_mib:6.1f} MiB"
            f"  descriptors {self.descriptors:5,}  sockets {self.sockets:5,}  connections {self.connections:5,}"
            f"  channels {self.channels:7,}  history {self.log_mib:5.2f} MiB"
        )


class Watch:
    """Looks at the server's process. Each look is a request of its own, as a monitor makes them."""

    def __init__(self, pid: int, public: tuple[str, int], internal: tuple[str, int], key: str):
        self.proc = pathlib.Path(f"/proc/{pid}")
        self.public = public
        self.internal = internal
        self.key = key
        self.next_health = 0.0
        self.slowest_s: Counter[str] = Counter()
        self._sampled_at, self._used_s = time.monotonic(), self.cpu_s()

    def cpu_s(self) -> float:
        fields = self._read("stat").rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def alive(self) -> None:
        """Both listeners answer `/health`; asked at most every two seconds."""
        if time.monotonic() < self.next_health:
            return
        self.next_health = time.monotonic() + HEALTH_EVERY_S
        for name, address in [("public", self.public), ("internal", self.internal)]:
            began = time.monotonic()
            head, _ = self._get(address, "/health")
            if b" 200 " not in head.split(b"\r\n", 1)[0]:
                raise Ill(f"/health of the {name} listener answered {head[:100]!r}")
            self.slowest_s[name] = max(self.slowest_s[name], time.monotonic() - began)

    def sample(self) -> Sample:
        counters = self.counters()
        before_s, before_at = self._used_s, self._sampled_at
        self._sampled_at, self._used_s = time.monotonic(), self.cpu_s()
        return Sample(
            cpu_percent=100 * (self._used_s - before_s) / (self._sampled_at - before_at),
            resident_mib=self._memory("VmRSS"),
            peak_mib=self._memory("VmHWM"),
            descriptors=self._descriptors(),
            sockets=self._sockets(),
            connections=counters["connections_open"],
            channels=counters["channels"],
            log_mib=counters["log_bytes"] / (1 << 20),
        )

    def counters(self) -> dict[str, int]:
        _, body = self._get(self.internal, "/counters")
        return json.loads(body)["total"]

    def _read(self, name: str) -> str:
        try:
            return (self.proc / name).read_text()
        except OSError as error:
            raise Ill("the process of the server is gone") from error

    def _memory(self, field: str) -> float:
        for line in self._read("status").splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) / 1024
        raise Ill("the process of the server has ended")

    def _descriptors(self) -> int:
        try:
            return len(os.listdir(self.proc / "fd"))
        except OSError as error:
            raise Ill("the process of the server is gone") from error

    def _sockets(self) -> int:
        ports = {f"{port:04X}" for _, port in (self.public, self.internal)}
        with open("/proc/net/tcp") as table:
            rows = (line.split(maxsplit=4)[:4] for line in table)
            return sum(
                local[-4:] in ports and state not in (TIME_WAIT, LISTEN) for _, local, _, state in rows
            )

    def _get(self, address: tuple[str, int], path: str) -> tuple[bytes, bytes]:
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: {self.key}\r\nConnection: close\r\n\r\n"
        answer = bytearray()
        try:
            with socket.create_connection(address, ANSWERS_WITHIN_S) as sock:
                sock.sendall(head.encode())
                while data := sock.recv(65_536):
                    answer += data
        except OSError as error:
            raise Ill(f"{path} on port {address[1]} was not answered: {error!r}") from error
        head_bytes, _, body = bytes(answer).partition(b"\r\n\r\n")
        return head_bytes, body


class Pace:
    """Keeps what the stranger and the server use together below a share of one core."""

    WINDOW_S = 5

    def __init__(self, watch: Watch, share: float):
        self.watch = watch
        self.share = share
        # The most that the server used while nobody but honest clients sent anything.
        self.busiest_wait_s = 0.0
        self._restart()

    def _restart(self) -> None:
        self.began, self.used_before = time.monotonic(), self._used_s()

    def _used_s(self) -> float:
        return time.process_time() + self.watch.cpu_s()

    def wait(self) -> None:
        """To be called between two attacks."""
        before = self.watch.cpu_s()
        while self._used_s() - self.used_before > self.share * (time.monotonic() - self.began):
            time.sleep(0.01)
        self.busiest_wait_s = max(self.busiest_wait_s, self.watch.cpu_s() - before)
        # What was saved in a quiet time is not spent later.
        if time.monotonic() - self.began > self.WINDOW_S:
            self._restart()
