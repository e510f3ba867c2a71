#!/usr/bin/env python3
"""Prints what `c10k.sh` measured, the planes side by side: c10k_table.py FOLDER PLANE...

FOLDER/PLANE/idle and FOLDER/PLANE/fanout are reports of the load tool. A run that left none is shown
as `-`.
"""

import json
import pathlib
import sys

# Label, run, group and name of a figure, and what turns its value into text.
FIGURES = [
    ("connections", "idle", "Connections", "connected", "{:,.0f}".format),
    ("dropped while held", "idle", "Connections", "dropped", "{:,.0f}".format),
    ("connects", "idle", "Connections", "connects per second", "{:,.0f} /s".format),
    ("user memory of a connection", "idle", "Memory", "server private dirty, per connection", "{:,.0f} B".format),
    ("kernel memory of a connection, both ends", "idle", "Memory", "kernel slab, both ends, per connection",
     "{:,.0f} B".format),
    ("deliveries", "fanout", "Deliveries", "delivered", "{:,.0f}".format),
    ("lost", "fanout", "Verification", "lost", "{:,.0f}".format),
    ("server CPU of a delivery", "fanout", "CPU", "server, per message received by us", "{:.2f} us".format),
]  # fmt: skip
PERCENTILES = [("delivery, p50", "p50_us"), ("delivery, p99", "p99_us")]
EACH = "delivery to each subscriber"


def record(folder: pathlib.Path) -> dict | None:
    """The record of a run, if it left one."""
    file = folder / "record.json"
    return json.loads(file.read_text()) if file.exists() else None


def figure(run: dict | None, group: str, name: str, shown) -> str:
    """A figure of a run as text."""
    found = [f["value"] for f in (run or {}).get("summary", []) if (f["group"], f["name"]) == (group, name)]
    return shown(found[0]) if found else "-"


def percentile(run: dict | None, name: str) -> str:
    """A percentile of the deliveries of a run as text."""
    found = [latency[name] for latency in (run or {}).get("latencies", []) if latency["name"] == EACH]
    return f"{found[0] / 1000:,.1f} ms" if found else "-"


def verdict(run: dict | None) -> str:
    """Whether a run passed."""
    return "-" if run is None else "passed" if run["verdict"] == "passed" else "FAILED"


def rows(folder: pathlib.Path, planes: list[str]) -> list[list[str]]:
    """The table, its head first."""
    runs = {
        (plane, run): record(folder / plane / run) for plane in planes for run in ("idle", "fanout")
    }
    table = [["", *planes]]
    for run in ("idle", "fanout"):
        table.append([run, *(verdict(runs[plane, run]) for plane in planes)])
        for label, of, group, name, shown in FIGURES:
            if of == run:
                cells = [figure(runs[plane, run], group, name, shown) for plane in planes]
                table.append([f"  {label}", *cells])
        if run == "fanout":
            for label, name in PERCENTILES:
                table.append([f"  {label}", *(percentile(runs[plane, run], name) for plane in planes)])
    return table


def main() -> None:
    """Prints the table in columns."""
    table = rows(pathlib.Path(sys.argv[1]), sys.argv[2:])
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    for name, *cells in table:
        padded = [cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)]
        print("  ".join([name.ljust(widths[0]), *padded]).rstrip())


if __name__ == "__main__":
    main()
