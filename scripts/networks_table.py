#!/usr/bin/env python3
"""Prints the table of `networks.sh`: networks_table.py FOLDER, with NETWORK.PLANE.ROUND.json in it."""

import json
import pathlib
import statistics
import sys

NETWORKS = ["loopback", "rps", "veth", "shaped"]
PLANES = ["io_uring", "epoll"]

EACH = "delivery to each subscriber"
LAST = "delivery to the last subscriber"


def figure(record: dict, name: str) -> float:
    """A line of the load tool's summary."""
    found = [line["value"] for line in record["summary"] if line["name"] == name]
    assert len(found) == 1, f"{len(found)} lines '{name}'"
    return found[0]


def percentile_ms(record: dict, of: str, percentile: str) -> float:
    (latency,) = [latency for latency in record["latencies"] if latency["name"] == of]
    return latency[f"{percentile}_us"] / 1_000


def columns(record: dict) -> list[float]:
    return [
        figure(record, "server, per message received by us"),
        percentile_ms(record, EACH, "p50"),
        percentile_ms(record, EACH, "p99"),
        percentile_ms(record, EACH, "p999"),
        percentile_ms(record, LAST, "p50"),
        percentile_ms(record, LAST, "p99"),
    ]


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    print(
        "| network | plane | server CPU us/delivery (all rounds)"
        " | p50 ms | p99 ms | p99.9 ms | last, p50 ms | last, p99 ms |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for network in NETWORKS:
        for plane in PLANES:
            paths = sorted(folder.glob(f"{network}.{plane}.*.json"))
            rounds = [columns(json.loads(path.read_text())) for path in paths]
            cpu, *latencies = (statistics.median(values) for values in zip(*rounds, strict=True))
            all_cpu = " ".join(f"{values[0]:.2f}" for values in rounds)
            cells = [f"{cpu:.2f} ({all_cpu})", *(f"{value:.1f}" for value in latencies)]
            print(f"| {network} | {plane} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
