"""One way to bring news to clients: a fresh backend, the load tool as its clients, and what both did."""

import contextlib
import dataclasses
import os
import pathlib
import secrets
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator

from compare.network import Network
from compare.process import Failure, Process, clean_environment, cpu_seconds, on_cores
from compare.record import Record
from compare.run import Cores, read_record
from compare.servers import BENCH, Running, free_ports, running, switchboard

# Only users may listen, as only they may ask the backend.
NAMESPACE = '[namespace.news]\nsubscribe = "authenticated"\n'
LONG_POLL_S = 25
TEXT_BYTES = 200
CONNECTS_PER_S = 500
# Beyond the news itself, for clients to connect and for the last ones to get it.
SPARE_S = 120


@dataclasses.dataclass(frozen=True)
class Plan:
    clients: int
    seconds: int
    every_s: float
    interval_s: float
    plane: str
    # The folder of make_tokens.py.
    tokens: pathlib.Path


@dataclasses.dataclass(frozen=True)
class Way:
    title: str
    # What the load tool calls it.
    transport: str


WAYS = (
    Way("poll the backend every {interval:g} s", "interval-poll"),
    Way("long-poll the backend", "long-poll"),
    Way("listen to Switchboard", "websocket"),
)


@dataclasses.dataclass(frozen=True)
class Measured:
    way: Way
    # To the backend, and processor time.
    requests: int
    backend_cpu_s: float
    switchboard_cpu_s: float
    delivered: int
    # From when the editor sends the news to when a client has it.
    p50_ms: float
    p99_ms: float


@dataclasses.dataclass(frozen=True)
class Backend:
    url: str
    pid: int
    editor_key: str

    def requests(self) -> int:
        with urllib.request.urlopen(f"{self.url}/requests", timeout=10) as answer:
            return int(answer.read())


@contextlib.contextmanager
def backend(plan: Plan, cores: Cores, folder: pathlib.Path, publishes_to: str | None) -> Iterator[Backend]:
    """A fresh backend with an empty database. It keeps connections longer than a client is silent, as behind a
    proxy."""
    (port,) = free_ports(1)
    editor_key = secrets.token_hex(16)
    environment = {
        "PYTHONPATH": str(BENCH),
        "NEWS_TOKEN_KEY": str(plan.tokens.resolve() / "token_key.pem"),
        "NEWS_DATABASE": str(folder / "news.sqlite"),
        "NEWS_EDITOR_KEY": editor_key,
        **({"NEWS_SWITCHBOARD": f"http://{publishes_to}"} if publishes_to else {}),
    }
    command = [
        *("env", *(f"{name}={value}" for name, value in environment.items())),
        *(sys.executable, "-m", "uvicorn", "why.backend:app", "--port", str(port), "--no-access-log"),
        *("--log-level", "warning", "--timeout-keep-alive", "75"),
    ]
    process = Process(on_cores(cores.server, command), folder)
    try:
        process.wait_until_listening(port)
        yield Backend(f"http://127.0.0.1:{port}", process.pid, editor_key)
    finally:
        process.stop()


@contextlib.contextmanager
def servers(way: Way, plan: Plan, here: Network, cores: Cores, folder: pathlib.Path) -> Iterator[
    tuple[Backend, Running | None]
]:
    """The backend, and Switchboard where it has a part."""
    with contextlib.ExitStack() as stack:
        target = None
        if way.transport == "websocket":
            config = folder / "switchboard.toml"
            config.write_text(NAMESPACE)
            flags = ("--token-key", str(plan.tokens.resolve() / "token_key.pem"), "--config", str(config))
            target = stack.enter_context(running(switchboard(plan.plane, flags=flags), here, cores.server))
        yield stack.enter_context(backend(plan, cores, folder, target and target.internal)), target


def load_command(way: Way, plan: Plan, server: Backend, target: Running | None) -> list[str]:
    """The load tool as the clients, and as the editor."""
    news = f"{server.url}/news/{{channel}}"
    url = f"{target.base}/sub/{{channel}}" if target else news.replace("http", "ws", 1)
    return [
        *(os.environ["SWITCHBOARD_LOAD_BIN"], "compare-transports", url, "--transports", way.transport),
        *("--interval-poll-url", news, "--long-poll-url", f"{news}?wait={LONG_POLL_S}"),
        *("--poll-interval", f"{plan.interval_s * 1e3:.0f}ms", "--poll-answers", "all"),
        *("--channel", "news:{run}-{k}", "--tokens", str(plan.tokens / "tokens.txt")),
        *("--connections", str(plan.clients), "--connect-rate", str(CONNECTS_PER_S)),
        *("--publish-url", news, "--publish-header", f"X-Editor-Key: {server.editor_key}"),
        *("--publish-header", "Content-Type: application/json", "--publish-body", '{"text":"{payload}"}'),
        *("--size", str(TEXT_BYTES), "--rate", f"{1 / plan.every_s:.6f}", "--duration", f"{plan.seconds}s"),
        # Otherwise it asks the backend, as it would ask Switchboard, which version it is.
        *("--label", "news"),
        *("--drain", "60s", "--connect-timeout", "30s", "--json", "--quiet"),
    ]


def measure(way: Way, plan: Plan, here: Network, cores: Cores, within: pathlib.Path) -> Measured:
    folder = pathlib.Path(tempfile.mkdtemp(dir=within))
    with servers(way, plan, here, cores, folder) as (server, target):
        pids = [server.pid, *([target.pid] if target else [])]
        requests, cpu_s = server.requests(), [cpu_seconds(pid) for pid in pids]
        done = subprocess.run(
            on_cores(cores.load, load_command(way, plan, server, target)),
            stdin=subprocess.DEVNULL, capture_output=True, env=clean_environment(),
            timeout=plan.seconds + SPARE_S, check=False,
        )  # fmt: skip
        used_s = [cpu_seconds(pid) - before for pid, before in zip(pids, cpu_s, strict=True)]
        record = read_record(done.returncode, done.stdout, done.stderr)
        return measured(way, record, server.requests() - requests, used_s)


def measured(way: Way, record: Record, requests: int, cpu_s: list[float]) -> Measured:
    """What came of a run; a failure where clients did not get all news."""
    (row,) = record.raw["comparison"]
    reasons = [row["unavailable"]] if row["unavailable"] else record.reasons
    if reasons:
        raise Failure(f"{way.transport}: {'; '.join(reasons)}")
    figures = {figure["name"]: figure["value"] for figure in row["figures"]}
    return Measured(
        way,
        requests,
        backend_cpu_s=cpu_s[0],
        switchboard_cpu_s=sum(cpu_s[1:]),
        delivered=int(figures["delivered"]),
        p50_ms=figures["age p50"] / 1e3,
        p99_ms=figures["age p99"] / 1e3,
    )
