"""python3 -m soak --public HOST:PORT --internal HOST:PORT --pid PID [--seconds N] [--clients N]

Called by `scripts/soak.sh`, which starts the server. Exit status 0 when every client got exactly the
sequence from where it began to the last publication, 1 otherwise.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import pathlib
import random
import sys
import time

from .account import FAULTS, Account, Broken, Tally
from .listeners import Client, Habits, Listener
from .publisher import Publisher
from .ways import WAYS

PROGRESS_S = 10
CATCH_UP_WITHIN_S = 60
# After the last one came, so that a second copy would be seen too.
SETTLE_S = 3
COLUMNS = ["clients", "reconnects", "deliveries", *FAULTS, "requests", "empty"]


class Server:
    """What the server's process takes, from /proc."""

    def __init__(self, pid: int):
        self.path = pathlib.Path(f"/proc/{pid}")
        self.at, self.used_s = time.monotonic(), self.cpu_s()

    def cpu_s(self) -> float:
        fields = (self.path / "stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mib(self) -> float:
        for line in (self.path / "status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        raise Broken("the server is gone")

    def cpu_percent(self) -> float:
        """Of one core, since this was asked last."""
        now, used_s = time.monotonic(), self.cpu_s()
        percent = 100 * (used_s - self.used_s) / (now - self.at)
        self.at, self.used_s = now, used_s
        return percent


class Soak:
    """One run."""

    def __init__(self, options: argparse.Namespace):
        self.options = options
        self.server = Server(options.pid)
        self.tallies: dict[str, Tally] = {way.name: Tally() for way in WAYS}
        channels = [f"soak:{n}" for n in range(options.channels)]
        self.publisher = Publisher(*address(options.internal), channels, options.rate)
        self.habits = Habits(*address(options.public), options.visit, options.away)
        self.listeners: list[Listener] = []
        self.on_the_line = 0
        self.memory_mib: list[float] = []
        self.cpu_percents: list[float] = []

    def client(self, n: int) -> Client:
        way = WAYS[n % len(WAYS)]
        tally = self.tallies[way.name]
        tally.clients += 1
        # Most listen to one channel, some to two or three.
        count = random.choices([1, 2, 3], [70, 20, 10])[0]
        names = random.sample(list(self.publisher.last), min(count, len(self.publisher.last)))
        listener = way(Account(f"{way.name} {n}", names, tally), self.options.interval)
        self.listeners.append(listener)

        def is_on_the_line(change: int) -> None:
            self.on_the_line += change

        return Client(listener, self.habits, is_on_the_line)

    def total(self, what: str) -> int:
        return sum(tally.counts[what] for tally in self.tallies.values())

    def owed(self) -> int:
        return sum(listener.account.behind(self.publisher.last) for listener in self.listeners)

    async def run(self) -> None:
        clients = [self.client(n) for n in range(self.options.clients)]
        spread_s = min(5.0, self.options.seconds / 10)
        living = [asyncio.create_task(c.live(random.uniform(0, spread_s))) for c in clients]
        progress = asyncio.create_task(self.report())
        try:
            await self.publisher.run(self.options.seconds)
            await self.catch_up()
        finally:
            for task in [*living, progress]:
                task.cancel()
            ends = await asyncio.gather(*living, progress, return_exceptions=True)
            self.count_crashes(ends)

    def count_crashes(self, ends: list) -> None:
        """A client of ours that died of a fault of its own would hide one of the server."""
        for end in ends:
            if isinstance(end, Exception):
                self.tallies[WAYS[0].name].fault("errors", f"the client itself: {end!r}")

    async def catch_up(self) -> None:
        """Until everybody has everything. What is owed after that is lost."""
        deadline = time.monotonic() + CATCH_UP_WITHIN_S
        while self.owed() and time.monotonic() < deadline:
            await asyncio.sleep(0.2)
        await asyncio.sleep(SETTLE_S)
        for listener in self.listeners:
            account = listener.account
            if owed := account.behind(self.publisher.last):
                words = f"{account.who}: {owed} after {account.position()}"
                account.tally.fault("lost", words, owed)
            if not account.epochs:
                account.tally.fault("errors", f"{account.who} never heard where it begins")

    async def report(self) -> None:
        began = time.monotonic()
        while True:
            await asyncio.sleep(PROGRESS_S)
            self.cpu_percents.append(self.server.cpu_percent())
            self.memory_mib.append(self.server.memory_mib())
            faults = "  ".join(f"{what} {self.total(what):,}" for what in FAULTS)
            print(
                f"{time.monotonic() - began:6.0f} s  connected {self.on_the_line:,}"
                f"  published {self.publisher.published:,}  delivered {self.total('deliveries'):,}"
                f"  reconnects {self.total('reconnects'):,}  {faults}"
                f"  server {self.cpu_percents[-1]:.0f} % of a core, {self.memory_mib[-1]:.1f} MiB",
                flush=True,
            )

    def print_table(self) -> None:
        rows = [[name, f"{t.clients:,}", *(f"{t.counts[c]:,}" for c in COLUMNS[1:])]
                for name, t in self.tallies.items()]  # fmt: skip
        total = [f"{self.options.clients:,}", *(f"{self.total(c):,}" for c in COLUMNS[1:])]
        print(f"\n| way | {' | '.join(COLUMNS)} |")
        print("|---|" + "---|" * len(COLUMNS))
        for row in [*rows, ["all", *total]]:
            print(f"| {' | '.join(row)} |")
        if self.memory_mib:
            print(
                f"\nserver: {sum(self.cpu_percents) / len(self.cpu_percents):.0f} % of a core on"
                f" average, {self.memory_mib[0]:.1f} MiB at first, {max(self.memory_mib):.1f} MiB at"
                f" most, {self.memory_mib[-1]:.1f} MiB at the end"
            )
        print(f"published: {self.publisher.published:,} in {len(self.publisher.last)} channels,"
              f" at most {self.publisher.late_s_max * 1000:.0f} ms late")  # fmt: skip

    def failed(self) -> bool:
        for tally in self.tallies.values():
            for example in tally.examples:
                print(f"  {example}", file=sys.stderr)
        return any(self.total(what) for what in FAULTS) or not self.total("deliveries")


def address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host, int(port)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="soak")
    parser.add_argument("--public", required=True, help="HOST:PORT of the public listener")
    parser.add_argument("--internal", required=True, help="HOST:PORT of the internal API")
    parser.add_argument("--pid", type=int, required=True, help="process of the server")
    parser.add_argument("--seconds", type=float, default=600, help="how long to publish")
    parser.add_argument("--clients", type=int, default=2_000, help="a fifth of them in each way")
    parser.add_argument("--channels", type=int, default=20)
    parser.add_argument("--rate", type=float, default=25, help="publications a second, in all")
    parser.add_argument("--interval", type=float, default=1, help="of interval polls, in seconds")
    parser.add_argument("--visit", type=float, default=20, help="mean of a visit, in seconds")
    parser.add_argument("--away", type=float, default=1.5, help="mean of an absence, in seconds")
    return parser.parse_args()


def main() -> int:
    soak = Soak(options())
    try:
        asyncio.run(soak.run())
    except KeyboardInterrupt:
        soak.print_table()
        return 130
    except (Broken, OSError, EOFError) as error:
        print(f"soak: publishing failed: {error!r}", file=sys.stderr)
        soak.print_table()
        return 1
    soak.print_table()
    return 1 if soak.failed() else 0


if __name__ == "__main__":
    sys.exit(main())
