"""The order of the runs: rounds, and in each of them every scenario with every server in turn."""

import random
from collections.abc import Iterator, Sequence

from .scenarios import Scenario
from .servers import Server


def plan(
    scenarios: Sequence[Scenario], servers: Sequence[Server], rounds: int, seed: int
) -> Iterator[tuple[int, Scenario, Server]]:
    """Servers change places from round to round, so that none always has the quiet or the busy hour."""
    shuffler = random.Random(seed)
    for round_ in range(1, rounds + 1):
        for scenario in scenarios:
            able = [server for server in servers if server.can(scenario)]
            shuffler.shuffle(able)
            for server in able:
                yield round_, scenario, server
