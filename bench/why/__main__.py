"""Brings the same news to the same clients in three ways, and counts what the backend had to do for it.

Clients poll the backend at an interval, or long-poll it, or listen to Switchboard, to which the backend publishes.
Backend and Switchboard share the first core, and the load tool, which is the clients, has the last one.
"""

import argparse
import contextlib
import json
import pathlib
import sys
import tempfile

from compare import markdown, network
from compare.process import Failure
from compare.run import two_cores

from . import chart, page
from .measure import WAYS, Measured, Plan, measure


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/why.sh", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clients", type=int, default=1_000)
    parser.add_argument("--seconds", type=int, default=60, help="how long there is news, in each way; 60")
    parser.add_argument("--every", type=float, default=10.0, help="seconds from news to news; 10")
    parser.add_argument("--interval", type=float, default=5.0, help="seconds between two polls of a client; 5")
    parser.add_argument("--plane", choices=("io_uring", "epoll"), default="io_uring")
    parser.add_argument("--tokens", type=pathlib.Path, required=True, help="the folder of make_tokens.py")
    parser.add_argument("--update-docs", type=pathlib.Path, metavar="PAGE", help="puts table and chart beside it")
    options = parser.parse_args()
    if min(options.clients, options.seconds, options.every, options.interval) <= 0:
        parser.error("all numbers are above 0")
    return options


def main() -> int:
    options = arguments()
    plan = Plan(options.clients, options.seconds, options.every, options.interval, options.plane, options.tokens)
    context = page.context(plan)
    every: list[Measured] = []
    with network.plain() as here, tempfile.TemporaryDirectory(prefix="switchboard-why-") as folder:
        for way in WAYS:
            print(f"{way.title.format(interval=plan.interval_s)}: {plan.seconds} s", file=sys.stderr, flush=True)
            every.append(measure(way, plan, here, two_cores(), pathlib.Path(folder)))
    section = page.section(plan, context, every)
    print(section)
    if options.update_docs:
        docs: pathlib.Path = options.update_docs
        chart.write(plan, every, docs.with_name("why.svg"))
        docs.with_name("why.json").write_text(json.dumps(page.kept(context, every), indent=1) + "\n")
        docs.write_text(markdown.replaced(docs.read_text(), section, page.BEGIN, page.END))
    return 0


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        try:
            sys.exit(main())
        except Failure as failure:
            sys.exit(f"scripts/why.sh: {failure}")
