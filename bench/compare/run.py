"""One run: a fresh server, the load tool against it, and what came of it."""

import dataclasses
import json
import os
import subprocess
import tempfile
import time

from .network import Network
from .process import Failure, clean_environment, cpu_seconds, on_cores, rss_max_bytes
from .record import Record, cpu_until
from .scenarios import CHANNEL, Outcome, Scenario
from .servers import Running, Server, running

LOAD_WITHIN_S = 180.0
SAMPLE_S = 0.02
# After the last connection, for what the server still does about it.
SETTLE_S = 0.5
WARM_UP = ("idle", "--connections", "100", "--hold", "0s")


@dataclasses.dataclass(frozen=True)
class Cores:
    server: int | str
    load: int | str


def two_cores() -> Cores:
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise Failure("this needs two cores: one for the server, one for the load tool")
    return Cores(allowed[0], allowed[-1])


@dataclasses.dataclass
class Run:
    """What is kept of a run, also of one that failed."""

    network: str
    round: int
    scenario: str
    server: str
    figures: dict[str, float]
    failures: list[str]
    client_limited: str | None = None
    command: str = ""

    @property
    def passed(self) -> bool:
        return not self.failures


def execute(
    scenario: Scenario, server: Server, network: Network, cores: Cores, round_: int, rate_per_s: float | None
) -> Run:
    run = Run(network.name, round_, scenario.name, server.name, {}, [])
    try:
        with running(server, network, cores.server) as target:
            if scenario.warms_up:
                load(target, network, cores, (*WARM_UP, f"{target.base}/sub/{CHANNEL}"))
                time.sleep(SETTLE_S)
            arguments = load_arguments(scenario, target, rate_per_s)
            outcome = load(target, network, cores, arguments)
            if target.process.has_ended():
                run.failures.append(f"the server ended: {target.process.last_words()}")
    except Failure as failure:
        run.failures.append(str(failure))
        return run
    # Where the tool lies is nobody's business in a published result.
    run.command = outcome.record.raw["command"].replace(os.environ["SWITCHBOARD_LOAD_BIN"], "switchboard-load")
    run.client_limited = outcome.record.client_limited
    run.failures += outcome.record.reasons
    for measure in scenario.measures:
        value = measure.read(outcome)
        if value is not None:
            run.figures[measure.key] = value
        elif run.passed:
            run.failures.append(f"no figure for: {measure.title}")
    return run


def load_arguments(scenario: Scenario, target: Running, rate_per_s: float | None) -> tuple[str, ...]:
    arguments = [*scenario.arguments, f"{target.base}{path_of(scenario)}", "--channel", CHANNEL]
    if scenario.publishes == "http" and target.publish_url:
        arguments += ["--publish-url", target.publish_url]
    elif scenario.publishes == "batch" and target.publish_url:
        arguments += ["--publish-url", target.publish_url.removesuffix("/{channel}")]
    elif scenario.publishes == "stream":
        arguments += ["--publish-stream", f"ws://{target.internal}/publish"]
    elif scenario.publishes == "websocket":
        arguments += ["--publish-ws", target.base + target.server.publish_path]
    if rate_per_s is not None:
        arguments += ["--rate", f"{rate_per_s:.3f}"]
    return tuple(arguments)


def path_of(scenario: Scenario) -> str:
    if scenario.echoes:
        return "/echo"
    return "/connection/websocket" if scenario.dialect == "centrifuge" else f"/sub/{CHANNEL}"


def load(target: Running, network: Network, cores: Cores, arguments: tuple[str, ...]) -> Outcome:
    """Runs the load tool to its end, and samples the server's CPU meanwhile."""
    tool = os.environ["SWITCHBOARD_LOAD_BIN"]
    measuring = [tool, *arguments, "--pid", str(target.pid), "--json", "--quiet"]
    command = [*network.prefix, *on_cores(cores.load, measuring)]
    samples = [(time.time(), cpu_seconds(target.pid))]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        tool_process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=clean_environment()
        )
        try:
            deadline = time.monotonic() + LOAD_WITHIN_S
            while tool_process.poll() is None and time.monotonic() < deadline:
                time.sleep(SAMPLE_S)
                if not target.process.has_ended():
                    samples.append((time.time(), cpu_seconds(target.pid)))
        finally:
            if tool_process.poll() is None:
                tool_process.kill()
                tool_process.wait()
        out.seek(0)
        err.seek(0)
        record = read_record(tool_process.returncode, out.read(), err.read())
    connect_cpu_s = cpu_until(samples, record.connected_at_s + SETTLE_S)
    return Outcome(record, connect_cpu_s, rss_max_bytes(target.pid))


def read_record(code: int, out: bytes, err: bytes) -> Record:
    """Exit code 1 is a run that did not pass, and has a record too."""
    try:
        return Record(json.loads(out))
    except ValueError:
        words = err.decode(errors="replace").strip()[-400:]
        raise Failure(f"the load tool ended with {code}: {words or 'it said nothing'}") from None
