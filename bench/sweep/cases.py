"""The loads, part by part: what is varied, and what is read."""

import dataclasses
from collections.abc import Callable, Iterator

from compare.record import Record
from compare.scenarios import NOTIFIED, at, in_flight

PLANES = ("io_uring", "epoll")
DURATION = ("--duration", "3s")


@dataclasses.dataclass(frozen=True)
class Case:
    """One load: the cells that name it, how the server runs, what the load tool does."""

    part: str
    varied: tuple[str, ...]
    plane: str
    load: tuple[str, ...]
    shards: int = 1
    flags: tuple[str, ...] = ()
    # By HTTP, as a backend would, instead of by WebSocket.
    publishes_by_http: bool = False
    # Server and load tool on the same two cores, as always with two shards: so that nothing but the
    # second shard differs.
    shares_cores: bool = False


@dataclasses.dataclass(frozen=True)
class Seen:
    """What one run brought: the load tool's record, and what the server counted meanwhile."""

    record: Record
    counters: dict[str, int]


@dataclasses.dataclass(frozen=True)
class Column:
    title: str
    unit: str
    read: Callable[[Seen], float | None]


@dataclasses.dataclass(frozen=True)
class Part:
    name: str
    title: str
    varied: tuple[str, ...]
    columns: tuple[Column, ...]
    cases: Callable[[], Iterator[Case]]
    # The first column also as a multiple of what the same load has with one shard.
    against_one_shard: bool = False


def figure(title: str, unit: str, group: str, name: str) -> Column:
    return Column(title, unit, lambda seen: seen.record.figure(group, name))


def latency(title: str, name: str, percentile: str) -> Column:
    return Column(title, "ms", lambda seen: seen.record.latency_ms(name, percentile))


EACH = "delivery to each subscriber"
LAST = "delivery to the last subscriber"
CPU = figure("server CPU per delivery (us)", "us", "CPU", "server, per message received by us")
CPU_PER_PUBLICATION = figure("server CPU per publication (us)", "us", "CPU", "server, per publication")
RATE = figure("deliveries per second", "/s", "Deliveries", "per second")
LATENCIES = (
    latency("p50 (ms)", EACH, "p50"),
    latency("p99 (ms)", EACH, "p99"),
    latency("p99.9 (ms)", EACH, "p999"),
    latency("last, p99 (ms)", LAST, "p99"),
)


def per_publication(counter: str) -> Callable[[Seen], float | None]:
    def read(seen: Seen) -> float | None:
        # Not the server's counter: that of publications is a moment old, and this run may be short.
        publications = seen.record.figure("Publications", "sent")
        return seen.counters[counter] / publications if publications else None

    return read


WAKE_UPS = Column("wake-ups of other shards per publication", "", per_publication("wakeups_sent"))


def fan_out(subscribers: int, *more: str) -> tuple[str, ...]:
    return ("fanout", "--connections", str(subscribers), *DURATION, *more)


def subscribers() -> Iterator[Case]:
    for count in (1, 100, 10_000, 100_000):
        for window in (1, 32):
            for plane in PLANES:
                if count > 15_000 and plane == "epoll":
                    continue  # More than the descriptor limit of a process.
                load = fan_out(count, "--size", "128", "--window", str(window), "--connect-rate", "20000")
                yield Case("subscribers", (f"{count:,}", str(window)), plane, load)


def sizes() -> Iterator[Case]:
    for size in (64, 1_024, 16_384, 65_536):
        for window in (1, 32):
            for plane in PLANES:
                load = fan_out(1_000, "--size", str(size), "--window", str(window))
                yield Case("sizes", (f"{size:,}", str(window)), plane, load)


def channels() -> Iterator[Case]:
    for count, rate in ((100, 200), (10_000, 3_000)):
        for shards in (1, 2):
            for plane in PLANES:
                load = fan_out(10_000, "--channels", str(count), "--rate", str(rate))
                varied = (f"{count:,} x {10_000 // count:,}", f"{rate:,}", str(shards))
                yield Case("channels", varied, plane, load, shards, publishes_by_http=True)


def notify() -> Iterator[Case]:
    loops = (("32 in flight", in_flight(32)), *((f"{rate:,} a second", at(rate)) for rate in (100, 3_000, 20_000)))
    for title, loop in loops:
        for shards in (1, 2):
            for plane in PLANES:
                load = fan_out(NOTIFIED, "--channels", str(NOTIFIED), "--size", "128", *loop)
                varied = (title, str(shards))
                yield Case("notify", varied, plane, load, shards, publishes_by_http=True, shares_cores=True)


def unsent_limits() -> Iterator[Case]:
    for size in (65_536, 262_144, 1_048_576):
        for limit in (0, 16_384, 131_072):
            load = fan_out(100, "--size", str(size), "--window", "2")
            flags = ("--notsent-lowat-bytes", str(limit))
            for plane in PLANES:
                yield Case("unsent", (f"{size:,}", f"{limit:,}"), plane, load, flags=flags, publishes_by_http=True)


def shards() -> Iterator[Case]:
    for count in (1, 2):
        for window in (1, 32):
            for plane in PLANES:
                load = fan_out(10_000, "--size", "128", "--window", str(window))
                yield Case("shards", (str(count), str(window)), plane, load, count)


def storms() -> Iterator[Case]:
    for plane, count in (("io_uring", 100_000), ("epoll", 9_000), ("io_uring", 9_000)):
        load = ("storm", "--connections", str(count), "--survivors", "100")
        load += ("--backoff", "none", "--connect-rate", "20000")
        yield Case("storm", (f"{count:,}",), plane, load, publishes_by_http=True)


PARTS = (
    Part(
        "subscribers",
        "Subscribers of one channel, 128 B",
        ("subscribers", "in flight"),
        (CPU, RATE, *LATENCIES),
        subscribers,
    ),
    Part("sizes", "Sizes, 1,000 subscribers of one channel", ("bytes", "in flight"), (CPU, RATE, *LATENCIES), sizes),
    Part(
        "channels",
        "Many channels, 10,000 subscribers, one HTTP request for each publication",
        ("channels x subscribers", "publications per second", "shards"),
        (CPU, CPU_PER_PUBLICATION, WAKE_UPS, *LATENCIES),
        channels,
    ),
    Part(
        "notify",
        f"One HTTP publication for one of {NOTIFIED:,} subscribers, server and load tool on the same two cores",
        ("publications", "shards"),
        (
            CPU_PER_PUBLICATION,
            figure("publications per second", "/s", "Publications", "per second"),
            WAKE_UPS,
            *LATENCIES[:3],
            latency("answer, p50 (ms)", "publication acknowledged", "p50"),
        ),
        notify,
        against_one_shard=True,
    ),
    Part(
        "unsent",
        "TCP_NOTSENT_LOWAT and large messages, 100 subscribers, 2 in flight",
        ("bytes", "`notsent_lowat_bytes`"),
        (CPU, RATE, *LATENCIES),
        unsent_limits,
    ),
    Part(
        "shards",
        "Shards, 10,000 subscribers of one channel, 128 B, server and load tool on the same two cores",
        ("shards", "in flight"),
        (CPU, RATE, WAKE_UPS, *LATENCIES),
        shards,
    ),
    Part(
        "storm",
        "Everyone drops at once and comes back without waiting; 100 survivors get 100 messages a second",
        ("dropped",),
        (
            figure("95 % back after (s)", "s", "Storm", "95 % back after"),
            figure("100 % back after (s)", "s", "Storm", "100 % back after"),
            latency("survivors before, p99 (ms)", "survivors, before the drop", "p99"),
            latency("survivors meanwhile, p50 (ms)", "survivors, until all are back", "p50"),
            latency("survivors meanwhile, p99 (ms)", "survivors, until all are back", "p99"),
        ),
        storms,
    ),
)
