"""The servers that are compared: how each is started, and where it is reached."""

import contextlib
import dataclasses
import os
import pathlib
import re
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator

from . import process
from .network import Network
from .process import Process
from .scenarios import Dialect, Scenario

BENCH = pathlib.Path(__file__).resolve().parents[1]
ROOT = BENCH.parent
CACHE = BENCH / ".cache"
NGINX = CACHE / "nginx" / "usr"
BUN = CACHE / "bun" / "node_modules" / "@oven" / "bun-linux-x64" / "bin" / "bun"


@dataclasses.dataclass(frozen=True)
class Place:
    """Where one server process lives."""

    port: int
    spare_port: int
    folder: pathlib.Path

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def internal(self) -> str:
        return f"127.0.0.1:{self.spare_port}"


@dataclasses.dataclass(frozen=True)
class Server:
    name: str
    title: str
    ours: bool
    command: Callable[[Place], list[str]]
    version: Callable[[], str]
    # Where a publisher's WebSocket connects.
    publish_path: str = "/pub/{channel}"
    # Where it takes publications by HTTP, if it does.
    http_address: Callable[[Place], str] | None = None
    # And many of them in one request.
    has_batch: bool = False
    # Or one after another on a WebSocket that answers each.
    has_stream: bool = False
    has_echo: bool = True
    # What subscribers may speak.
    dialects: tuple[Dialect, ...] = ("plain",)
    # The process that serves is a child of the one that is started.
    has_master: bool = False
    # Compared when nothing is said.
    usual: bool = True

    def can(self, scenario: Scenario) -> bool:
        """Whether it has what a scenario needs."""
        if scenario.echoes:
            return self.has_echo
        if scenario.dialect not in self.dialects:
            return False
        if scenario.publishes == "batch":
            return self.has_batch
        if scenario.publishes == "stream":
            return self.has_stream
        return self.http_address is not None or scenario.publishes != "http"


@dataclasses.dataclass(frozen=True)
class Running:
    """A server that listens. `pid` is the process whose CPU and memory count."""

    server: Server
    base: str
    # Where ours has its internal API; nothing of the others listens there.
    internal: str
    # Where a publication is sent by HTTP.
    publish_url: str | None
    pid: int
    process: Process


def switchboard_bin() -> str:
    return os.environ["SWITCHBOARD_BIN"]


def switchboard(plane: str, shards: int = 1, flags: tuple[str, ...] = ()) -> Server:
    def command(place: Place) -> list[str]:
        return [
            *(switchboard_bin(), "--plane", plane, "--cores", str(shards), "--echo"),
            *("--listen", place.address, "--internal-listen", place.internal),
            # One publisher sends everything here.
            *("--demo", "--demo-publish-per-second", "0", "--log", "warn", *flags),
        ]

    return Server(
        name=f"switchboard-{plane}",
        title=f"Switchboard, {plane}",
        ours=True,
        command=command,
        version=lambda: output(switchboard_bin(), "--version"),
        publish_path="/sub/{channel}",
        http_address=lambda place: place.internal,
        has_batch=True,
        has_stream=True,
        dialects=("plain", "v1", "centrifuge"),
    )


def process_descriptors() -> Server:
    """As io_uring runs on kernels before 6.13, to see what that costs on this one."""
    return dataclasses.replace(
        switchboard("io_uring", flags=("--io-uring-descriptors", "process")),
        name="switchboard-io_uring-process",
        title="Switchboard, io_uring, process descriptors",
        usual=False,
    )


def rust_peer(name: str) -> Server:
    program = CACHE / "peers" / "release" / f"peer-{name}"
    return Server(
        name=name,
        title=name,
        ours=False,
        command=lambda place: [str(program), place.address],
        version=lambda: locked_version(name),
    )


def bun() -> Server:
    return Server(
        name="bun",
        title="Bun (uWebSockets)",
        ours=False,
        command=lambda place: [str(BUN), str(BENCH / "peers/bun/server.js"), place.address],
        version=lambda: output(str(BUN), "--version"),
        http_address=lambda place: place.address,
    )


def nchan() -> Server:
    def command(place: Place) -> list[str]:
        template = (BENCH / "peers/nchan/nginx.conf").read_text()
        modules = str(NGINX / "lib/nginx/modules")
        config = place.folder / "nginx.conf"
        config.write_text(template.replace("{address}", place.address).replace("{modules}", modules))
        prefix = f"{place.folder}/"
        return [str(NGINX / "sbin/nginx"), "-e", "stderr", "-p", prefix, "-c", str(config)]

    return Server(
        name="nchan",
        title="nchan (nginx)",
        ours=False,
        command=command,
        version=lambda: (CACHE / "nginx/versions").read_text().strip(),
        http_address=lambda place: place.address,
        has_echo=False,
        has_master=True,
    )


SERVERS: tuple[Server, ...] = (
    switchboard("io_uring"),
    process_descriptors(),
    switchboard("epoll"),
    rust_peer("fastwebsockets"),
    rust_peer("tokio-tungstenite"),
    bun(),
    nchan(),
)


def output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, env=process.clean_environment(), check=True)
    return done.stdout.strip()


def locked_version(crate: str) -> str:
    """The version of a crate in the lock file of the peers."""
    lock = (BENCH / "peers/Cargo.lock").read_text()
    found = re.search(rf'^name = "{re.escape(crate)}"\nversion = "(.+)"$', lock, re.MULTILINE)
    return found.group(1) if found else "unknown"


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


@contextlib.contextmanager
def running(server: Server, network: Network, cores: int | str) -> Iterator[Running]:
    """A fresh process of the server on its cores, stopped at the end."""
    with tempfile.TemporaryDirectory(prefix="switchboard-compare-") as name:
        folder = pathlib.Path(name)
        # The worker of nginx is another user.
        folder.chmod(0o755)
        port, spare_port = free_ports(2)
        place = Place(port, spare_port, folder)
        started = Process([*network.prefix, *process.on_cores(cores, server.command(place))], folder)
        try:
            started.wait_until_listening(port)
            pid = process.only_child(started.pid) if server.has_master else started.pid
            publish_url = server.http_address and f"http://{server.http_address(place)}/pub/{{channel}}"
            yield Running(server, f"ws://{place.address}", place.internal, publish_url, pid, started)
        finally:
            started.stop()
