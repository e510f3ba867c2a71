"""What every server goes through, and what is measured in it."""

import dataclasses
from collections.abc import Callable

from .record import Record

# A namespace in which Switchboard lets clients publish on built-in defaults; to others it is a name.
CHANNEL = "demo:load-{run}-{k}"
CONNECTIONS = 10_000
ECHO_CONNECTIONS = 500
PAYLOAD_BYTES = 128
ECHO_BYTES = 64


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A run of the load tool, and what was seen of the server beside it."""

    record: Record
    connect_cpu_s: float | None = None
    # The most memory that the server's process has had.
    rss_max_bytes: int = 0


@dataclasses.dataclass(frozen=True)
class Measure:
    key: str
    title: str
    unit: str
    read: Callable[[Outcome], float | None]
    higher_is_better: bool = False


@dataclasses.dataclass(frozen=True)
class Budget:
    """A goal for a measure: a multiple of the best epoll peer in the same rounds, or a number."""

    measure: str
    times_best_peer: float | None = None
    at_most: float | None = None


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    # Arguments of the load tool without target and publisher.
    arguments: tuple[str, ...]
    measures: tuple[Measure, ...]
    budgets: tuple[Budget, ...] = ()
    publishes: bool = False
    echoes: bool = False
    # A hundred connections come and go before: what a server makes once is not charged to the rest.
    warms_up: bool = False
    # Publications per second as a share of what the server reached in `fanout` in the same round.
    share_of_fanout: float | None = None

    @property
    def compares(self) -> bool:
        """Whether servers did the same, so that a ratio of them means something."""
        return self.share_of_fanout is None

    def measure(self, key: str) -> Measure:
        return next(measure for measure in self.measures if measure.key == key)


def figure(group: str, name: str) -> Callable[[Outcome], float | None]:
    return lambda outcome: outcome.record.figure(group, name)


def latency(name: str, percentile: str) -> Callable[[Outcome], float | None]:
    return lambda outcome: outcome.record.latency_ms(name, percentile)


def connect_cpu_us(outcome: Outcome) -> float | None:
    connected = outcome.record.figure("Connections", "connected")
    if outcome.connect_cpu_s is None or not connected:
        return None
    return outcome.connect_cpu_s * 1e6 / connected


CPU_PER_DELIVERY = Measure(
    "cpu_us", "server CPU per delivery", "us", figure("CPU", "server, per message received by us")
)
DELIVERIES = Measure(
    "per_s", "deliveries per second", "/s", figure("Deliveries", "per second"), higher_is_better=True
)
PUBLISHED = Measure(
    "published_per_s",
    "publications per second",
    "/s",
    figure("Publications", "per second"),
    higher_is_better=True,
)
# What tells whether the server was the limit or its client.
SERVER_CORES = Measure("server_cores", "server CPU", "cores", figure("CPU", "server, all threads"))
LAST = "delivery to the last subscriber"
EACH = "delivery to each subscriber"
MEMORY = "per connection"


def seconds(duration_s: float) -> tuple[str, str]:
    return ("--duration", f"{duration_s:g}s")


def fan_out(connections: int, *more: str) -> tuple[str, ...]:
    return ("fanout", "--connections", str(connections), "--size", str(PAYLOAD_BYTES), *more)


def at_rate(share: float, connections: int, duration_s: float) -> Scenario:
    percent = f"{share * 100:.0f}"
    return Scenario(
        name=f"rate{percent}",
        title=f"Open loop at {percent} % of the server's own `fanout` rate",
        arguments=fan_out(connections, *seconds(duration_s)),
        measures=(
            Measure("p50_ms", "p50", "ms", latency(EACH, "p50")),
            Measure("p99_ms", "p99", "ms", latency(EACH, "p99")),
            Measure("p999_ms", "p99.9", "ms", latency(EACH, "p999")),
            PUBLISHED,
        ),
        publishes=True,
        share_of_fanout=share,
    )


def scenarios(duration_s: float = 5.0, connections: int = CONNECTIONS) -> tuple[Scenario, ...]:
    """All of them, in the order in which they run in a round."""
    fanout = Scenario(
        name="fanout",
        title=f"One message at a time to {connections:,} subscribers",
        arguments=fan_out(connections, "--window", "1", *seconds(duration_s)),
        measures=(
            CPU_PER_DELIVERY,
            DELIVERIES,
            PUBLISHED,
            Measure("last_p50_ms", "until the last has it, p50", "ms", latency(LAST, "p50")),
            Measure("last_p99_ms", "until the last has it, p99", "ms", latency(LAST, "p99")),
        ),
        budgets=(Budget("cpu_us", times_best_peer=0.85),),
        publishes=True,
    )
    burst = Scenario(
        name="burst",
        title=f"32 messages in flight to {connections:,} subscribers",
        arguments=fan_out(connections, "--window", "32", *seconds(duration_s)),
        measures=(
            DELIVERIES,
            CPU_PER_DELIVERY,
            SERVER_CORES,
            Measure("last_p99_ms", "until the last has it, p99", "ms", latency(LAST, "p99")),
        ),
        budgets=(Budget("per_s", times_best_peer=1.25),),
        publishes=True,
    )
    echo = Scenario(
        name="echo",
        title=f"Echo of {ECHO_BYTES} B, {ECHO_CONNECTIONS} connections, one message in flight on each",
        arguments=(
            *("echo", "--connections", str(ECHO_CONNECTIONS), "--size", str(ECHO_BYTES)),
            *("--in-flight", "1", *seconds(duration_s)),
        ),
        measures=(
            Measure("cpu_us", "server CPU per message", "us", figure("CPU", "server, per message received by us")),
            Measure("per_s", "messages per second", "/s", figure("Messages", "per second"), True),
            SERVER_CORES,
            Measure("p50_ms", "round trip, p50", "ms", latency("round trip", "p50")),
            Measure("p99_ms", "round trip, p99", "ms", latency("round trip", "p99")),
        ),
        budgets=(Budget("cpu_us", times_best_peer=0.85),),
        echoes=True,
    )
    connect = Scenario(
        name="connect",
        title=f"{connections:,} connect, subscribe, and stay idle",
        arguments=(
            *("idle", "--connections", str(connections), "--hold", "2s"),
            # As fast as both sides can.
            *("--connect-rate", "100000"),
        ),
        measures=(
            Measure("cpu_us", "server CPU per connection", "us", connect_cpu_us),
            Measure("per_s", "connects per second", "/s", figure("Connections", "connects per second"), True),
            Measure("p99_ms", "handshake, p99", "ms", latency("connect and handshake", "p99")),
            Measure("dirty_b", "user memory (private dirty)", "B", figure("Memory", f"server private dirty, {MEMORY}")),
            Measure("rss_b", "user memory (RSS)", "B", figure("Memory", f"server resident (RSS), {MEMORY}")),
            Measure("rss_max_mib", "server RSS in all", "MiB", lambda outcome: outcome.rss_max_bytes / 2**20),
            Measure("slab_b", "kernel slab, both ends", "B", figure("Memory", f"kernel slab, both ends, {MEMORY}")),
        ),
        budgets=(Budget("cpu_us", times_best_peer=1.0), Budget("dirty_b", at_most=128)),
        warms_up=True,
    )
    rates = (at_rate(share, connections, duration_s) for share in (0.1, 0.5, 0.9))
    return (connect, echo, fanout, burst, *rates)
