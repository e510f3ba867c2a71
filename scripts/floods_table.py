#!/usr/bin/env python3
"""Prints the table of `floods.sh`: floods_table.py FOLDER HONEST, with KIND.ROUND.json (the honest clients) and
KIND.ROUND.did (the stranger) in it. What the HONEST clients take when they are alone is taken away."""

import pathlib
import statistics
import sys

from fairness_table import p99_ms, passed, ratios, records
from networks_table import figure

ALONE = "alone"
CPU = "server, all threads"
# In the order of the script.
TITLES = {
    "connects": "connections that come and go",
    "silent": "silent connections",
    "half-heads": "half heads",
    "slow-heads": "heads, a byte at a time",
    "joins": "WebSockets to names that nobody used",
    "polls": "polls in pipelines, to names that nobody used",
    "messages": "messages where nobody may publish",
    "half-messages": "messages, a byte at a time",
    "publications": "publications as fast as it can",
    "pings": "pings, no answer read",
    "unread": "large answers, nothing read",
    "trickle": "large answers, a little read now and then",
}


def most(did: dict, name: str) -> float:
    return max((record[name] for record in did.values()), default=0)


def row(title: str, rounds: dict, did: dict, alone: dict, taken: dict[str, float]) -> str:
    """One flood: the most of all rounds, and the honest clients' p99 in the middle one."""
    good = passed(rounds)
    if not good or not did:
        return f"| {title} | no run passed | | | | |"
    cores = statistics.median(figure(record, CPU) for record in rounds.values())
    # What the load tool asks of the server differs a little from run to run.
    cores = max(0.0, cores - statistics.median(figure(record, CPU) for record in alone.values()))
    slots, memory_mib = (max(0, most(did, name) - taken[name]) for name in ("slots", "memory MiB"))
    found = statistics.median(ratios(good, passed(alone)))
    p99 = statistics.median(p99_ms(record) for record in good.values())
    refused: dict[str, int] = {}
    for record in did.values():
        for name, count in record["refused"].items():
            refused[name] = refused.get(name, 0) + count
    said = ", ".join(f"`{name}` {count:,}" for name, count in sorted(refused.items())) or "nothing"
    return f"| {title} | {slots:,} | {memory_mib:.1f} | {cores:.2f} | {p99:.2f} ({found:.2f} x) | {said} |"


def main() -> None:
    folder, honest = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    alone = records(folder, ALONE, "json")
    taken = {"slots": honest, "memory MiB": most(records(folder, ALONE, "did"), "memory MiB")}
    quiet = passed(alone)
    if not quiet:
        sys.exit("the honest clients alone did not pass")
    print(f"Alone: p99 {statistics.median(p99_ms(record) for record in quiet.values()):.2f} ms\n")
    print("| flood | slots | memory MiB | CPU, cores | honest p99 ms (x alone) | what was refused |")
    print("|---|---|---|---|---|---|")
    for kind, title in TITLES.items():
        rounds = records(folder, kind, "json")
        if rounds:
            print(row(title, rounds, records(folder, kind, "did"), alone, taken))


if __name__ == "__main__":
    main()
