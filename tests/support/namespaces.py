"""Two network namespaces joined by a veth pair, for one test: a server in one, clients in the other.

A thread enters a namespace with `with`; sockets that it makes there and processes that it starts
there stay in it.
"""

import contextlib
import ctypes
import itertools
import os
import shutil
import subprocess

import pytest

CLONE_NEWNET = 0x4000_0000
SERVER_ADDRESS, CLIENT_ADDRESS = "198.18.0.1", "198.18.0.2"  # for benchmarks, by RFC 2544

_libc = ctypes.CDLL(None, use_errno=True)
_numbers = itertools.count()


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr.strip()}"


@contextlib.contextmanager
def _opened(path: str):
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _enter(descriptor: int) -> None:
    if _libc.setns(descriptor, CLONE_NEWNET) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"setns: {os.strerror(error)}")


class Namespace:
    """One of the two ends."""

    def __init__(self, name: str):
        self.name = name
        _run("ip", "netns", "add", name)

    @contextlib.contextmanager
    def inside(self):
        """Puts this thread into the namespace, and back."""
        with _opened("/proc/thread-self/ns/net") as home, _opened(f"/run/netns/{self.name}") as own:
            _enter(own)
            try:
                yield
            finally:
                _enter(home)

    def ip(self, *arguments: str) -> None:
        _run("ip", "-netns", self.name, *arguments)

    def tc(self, *arguments: str) -> None:
        _run("tc", "-netns", self.name, *arguments)

    def remove(self) -> None:
        subprocess.run(["ip", "netns", "del", self.name], capture_output=True, timeout=20, check=False)


class Network:
    """Both ends and the line between them. The interfaces are called `line`."""

    def __init__(self):
        # Names are the machine's, and others may run these tests too.
        prefix = f"switchboard-{os.getpid()}-{next(_numbers)}"
        self.ends: list[Namespace] = []
        try:
            for end in ("server", "client"):
                self.ends.append(Namespace(f"{prefix}-{end}"))
            self.server, self.client = self.ends
            self.server.ip(
                "link", "add", "line", "type", "veth",
                "peer", "name", "line", "netns", self.client.name,
            )  # fmt: skip
            for end, address in zip(self.ends, (SERVER_ADDRESS, CLIENT_ADDRESS), strict=True):
                end.ip("address", "add", f"{address}/24", "dev", "line")
                end.ip("link", "set", "line", "up")
                end.ip("link", "set", "lo", "up")
        except BaseException:
            self.remove()
            raise

    def shape(self, rate: str) -> None:
        """Bounds what the server can send, as a slow line does."""
        self.server.tc(
            "qdisc", "add", "dev", "line", "root", "tbf",
            "rate", rate, "burst", "16kb", "latency", "200ms",
        )  # fmt: skip

    def cut(self) -> None:
        """The line carries nothing any more. The server only sees that nothing comes."""
        self.client.ip("link", "set", "line", "down")

    def mend(self) -> None:
        self.client.ip("link", "set", "line", "up")

    def remove(self) -> None:
        for end in self.ends:
            end.remove()


def skip_without_namespaces() -> None:
    """Skips the test where no namespace can be made, and says why."""
    if missing := [tool for tool in ("ip", "tc") if shutil.which(tool) is None]:
        pytest.skip(f"{' and '.join(missing)} missing: install iproute2")
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root")
    probe = f"switchboard-{os.getpid()}-probe"
    made = subprocess.run(["ip", "netns", "add", probe], capture_output=True, text=True, timeout=20, check=False)
    subprocess.run(["ip", "netns", "del", probe], capture_output=True, timeout=20, check=False)
    if made.returncode != 0:
        pytest.skip(f"network namespaces cannot be made here: {made.stderr.strip()}")
