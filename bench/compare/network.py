"""Where a run takes place: the loopback as it is, or one whose packets change cores on their way.

On the loopback the sender's core also does the receiver's TCP, so a server is charged for its
clients' work. With receive packet steering (RPS) to the load tool's core it is done there, as it would
be on another machine.
"""

import contextlib
import dataclasses
import os
import pathlib
import shutil
import subprocess
from collections.abc import Iterator

from .process import Failure


@dataclasses.dataclass(frozen=True)
class Network:
    name: str
    prefix: tuple[str, ...]


@contextlib.contextmanager
def plain() -> Iterator[Network]:
    yield Network("plain", ())


def check_steering() -> None:
    if os.geteuid() != 0 or shutil.which("ip") is None:
        raise Failure("--rps needs root and the command `ip` (Debian: iproute2)")


@contextlib.contextmanager
def steered(load_core: int) -> Iterator[Network]:
    """A namespace of its own, gone at the end."""
    name = f"switchboard-compare-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        network = Network("rps", ("ip", "netns", "exec", name))
        mask = f"{1 << load_core:x}"
        # `ip netns exec` shows the /sys of the namespace.
        queue = "/sys/class/net/lo/queues/rx-0/rps_cpus"
        for command in (["ip", "link", "set", "lo", "up"], ["sh", "-c", f"echo {mask} >{queue}"]):
            subprocess.run([*network.prefix, *command], check=True)
        yield network
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=True)


def backlog_max() -> int:
    """Packets that may wait for the other core; what is more is dropped and comes 200 ms later."""
    return int(pathlib.Path("/proc/sys/net/core/netdev_max_backlog").read_text())
