"""python3 -m strangers --public HOST:PORT --internal HOST:PORT --pid PID --key KEY [--seconds N]

Called by `scripts/strangers.sh`, which starts the server. Exit status 0 when the server lived, honest
clients lost nothing, and what the stranger made it take has come back; 1 otherwise.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Callable

from .backend import Backend
from .base import BUSY_WHILE_WAITING_S_MAX, GROWN_MIB_MAX, Base, settle
from .crowd import Crowd
from .floods import Floods
from .frames import Frames
from .honest import Honest
from .mutate import Mutator
from .requests import Requests
from .watch import Ill, Pace, Sample, Watch

# Not that of the honest clients: one client address, as limits count them.
SOURCE = "127.0.0.66"


class Stranger:
    """Every attack there is, one after the other in random order."""

    def __init__(self, options: argparse.Namespace, rng: random.Random):
        host, public = address(options.public)
        _, internal = address(options.internal)
        self.rng = rng
        self.crowd = Crowd(rng, SOURCE, host)
        mutator = Mutator(rng)
        requests = Requests(self.crowd, mutator, public)
        frames = Frames(self.crowd, mutator, public)
        backend = Backend(self.crowd, mutator, internal, options.key)
        floods = Floods(self.crowd, mutator, frames, backend, public)
        self.attacks: list[Callable[[], None]] = [
            *[requests.damaged] * 8, *[requests.positions_in] * 6, requests.answers_unread,
            *[frames.damaged] * 8, frames.without_end, frames.dripped, frames.pings,
            *backend.all(), *floods.all(),
        ]  # fmt: skip
        self.counts: Counter[str] = Counter()

    def attack(self) -> None:
        attack = self.rng.choice(self.attacks)
        attack()
        self.counts[f"{type(attack.__self__).__name__}.{attack.__name__}"] += 1
        self.crowd.tidy()

    def describe(self) -> str:
        crowd = "  ".join(f"{what} {count:,}" for what, count in sorted(self.crowd.counts.items()))
        kinds = "  ".join(f"{what} {count:,}" for what, count in sorted(self.counts.items()))
        return f"stranger: {crowd}\nattacks: {kinds}"


class Run:
    """A warm-up, the base, the attacks, and the look at the end."""

    def __init__(self, options: argparse.Namespace):
        self.options = options
        self.watch = Watch(options.pid, address(options.public), address(options.internal), options.key)
        self.honest = Honest(address(options.public), address(options.internal), options.key)
        self.stranger = Stranger(options, random.Random(options.seed))
        self.pace = Pace(self.watch, options.share)
        self.began = time.monotonic()
        self.faults: list[str] = []

    def say(self, words: object) -> None:
        print(f"{time.monotonic() - self.began:6.0f} s  {words}", flush=True)

    def attack(self, seconds: float) -> None:
        """Attacks for so long, and says each minute what the server takes."""
        began = time.monotonic()
        next_line = began + self.options.every
        while time.monotonic() < began + seconds:
            self.stranger.attack()
            self.watch.alive()
            self.pace.wait()
            if self.honest.failure:
                raise Ill(self.honest.failure)
            if time.monotonic() >= next_line:
                next_line += self.options.every
                self.say(self.watch.sample())
        self.stranger.crowd.leave()

    def go(self) -> None:
        options = self.options
        self.honest.start()
        self.attack(options.warm_up)
        base = Base(settle(self.watch, options.held, None), options.grown_mib)
        self.say(f"{base.sample}  base")
        for n in range(options.rounds):
            self.attack(options.seconds / options.rounds)
            self.say(f"{self.watch.sample()}  the stranger has gone")
            end = settle(self.watch, options.held, base)
            self.say(f"{end}  quiet after round {n + 1} of {options.rounds}")
        self.faults += [f"not back to base: {words}" for words in base.beyond(end)]
        if self.pace.busiest_wait_s > BUSY_WHILE_WAITING_S_MAX:
            self.faults.append(f"the server used {self.pace.busiest_wait_s:.1f} s while nothing was sent")
        self.conclude(base, end)

    def conclude(self, base: Base, end: Sample) -> None:
        slowest = "  ".join(f"{name} {s * 1000:.0f} ms" for name, s in self.watch.slowest_s.items())
        print(
            f"RSS {base.sample.resident_mib:.1f} MiB at base, {end.peak_mib:.1f} MiB at most,"
            f" {end.resident_mib:.1f} MiB at the end, where {base.resident_max():.1f} MiB are allowed"
            f"\nslowest /health: {slowest}; processor while nothing was sent: at most"
            f" {self.pace.busiest_wait_s:.2f} s"
        )

    def failed(self) -> bool:
        try:
            self.go()
        except Ill as ill:
            self.faults.append(str(ill))
        finally:
            self.stranger.crowd.leave()
            self.honest.finish()
        self.faults += self.honest.faults()
        print(f"{self.stranger.describe()}\n{self.honest.describe()}", flush=True)
        for fault in self.faults:
            print(f"  fault: {fault}", file=sys.stderr)
        return bool(self.faults)


def address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="strangers")
    parser.add_argument("--public", required=True, help="HOST:PORT of the public listener")
    parser.add_argument("--internal", required=True, help="HOST:PORT of the internal API")
    parser.add_argument("--pid", type=int, required=True, help="process of the server")
    parser.add_argument("--key", required=True, help="API key of the server")
    parser.add_argument("--seconds", type=float, default=1_800, help="how long to attack")
    parser.add_argument("--rounds", type=int, default=6, help="with a look at the base after each")
    parser.add_argument("--warm-up", type=float, default=180, help="how long to attack before the base")
    parser.add_argument("--held", type=float, default=90, help="what timeouts hold is over after so long")
    parser.add_argument("--grown-mib", type=float, default=GROWN_MIB_MAX, help="of memory that may stay")
    parser.add_argument("--every", type=float, default=60, help="seconds between two lines")
    parser.add_argument("--share", type=float, default=0.15, help="of a core, for stranger and server")
    parser.add_argument("--seed", type=int, default=1, help="of everything that is random")
    return parser.parse_args()


def main() -> int:
    try:
        return 1 if Run(options()).failed() else 0
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
