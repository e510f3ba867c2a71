"""Measures Switchboard over a range of loads, and prints tables in markdown.

Each part varies one or two things and keeps the rest. In every round each load has a fresh server;
figures are medians of the rounds, with the lowest and the highest of the first figure. Server and load
tool have a core each; with two shards, and where it says so, both have both.
"""

import argparse
import contextlib
import dataclasses
import json
import pathlib
import statistics
import sys
import urllib.request

from compare import markdown, network, units
from compare.process import Failure
from compare.results import Spread
from compare.run import Cores, load, two_cores
from compare.scenarios import CHANNEL
from compare.servers import Running, running, switchboard

from .cases import PARTS, Case, Part, Seen


def arguments() -> argparse.Namespace:
    names = [part.name for part in PARTS]
    parser = argparse.ArgumentParser(
        prog="scripts/sweep.sh", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=pathlib.Path, help="a file for all figures, as JSON")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(names)}; all when none is given")
    options = parser.parse_args()
    unknown = set(options.parts) - set(names)
    if options.rounds < 1 or unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}" if unknown else "--rounds is 1 or more")
    return options


def execute(case: Case) -> Seen:
    """One run: a fresh server, the load tool against it, and what both counted."""
    server = switchboard(case.plane, shards=case.shards, flags=case.flags)
    cores = two_cores()
    shares_cores = case.shares_cores or case.shards > 1
    if shares_cores:
        both = f"{cores.server},{cores.load}"
        cores = Cores(both, both)
    with network.plain() as here, running(server, here, cores.server) as target:
        path = f"/sub/{CHANNEL}"
        command = [*case.load, target.base + path, "--channel", CHANNEL]
        if case.publishes_by_http and target.publish_url:
            command += ["--publish-url", target.publish_url]
        else:
            command += ["--publish-ws", target.base + path]
        if shares_cores:
            command += ["--pin", "none"]
        before = counters(target)
        record = load(target, here, cores, tuple(command)).record
        after = counters(target)
        if record.reasons:
            raise Failure("; ".join(record.reasons))
        return Seen(record, {name: after[name] - before[name] for name in after})


def counters(target: Running) -> dict[str, int]:
    with urllib.request.urlopen(f"http://{target.internal}/counters", timeout=10) as answer:
        return json.load(answer)["total"]


@dataclasses.dataclass
class Measured:
    """What the rounds of one case brought, by column."""

    values: dict[str, list[float]] = dataclasses.field(default_factory=dict)
    failures: list[str] = dataclasses.field(default_factory=list)


def measure(part: Part, rounds: int) -> dict[Case, Measured]:
    measured = {case: Measured() for case in part.cases()}
    for round_ in range(1, rounds + 1):
        for nth, (case, into) in enumerate(measured.items(), 1):
            name = f"{part.name} {', '.join(case.varied)}, {case.plane}"
            print(f"round {round_}, {nth} of {len(measured)}: {name}", file=sys.stderr, flush=True)
            try:
                seen = execute(case)
            except Failure as failure:
                print(f"  did not pass: {failure}", file=sys.stderr, flush=True)
                into.failures.append(str(failure))
                continue
            for column in part.columns:
                value = column.read(seen)
                if value is not None:
                    into.values.setdefault(column.title, []).append(value)
    return measured


def table(part: Part, measured: dict[Case, Measured]) -> str:
    head = [*part.varied, "plane", *(column.title for column in part.columns)]
    if part.against_one_shard:
        head.append("against 1 shard")
    rows = []
    for case, of in measured.items():
        cells = [
            cell(of.values.get(column.title, []), column.unit, nth == 0)
            for nth, column in enumerate(part.columns)
        ]
        if part.against_one_shard:
            cells.append(against_one_shard(part, measured, case))
        rows.append([*case.varied, case.plane, *cells])
    text = f"### {part.title}\n\n{markdown.grid(head, rows)}\n"
    failed = [
        f"- {', '.join(case.varied)}, {case.plane}: {why}"
        for case, of in measured.items()
        for why in of.failures
    ]
    return text + (f"\nRuns that did not pass:\n\n{chr(10).join(failed)}\n" if failed else "")


def against_one_shard(part: Part, measured: dict[Case, Measured], case: Case) -> str:
    """The first figure of a case with more shards, as a multiple of that of the same load with one."""
    key = part.columns[0].title
    alone = [of for one, of in measured.items() if (one.plane, one.load, one.shards) == (case.plane, case.load, 1)]
    figures = [of.values.get(key, []) for of in (measured[case], *alone)]
    if case.shards == 1 or len(figures) != 2 or not all(figures):
        return ""
    more, one = map(statistics.median, figures)
    return f"{more / one:.2f} x"


def cell(values: list[float], unit: str, with_spread: bool) -> str:
    if not values:
        return "-"
    if with_spread:
        spread = Spread(min(values), statistics.median(values), max(values), len(values))
        return units.with_spread(spread, unit)
    return units.number(statistics.median(values), unit)


def main() -> int:
    options = arguments()
    parts = [part for part in PARTS if not options.parts or part.name in options.parts]
    every, failed = [], False
    for part in parts:
        measured = measure(part, options.rounds)
        print(table(part, measured), flush=True)
        failed |= any(of.failures for of in measured.values())
        every += [{**dataclasses.asdict(case), **dataclasses.asdict(of)} for case, of in measured.items()]
        if options.out:
            options.out.write_text(json.dumps(every, indent=1))
    return int(failed)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
