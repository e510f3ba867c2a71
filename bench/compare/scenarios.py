"""What every server goes through, and what is measured in it."""

import dataclasses
from collections.abc import Callable
from typing import Literal

from .record import Record

Dialect = Literal["plain", "v1", "centrifuge"]

# A namespace in which Switchboard lets clients publish on built-in defaults; to others it is a name.
CHANNEL = "demo:load-{run}-{k}"
CONNECTIONS = 10_000
ECHO_CONNECTIONS = 500
PAYLOAD_BYTES = 128
ECHO_BYTES = 64
# Users with a channel each, and rooms with members.
NOTIFIED = 5_000
NOTIFY_PER_S = 1_500
BATCH = 1_000
# Unanswered messages that a publishing stream may have.
STREAM = 64
ROOMS = 1_000
MEMBERS = 10
ROOMS_PER_S = 500


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
class Above:
    """So much more than what the same server had in another scenario of the same round."""

    scenario: str
    measure: str
    more: float


@dataclasses.dataclass(frozen=True)
class Times:
    """So many times what the same server had in another scenario of the same round."""

    scenario: str
    measure: str
    times: float


@dataclasses.dataclass(frozen=True)
class Budget:
    """A goal for a measure: a multiple of the best epoll peer in the same rounds, a number, or so much
    more than another scenario took, or a multiple of that."""

    measure: str
    times_best_peer: float | None = None
    at_most: float | None = None
    at_least: float | None = None
    above: Above | None = None
    times: Times | None = None


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    title: str
    # Arguments of the load tool without target and publisher.
    arguments: tuple[str, ...]
    measures: tuple[Measure, ...]
    budgets: tuple[Budget, ...] = ()
    # By one WebSocket, by HTTP with a request for each publication or for a batch of them, or on one
    # publishing stream.
    publishes: Literal["websocket", "http", "batch", "stream"] | None = None
    echoes: bool = False
    # What subscribers speak.
    dialect: Dialect = "plain"
    # What it is chosen by beside its name, with others that belong together.
    group: str | None = None
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
# Beside the CPU of a publication, which has the same key elsewhere.
CPU_PER_DELIVERY_OF_ROOM = dataclasses.replace(CPU_PER_DELIVERY, key="cpu_per_delivery_us")
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
CPU_PER_PUBLICATION = Measure(
    "cpu_us", "server CPU per publication", "us", figure("CPU", "server, per publication")
)
CPU_PER_MESSAGE = Measure(
    "cpu_us", "server CPU per message", "us", figure("CPU", "server, per message received by us")
)
MESSAGES = Measure("per_s", "messages per second", "/s", figure("Messages", "per second"), higher_is_better=True)
LAST = "delivery to the last subscriber"
EACH = "delivery to each subscriber"
ANSWER = "publication acknowledged"
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
        publishes="websocket",
        share_of_fanout=share,
    )


def in_flight(count: int, batch: int = 1) -> tuple[str, ...]:
    """A closed loop, each publication or batch on a kept-alive connection of its own."""
    loop = ("--in-flight", str(count), "--publishers", str(count // batch), "--pipeline", "1")
    return loop if batch == 1 else (*loop, "--publish-batch", str(batch))


def at(per_s: int) -> tuple[str, ...]:
    """An open loop over a pool of kept-alive connections."""
    return ("--rate", str(per_s), "--publishers", "32", "--pipeline", "1")


def by_http(
    group: str, kind: str, title: str, channels: int, members: int, loop: tuple[str, ...], *budgets: Budget
) -> Scenario:
    """Publications by HTTP to many channels, one request each."""
    # With one subscriber, a delivery is a publication.
    more = (DELIVERIES, CPU_PER_DELIVERY_OF_ROOM) if members > 1 else ()
    return Scenario(
        name=f"{group}-{kind}",
        title=f"Publications by HTTP to {channels:,} channels of {members}, {title}",
        arguments=fan_out(channels * members, "--channels", str(channels), *loop),
        measures=(
            CPU_PER_PUBLICATION,
            PUBLISHED,
            *more,
            SERVER_CORES,
            Measure("p50_ms", "delivery, p50", "ms", latency(EACH, "p50")),
            Measure("p99_ms", "delivery, p99", "ms", latency(EACH, "p99")),
            Measure("answer_p50_ms", "answer, p50", "ms", latency(ANSWER, "p50")),
        ),
        budgets=budgets,
        publishes="http",
        group=group,
    )


def notify(duration_s: float) -> tuple[Scenario, ...]:
    """One publication for one user, and the floor of that: an echo with one message in flight."""
    floor = Scenario(
        name="echo-1",
        title=f"Echo of {PAYLOAD_BYTES} B, one connection with one message in flight",
        arguments=(
            *("echo", "--connections", "1", "--size", str(PAYLOAD_BYTES)),
            *("--in-flight", "1", *seconds(duration_s)),
        ),
        measures=(
            CPU_PER_MESSAGE,
            MESSAGES,
            SERVER_CORES,
            Measure("p50_ms", "round trip, p50", "ms", latency("round trip", "p50")),
        ),
        echoes=True,
        group="notify",
    )

    def one(kind: str, title: str, loop: tuple[str, ...], *budgets: Budget) -> Scenario:
        return by_http("notify", kind, title, NOTIFIED, 1, (*loop, *seconds(duration_s)), *budgets)

    return (
        floor,
        one(
            "1",
            "1 in flight",
            in_flight(1),
            Budget("cpu_us", times_best_peer=1.0),
            Budget("cpu_us", above=Above("echo-1", "cpu_us", 10.0)),
        ),
        one("32", "32 in flight", in_flight(32), Budget("cpu_us", times_best_peer=0.85)),
        one("rate", f"{NOTIFY_PER_S:,} a second", at(NOTIFY_PER_S), Budget("cpu_us", times_best_peer=0.9)),
        dataclasses.replace(
            one("batch", f"a batch of {BATCH:,} in flight", in_flight(BATCH, BATCH), Budget("cpu_us", at_most=8.0)),
            publishes="batch",
        ),
        stream(duration_s),
    )


def stream(duration_s: float) -> Scenario:
    """One publication a message on one publishing stream, each answered."""
    by_request = by_http(
        "notify",
        "stream",
        f"{STREAM} in flight",
        NOTIFIED,
        1,
        ("--in-flight", str(STREAM), "--publishers", "1", *seconds(duration_s)),
        Budget("cpu_us", at_most=12.0),
        Budget("published_per_s", at_least=60_000.0),
    )
    title = f"Publications on a stream to {NOTIFIED:,} channels of 1, {STREAM} in flight"
    return dataclasses.replace(by_request, title=title, publishes="stream")


def rooms(duration_s: float) -> tuple[Scenario, ...]:
    """One publication for the members of a room."""
    return tuple(
        by_http("rooms", kind, title, ROOMS, MEMBERS, (*loop, *seconds(duration_s)))
        for kind, title, loop in (
            ("32", "32 in flight", in_flight(32)),
            ("rate", f"{ROOMS_PER_S:,} a second", at(ROOMS_PER_S)),
        )
    )


def dialects(duration_s: float, connections: int) -> tuple[Scenario, ...]:
    """The fan-out to subscribers that hear more than the message: where it stands, and in which channel."""
    spoken: dict[Dialect, tuple[str, tuple[str, ...]]] = {
        "v1": ("switchboard.v1", ("--dialect", "v1")),
        "centrifuge": ("Centrifuge", ("--dialect", "centrifuge")),
    }
    budget = Budget("cpu_us", times=Times("fanout-v1", "cpu_us", 1.1))
    return tuple(
        Scenario(
            name=f"fanout-{dialect}",
            title=f"One message at a time to {connections:,} subscribers that speak {title}",
            arguments=fan_out(connections, "--window", "1", *flags, *seconds(duration_s)),
            measures=(
                CPU_PER_DELIVERY,
                DELIVERIES,
                PUBLISHED,
                Measure("last_p99_ms", "until the last has it, p99", "ms", latency(LAST, "p99")),
            ),
            budgets=(budget,) if dialect == "centrifuge" else (),
            publishes="http",
            dialect=dialect,
            group="dialects",
        )
        for dialect, (title, flags) in spoken.items()
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
        publishes="websocket",
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
        publishes="websocket",
    )
    echo = Scenario(
        name="echo",
        title=f"Echo of {ECHO_BYTES} B, {ECHO_CONNECTIONS} connections, one message in flight on each",
        arguments=(
            *("echo", "--connections", str(ECHO_CONNECTIONS), "--size", str(ECHO_BYTES)),
            *("--in-flight", "1", *seconds(duration_s)),
        ),
        measures=(
            CPU_PER_MESSAGE,
            MESSAGES,
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
    beside = dialects(duration_s, connections)
    return (connect, echo, fanout, burst, *rates, *beside, *notify(duration_s), *rooms(duration_s))


def groups() -> dict[str, list[str]]:
    """The names of scenarios that belong together, by the name of their group."""
    found: dict[str, list[str]] = {}
    for scenario in scenarios():
        if scenario.group:
            found.setdefault(scenario.group, []).append(scenario.name)
    return found
