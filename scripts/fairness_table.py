#!/usr/bin/env python3
"""Prints the tables of `publish_fairness.sh` and `backend_failures.sh`: fairness_table.py FOLDER KIND=TITLE...,
with KIND.ROUND.json (the subscribers) and KIND.ROUND.did (what beside them was done) in the folder. The first
kind is what all others are compared with."""

import json
import pathlib
import statistics
import sys

from networks_table import EACH, figure, percentile_ms

PERCENTILES = ["p50", "p90", "p99", "p999"]
GOAL = 1.10

Rounds = dict[int, dict]


def records(folder: pathlib.Path, kind: str, suffix: str) -> Rounds:
    """By round. A program that was ended before it said anything left nothing."""
    found = {}
    for path in sorted(folder.glob(f"{kind}.*.{suffix}")):
        lines = path.read_text().removeprefix("attacking\n")
        if lines.strip():
            found[int(path.suffixes[0][1:])] = json.loads(lines)
    return found


def passed(rounds: Rounds) -> Rounds:
    return {number: record for number, record in rounds.items() if record["verdict"] == "passed"}


def ratios(rounds: Rounds, compared: Rounds) -> list[float]:
    """p99 against that of the first kind in the same round."""
    both = sorted(rounds.keys() & compared.keys())
    return [p99_ms(rounds[number]) / p99_ms(compared[number]) for number in both]


def p99_ms(record: dict) -> float:
    return percentile_ms(record, EACH, "p99")


def row(title: str, rounds: Rounds, compared: Rounds | None) -> str:
    good = passed(rounds)
    if not good:
        return f"| {title} | no run passed | | | | | | |"
    cells = [
        f"{statistics.median(percentile_ms(record, EACH, name) for record in good.values()):.2f}"
        for name in PERCENTILES
    ]
    cells.append(" ".join(f"{p99_ms(record):.2f}" for record in good.values()))
    found = ratios(good, passed(compared)) if compared is not None else []
    if found:
        ratio = statistics.median(found)
        verdict = "yes" if ratio <= GOAL else "**no**"
        cells += [f"{ratio:.2f} ({min(found):.2f} to {max(found):.2f})", verdict]
    else:
        cells += ["", ""]
    if len(good) < len(rounds):
        cells[-1] += f" {len(good)} of {len(rounds)} runs passed"
    return f"| {title} | {' | '.join(cells)} |"


def did(record: dict) -> str:
    """What was done in a round: the counts of an attacker, or a record of the load tool."""
    if "summary" not in record:
        return ", ".join(f"{count:,} {name}" for name, count in record.items())
    sent = [line["value"] for line in record["summary"] if line["name"] == "sent"]
    per_s = [line["value"] for line in record["summary"] if line["name"] == "per second"]
    return f"{sent[0]:,.0f} publications, {per_s[0]:,.0f} a second"


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    titles = dict(argument.split("=", 1) for argument in sys.argv[2:])
    first = next(iter(titles))
    compared = records(folder, first, "json")
    each = f"p99 of each round | p99, x {titles[first]} | <= {GOAL:.2f} |"
    print(f"| delivery | p50 ms | p90 ms | p99 ms | p99.9 ms | {each}")
    print("|---|---|---|---|---|---|---|---|")
    for kind, title in titles.items():
        print(row(title, records(folder, kind, "json"), None if kind == first else compared))
    print("\n| beside | CPU of the server, cores | what was done in each round |\n|---|---|---|")
    for kind, title in titles.items():
        cores = " ".join(
            f"{figure(record, 'server, all threads'):.2f}" for record in records(folder, kind, "json").values()
        )
        done = "; ".join(did(record) for record in records(folder, kind, "did").values())
        print(f"| {title} | {cores} | {done} |")


if __name__ == "__main__":
    main()
