"""python3 -m cluster_soak --switchboard PROGRAM --nats PROGRAM [--seconds N] [--channels N] [--readers N] [--rate R]

Called by `scripts/cluster_soak.sh`. Exit status 0 when every reader got every acknowledged message once, in order,
at the same position as all others; 1 otherwise.
"""

from __future__ import annotations

import argparse
import asyncio
import pathlib
import random
import sys
import tempfile
import time
from collections import Counter

from .processes import Process, start_cluster
from .traffic import Publisher, Reader

PROGRESS_S = 10
CATCH_UP_WITHIN_S = 60
# Between two faults: twice what NATS needs for another leader.
PAUSE_S = (8.0, 15.0)
LASTS_S = (1.0, 8.0)


class Soak:
    """One run."""

    def __init__(self, options: argparse.Namespace, folder: pathlib.Path):
        self.options = options
        self.nats, self.nodes = start_cluster(options.switchboard, options.nats, options.option, folder)
        channels = [f"c{number}" for number in range(options.channels)]
        self.publishers = [Publisher(name, self.nodes, options.rate / len(channels)) for name in channels]
        self.readers = [Reader(channels[n % len(channels)], self.nodes) for n in range(options.readers)]
        self.inflicted: Counter[str] = Counter()
        self.is_over = False

    async def run(self) -> bool:
        for node in self.nodes:
            await node.wait_until_ready()
        print(f"{len(self.nats)} NATS servers and {len(self.nodes)} nodes are ready", flush=True)
        readers = [asyncio.create_task(reader.run(lambda: self.is_over)) for reader in self.readers]
        publishers = [asyncio.create_task(one.run(self.options.seconds)) for one in self.publishers]
        faults = asyncio.create_task(self.inflict())
        progress = asyncio.create_task(self.tell())
        await asyncio.gather(*publishers)
        faults.cancel()
        await asyncio.gather(faults, return_exceptions=True)
        await self.catch_up()
        self.is_over = True
        for task in [progress, *readers]:
            task.cancel()
        results = await asyncio.gather(progress, *readers, return_exceptions=True)
        broken = [one for one in results if isinstance(one, Exception)]
        return self.judge(broken)

    async def inflict(self) -> None:
        """One fault after the other: never two at a time, for two of three replicas are needed."""
        while True:
            await asyncio.sleep(random.uniform(*PAUSE_S))
            victim: Process = random.choice([*self.nats, *self.nodes])
            kills = random.random() < 0.6
            self.inflicted[f"{'killed' if kills else 'frozen'} {victim.name.split('-')[0]}"] += 1
            try:
                victim.kill() if kills else victim.freeze()
                await asyncio.sleep(random.uniform(*LASTS_S))
            finally:
                victim.start() if kills else victim.thaw()
            for node in self.nodes:
                await node.wait_until_ready()

    async def catch_up(self) -> None:
        """Waits until all readers have all that was acknowledged."""
        last = {one.channel: one.acknowledged for one in self.publishers}
        deadline = time.monotonic() + CATCH_UP_WITHIN_S
        while time.monotonic() < deadline and any(one.last < last[one.channel] for one in self.readers):
            await asyncio.sleep(0.2)
        await asyncio.sleep(1)

    async def tell(self) -> None:
        while True:
            await asyncio.sleep(PROGRESS_S)
            acknowledged = sum(one.acknowledged for one in self.publishers)
            print(f"{acknowledged:,} acknowledged, faults: {dict(self.inflicted)}", flush=True)

    def judge(self, broken: list[Exception]) -> bool:
        last = {one.channel: one.acknowledged for one in self.publishers}
        faults: Counter[str] = Counter()
        for reader in self.readers:
            faults.update(reader.faults)
            if reader.last < last[reader.channel]:
                faults["lost"] += last[reader.channel] - reader.last
        places: dict[tuple[str, int], str] = {}
        for reader in self.readers:
            for number, position in reader.positions.items():
                if places.setdefault((reader.channel, number), position) != position:
                    faults["places"] += 1
        stall_s = max(one.stall_s_max for one in self.publishers)
        retries = sum(one.retries for one in self.publishers)
        delivered, visits = sum(len(one.positions) for one in self.readers), sum(one.visits for one in self.readers)
        print(f"acknowledged {sum(last.values()):,}, tried again {retries:,}, longest stall {stall_s:.1f} s")
        print(f"delivered {delivered:,} in {visits:,} visits")
        print(f"inflicted: {dict(self.inflicted)}")
        print(f"faults: {dict(faults) or 'none'}")
        for example in [*[words for one in self.readers for words in one.examples][:10], *broken[:3]]:
            print(f"  {example!r}")
        return not faults and not broken

    def stop(self) -> None:
        for process in [*self.nodes, *self.nats]:
            process.kill()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--switchboard", required=True)
    parser.add_argument("--nats", required=True)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--channels", type=int, default=20)
    parser.add_argument("--readers", type=int, default=120)
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--option", action="append", default=[])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(options, pathlib.Path(folder))
        try:
            return 0 if asyncio.run(soak.run()) else 1
        finally:
            soak.stop()


if __name__ == "__main__":
    sys.exit(main())
