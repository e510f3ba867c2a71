"""The runs of a comparison, kept as JSON, and what follows from them."""

import dataclasses
import json
import pathlib
import statistics
from collections.abc import Iterable
from typing import Any

from .run import Run
from .scenarios import Above, Budget, Measure, Scenario, Times


@dataclasses.dataclass(frozen=True)
class Named:
    """A server as the results know it."""

    name: str
    title: str
    ours: bool
    version: str


@dataclasses.dataclass(frozen=True)
class Spread:
    """Several rounds of one figure."""

    median: float
    low: float
    high: float
    count: int


@dataclasses.dataclass(frozen=True)
class Verdict:
    """A budget held against what one server did."""

    budget: Budget
    # For a multiple of the best peer: round by round, so that a slow hour of the machine is in both.
    value: Spread
    best_peer: Named | None
    reached: bool


@dataclasses.dataclass
class Results:
    # What a reader must know before comparing: machine, commit, command, seed, rounds, cores.
    context: dict[str, Any]
    servers: list[Named]
    runs: list[Run]

    @classmethod
    def load(cls, path: pathlib.Path) -> "Results":
        raw = json.loads(path.read_text())
        return cls(raw["context"], [Named(**one) for one in raw["servers"]], [Run(**one) for one in raw["runs"]])

    def save(self, path: pathlib.Path) -> None:
        path.write_text(json.dumps(dataclasses.asdict(self), indent=1) + "\n")

    @property
    def networks(self) -> list[str]:
        return list(dict.fromkeys(run.network for run in self.runs))

    def of(self, network: str, scenario: str, server: str) -> list[Run]:
        wanted = (network, scenario, server)
        return [run for run in self.runs if (run.network, run.scenario, run.server) == wanted]

    def by_round(self, network: str, scenario: str, server: str, key: str) -> dict[int, float]:
        """A figure in each round that passed. A run that lost anything counts nowhere."""
        runs = self.of(network, scenario, server)
        return {run.round: run.figures[key] for run in runs if run.passed and key in run.figures}

    def spread(self, network: str, scenario: str, server: str, key: str) -> Spread | None:
        return spread(self.by_round(network, scenario, server, key).values())

    def best_peer(self, network: str, scenario: str, measure: Measure) -> Named | None:
        """The best of the servers that are not ours, by its median."""
        medians = {
            peer.name: found.median
            for peer in self.servers
            if not peer.ours and (found := self.spread(network, scenario, peer.name, measure.key))
        }
        if not medians:
            return None
        choose = max if measure.higher_is_better else min
        best = choose(medians, key=lambda name: medians[name])
        return next(peer for peer in self.servers if peer.name == best)

    def ratio(self, network: str, scenario: str, measure: Measure, server: str) -> Spread | None:
        """Against the best peer, in the rounds that both passed."""
        best = self.best_peer(network, scenario, measure)
        if best is None:
            return None
        theirs = self.by_round(network, scenario, best.name, measure.key)
        ours = self.by_round(network, scenario, server, measure.key)
        return spread(ours[round_] / theirs[round_] for round_ in ours if theirs.get(round_))

    def more(self, network: str, scenario: str, measure: Measure, server: str, above: Above) -> Spread | None:
        """How much more it is than another scenario took, in the rounds in which both passed."""
        floor = self.by_round(network, above.scenario, server, above.measure)
        ours = self.by_round(network, scenario, server, measure.key)
        return spread(ours[round_] - floor[round_] for round_ in ours if round_ in floor)

    def times(self, network: str, scenario: str, measure: Measure, server: str, times: Times) -> Spread | None:
        """How many times it is what another scenario took, in the rounds in which both passed."""
        floor = self.by_round(network, times.scenario, server, times.measure)
        ours = self.by_round(network, scenario, server, measure.key)
        return spread(ours[round_] / floor[round_] for round_ in ours if floor.get(round_))

    def goal(self, network: str, scenario: Scenario, budget: Budget) -> float | None:
        """A budget as a figure of its measure, where that is one for all rounds."""
        if budget.times_best_peer is None:
            return budget.at_least if budget.at_most is None else budget.at_most
        best = self.best_peer(network, scenario.name, scenario.measure(budget.measure))
        found = best and self.spread(network, scenario.name, best.name, budget.measure)
        return found and found.median * budget.times_best_peer

    def verdict(self, network: str, scenario: Scenario, budget: Budget, server: str) -> Verdict | None:
        measure = scenario.measure(budget.measure)
        if budget.at_most is not None:
            value = self.spread(network, scenario.name, server, measure.key)
            return value and Verdict(budget, value, None, value.median <= budget.at_most)
        if budget.at_least is not None:
            value = self.spread(network, scenario.name, server, measure.key)
            return value and Verdict(budget, value, None, value.median >= budget.at_least)
        if budget.above is not None:
            more = self.more(network, scenario.name, measure, server, budget.above)
            return more and Verdict(budget, more, None, more.median <= budget.above.more)
        if budget.times is not None:
            times = self.times(network, scenario.name, measure, server, budget.times)
            return times and Verdict(budget, times, None, times.median <= budget.times.times)
        ratio = self.ratio(network, scenario.name, measure, server)
        if ratio is None or budget.times_best_peer is None:
            return None
        best = self.best_peer(network, scenario.name, measure)
        if measure.higher_is_better:
            return Verdict(budget, ratio, best, ratio.median >= budget.times_best_peer)
        return Verdict(budget, ratio, best, ratio.median <= budget.times_best_peer)


def spread(values: Iterable[float]) -> Spread | None:
    found = list(values)
    if not found:
        return None
    return Spread(statistics.median(found), min(found), max(found), len(found))
