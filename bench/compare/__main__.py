"""Compares Switchboard with epoll servers, side by side. scripts/compare.sh installs what this needs.

Every scenario is run with every server, one at a time, in several rounds, each with a fresh server
process; server and load tool have a core each. Medians and spreads, tables and charts are written,
and each budget is marked reached or not.
"""

import argparse
import datetime
import pathlib
import resource
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from . import markdown, network, units
from .context import context
from .plan import plan
from .process import Failure
from .results import Named, Results
from .run import Cores, Run, execute, two_cores
from .scenarios import Scenario, groups, scenarios
from .servers import ROOT, SERVERS, Server

DOCS = ROOT / "docs/benchmarks"
RESULTS = "results.json"
FULL_S = 5.0
QUICK_S = 3.0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/compare.sh", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [scenario.name for scenario in scenarios()]
    servers = [server.name for server in SERVERS]
    usual = [server.name for server in SERVERS if server.usual]
    add = parser.add_argument
    add("--rounds", type=positive, help="default 5")
    add("--quick", action="store_true", help="one round, shorter runs, about seven minutes")
    together = [f"{name} for {', '.join(members)}" for name, members in groups().items()]
    which = f"of {', '.join(names)}; or {'; '.join(together)}"
    add("--scenarios", type=some_of(names, groups()), default=names, metavar="A,B", help=which)
    add("--servers", type=some_of(servers), default=usual, metavar="A,B", help=f"of {', '.join(servers)}")
    add("--rps", action="store_true", help="also in a network namespace with RPS on lo; needs root")
    add("--seed", type=int, default=1, help="of the order of servers; default 1")
    add("--out", type=pathlib.Path, metavar="DIR", help="default bench/.cache/results/DATE")
    again = "write the report of a results.json again, measure nothing"
    add("--from", dest="source", type=pathlib.Path, metavar="FILE", help=again)
    add("--update-docs", action="store_true", help="write tables and charts into docs/benchmarks/")
    return parser.parse_args()


def positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is less than 1")
    return value


def some_of(names: Sequence[str], groups: Mapping[str, Sequence[str]] | None = None) -> Callable[[str], list[str]]:
    """A list of names, in which a group is its members."""

    def parse(text: str) -> list[str]:
        chosen = [name for one in text.split(",") for name in (groups or {}).get(one, [one])]
        for one in chosen:
            if one not in names:
                raise argparse.ArgumentTypeError(f"{one!r} is not among: {', '.join(names)}")
        return chosen

    return parse


def measure(options: argparse.Namespace, folder: pathlib.Path) -> Results:
    rounds = options.rounds or (1 if options.quick else 5)
    # The rates of the open loop come from `fanout`.
    chosen = [one for one in scenarios(QUICK_S if options.quick else FULL_S) if one.name in options.scenarios]
    servers = [server for server in SERVERS if server.name in options.servers]
    cores = two_cores()
    if options.rps:
        network.check_steering()
    named = [Named(one.name, one.title, one.ours, one.version()) for one in servers]
    results = Results(context(rounds, options.seed, cores), named, [])
    networks = [network.plain()] + ([network.steered(cores.load)] if options.rps else [])
    order = list(plan(chosen, servers, rounds, options.seed))
    total, started = len(order) * len(networks), time.monotonic()
    for place in networks:
        with place as here:
            for round_, scenario, server in order:
                rate = rate_of(results, scenario, here.name, round_, server)
                run = attempt(scenario, server, here, cores, round_, rate)
                results.runs.append(run)
                # After each run: what was measured before an interruption is not lost.
                results.save(folder / RESULTS)
                say(run, scenario, len(results.runs), total, time.monotonic() - started)
    return results


def attempt(
    scenario: Scenario, server: Server, here: network.Network, cores: Cores, round_: int, rate: float | None
) -> Run:
    if scenario.share_of_fanout is not None and rate is None:
        why = "no rate to begin with: `fanout` did not pass in this round or was not among the scenarios"
        return Run(here.name, round_, scenario.name, server.name, {}, [why])
    return execute(scenario, server, here, cores, round_, rate)


def rate_of(results: Results, scenario: Scenario, here: str, round_: int, server: Server) -> float | None:
    """Publications per second of an open loop, from what `fanout` reached in the same round."""
    if scenario.share_of_fanout is None:
        return None
    reached = results.by_round(here, "fanout", server.name, "published_per_s").get(round_)
    return reached and reached * scenario.share_of_fanout


def say(run: Run, scenario: Scenario, number: int, total: int, elapsed_s: float) -> None:
    figures = ", ".join(
        f"{one.title} {units.number(run.figures[one.key], one.unit)} {one.unit}"
        for one in scenario.measures[:3]
        if one.key in run.figures
    )
    what = "" if run.passed else f"DID NOT PASS: {'; '.join(run.failures)}  "
    where = f"{run.network:5}  round {run.round}  {run.scenario:11}  {run.server:20}"
    print(f"{elapsed_s:6.0f} s  {number:3}/{total}  {where}  {what}{figures}", flush=True)


def write(results: Results, folder: pathlib.Path, update_docs: bool) -> None:
    # Here, because only this needs a package that Python does not bring along.
    from . import charts

    results.save(folder / RESULTS)
    every = scenarios()
    pictures = charts.write(results, every, folder)
    (folder / "report.md").write_text(markdown.report(results, every, pictures))
    ran = [scenario for scenario in every if any(run.scenario == scenario.name for run in results.runs)]
    print(f"\n{markdown.budgets(results, ran)}\n\nreport: {folder / 'report.md'}")
    if update_docs:
        charts.write(results, every, DOCS)
        results.save(DOCS / RESULTS)
        page = DOCS / "side-by-side.md"
        page.write_text(markdown.replaced(page.read_text(), markdown.report(results, every, pictures)))
        print(f"written: {page}")


def main() -> int:
    options = arguments()
    # A namespace is taken away and a server is stopped also when this is ended from outside.
    for ending in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, lambda number, _: sys.exit(128 + number))
    stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    folder = options.out or ROOT / "bench/.cache/results" / stamp
    folder.mkdir(parents=True, exist_ok=True)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        results = Results.load(options.source) if options.source else measure(options, folder)
    except Failure as failure:
        print(f"compare.sh: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"compare.sh: interrupted; the runs so far are in {folder / RESULTS}, see --from", file=sys.stderr)
        return 130
    write(results, folder, options.update_docs)
    return 0 if all(run.passed for run in results.runs) else 1


if __name__ == "__main__":
    sys.exit(main())
