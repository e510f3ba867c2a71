#!/usr/bin/env python3
"""Prints the tables of `slow_readers.sh`: slow_readers_table.py FOLDER, with MODE.ROUND.json in it."""

import json
import pathlib
import statistics
import sys

from networks_table import EACH, percentile_ms

PERCENTILES = ["p50", "p90", "p99", "p999"]
COSTS = ["closed by the server", "kernel TCP buffers, growth", "server resident (RSS), growth"]
GOAL = 1.10


def records(folder: pathlib.Path, mode: str) -> list[dict]:
    return [json.loads(path.read_text()) for path in sorted(folder.glob(f"{mode}.*.json"))]


def medians(rounds: list[dict]) -> dict[str, float]:
    return {
        name: statistics.median(percentile_ms(record, EACH, name) for record in rounds)
        for name in PERCENTILES
    }


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    alone, beside = records(folder, "fanout"), records(folder, "slow")
    print("| delivery to the readers | p50 ms | p90 ms | p99 ms | p99.9 ms | p99 of each round |")
    print("|---|---|---|---|---|---|")
    for title, rounds in [("alone", alone), ("beside a tenth that does not read", beside)]:
        values = medians(rounds)
        each = " ".join(f"{percentile_ms(record, EACH, 'p99'):.0f}" for record in rounds)
        cells = [f"{values[name]:.1f}" for name in PERCENTILES]
        print(f"| {title} | {' | '.join(cells)} | {each} |")
    ratio = medians(beside)["p99"] / medians(alone)["p99"]
    print(f"\np99 beside / alone: {ratio:.2f} (goal: at most {GOAL:.2f}, "
          f"{'reached' if ratio <= GOAL else 'missed'})\n")
    print("| what the slow ones cost | each round |\n|---|---|")
    for name in COSTS:
        print(f"| {name} | {', '.join(shown(record, name) for record in beside)} |")


def shown(record: dict, name: str) -> str:
    """A line of the summary's part on the slow ones; bytes as MiB."""
    (value,) = [
        line["value"]
        for line in record["summary"]
        if line["group"] == "Slow" and line["name"] == name
    ]
    return f"{value:,.0f}" if "growth" not in name else f"{value / (1 << 20):,.1f} MiB"


if __name__ == "__main__":
    main()
