"""Prints what `scripts/reconnect.sh` measured, its runs side by side, in markdown.

FOLDER/RUN is a report of the load tool's `storm`. A run without one is shown as `-`.
"""

import argparse
import datetime
import json
import os
import pathlib
import sys
from collections.abc import Callable, Sequence

from compare import context, markdown
from compare.record import Record

BEGIN = "<!-- reconnect:begin, written by scripts/reconnect.sh --update-docs -->"
END = "<!-- reconnect:end -->"

BACK_WITHIN_S = 30.0
P99_BELOW = 2.0
QUIET = "survivors, before the drop"
MEANWHILE = "survivors, until all are back"
AFTER = "survivors, after"


def parameter(name: str, form: str | None = None) -> Callable[[Record], str]:
    def read(record: Record) -> str:
        found = next((value for key, value in record.raw["parameters"] if key == name), None)
        if found is None:
            return "-"
        return form.format(int(found)) if form else found

    return read


def storm(name: str, unit: str = "") -> Callable[[Record], str]:
    def read(record: Record) -> str:
        value = record.figure("Storm", name)
        if value is None:
            return "-"
        return f"{value:,.1f} {unit}" if unit else f"{value:,.0f}"

    return read


def latency(name: str, percentile: str) -> Callable[[Record], str]:
    def read(record: Record) -> str:
        value = record.latency_ms(name, percentile)
        return "-" if value is None else f"{value:,.1f} ms"

    return read


def ratio(record: Record) -> float | None:
    """The survivors' p99 while the others come back, as a multiple of the quiet one."""
    quiet, meanwhile = (record.latency_ms(name, "p99") for name in (QUIET, MEANWHILE))
    return meanwhile / quiet if quiet and meanwhile else None


def times(record: Record) -> str:
    value = ratio(record)
    return "-" if value is None else f"{value:.2f} x"


def goal(is_reached: bool) -> str:
    return "reached" if is_reached else "**missed**"


def back_in_time(record: Record) -> str:
    value = record.figure("Storm", "95 % back after")
    return goal(value is not None and value <= BACK_WITHIN_S)


def survivors_in_time(record: Record) -> str:
    value = ratio(record)
    return goal(value is not None and value < P99_BELOW)


def verdict(record: Record) -> str:
    return "nothing" if not record.reasons else "; ".join(record.reasons)


ROWS: tuple[tuple[str, Callable[[Record], str]], ...] = (
    ("clients that are cut off at once", storm("dropped")),
    ("clients that stay", parameter("survivors", "{:,}")),
    ("publications per second to those", parameter("rate")),
    ("back-off", parameter("backoff")),
    ("handshakes at a time", parameter("returning-max", "{:,}")),
    ("half are back after", storm("50 % back after", "s")),
    ("95 % are back after", storm("95 % back after", "s")),
    ("all are back after", storm("100 % back after", "s")),
    ("processor time of the server until then", storm("server CPU until all are back", "s")),
    (f"goal: 95 % in {BACK_WITHIN_S:.0f} s", back_in_time),
    ("connects that failed and were tried again", storm("connects that failed meanwhile")),
    ("survivors before, p50", latency(QUIET, "p50")),
    ("survivors before, p99", latency(QUIET, "p99")),
    ("survivors meanwhile, p50", latency(MEANWHILE, "p50")),
    ("survivors meanwhile, p99", latency(MEANWHILE, "p99")),
    ("p99 meanwhile, of that before", times),
    (f"goal: below {P99_BELOW:.0f} x", survivors_in_time),
    ("survivors afterwards, p99", latency(AFTER, "p99")),
    ("what went wrong", verdict),
)


def table(records: dict[str, Record | None]) -> str:
    rows = [[label, *("-" if one is None else read(one) for one in records.values())] for label, read in ROWS]
    return markdown.grid(["", *records], rows)


def notes(records: dict[str, Record | None]) -> str:
    """What the load tool says about who was the limit."""
    limits = [f"- {run}: {one.client_limited}" for run, one in records.items() if one and one.client_limited]
    return "\n\nNotes of the load tool:\n\n" + "\n".join(limits) if limits else ""


def heading(command: str, loads: Sequence[float]) -> str:
    machine = context.machine()
    return (
        f"Measured on {datetime.date.today().isoformat()} at commit `{context.commit()}` by `{command}`:"
        f" {machine['cpus']} x {machine['cpu_model']}, Linux {machine['kernel']}, at most"
        f" {machine['descriptors_max']:,} descriptors per process. Load average before the first run and after the"
        f" last: {' and '.join(f'{load:.1f}' for load in loads)}."
    )


def read(folder: pathlib.Path, runs: Sequence[str]) -> dict[str, Record | None]:
    files = {run: folder / run / "record.json" for run in runs}
    return {run: Record(json.loads(file.read_text())) if file.exists() else None for run, file in files.items()}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("runs", nargs="+")
    parser.add_argument("--command", required=True, help="what repeats the measurement")
    parser.add_argument("--load-before", type=float, required=True, help="load average before the first run")
    parser.add_argument("--page", type=pathlib.Path, help="the page whose generated part is replaced")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    records = read(options.folder, options.runs)
    loads = (options.load_before, os.getloadavg()[0])
    section = f"{heading(options.command, loads)}\n\n{table(records)}{notes(records)}\n"
    print(section)
    if options.page:
        options.page.write_text(markdown.replaced(options.page.read_text(), section, BEGIN, END))
    return 0


if __name__ == "__main__":
    sys.exit(main())
