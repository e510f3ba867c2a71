"""The report as markdown, and its place in docs/benchmarks/side-by-side.md."""

from collections.abc import Iterator, Sequence

from .results import Named, Results, Verdict
from .scenarios import Budget, Measure, Scenario
from .units import factor, number, with_spread

BEGIN = "<!-- compare:begin, written by scripts/compare.sh --update-docs -->"
END = "<!-- compare:end -->"

NETWORKS = {
    "plain": "plain loopback",
    "rps": "loopback with RPS",
}


def report(results: Results, scenarios: Sequence[Scenario], charts: Sequence[tuple[str, str]]) -> str:
    """The whole report. `charts` are titles and paths of pictures."""
    ran = [scenario for scenario in scenarios if any(run.scenario == scenario.name for run in results.runs)]
    parts = ["## Side by side", introduction(results), versions(results)]
    if any(scenario.budgets for scenario in ran) and any(server.ours for server in results.servers):
        parts += ["### Budgets", budgets(results, ran)]
    parts += [f"![{title}]({path})" for title, path in charts]
    for scenario in ran:
        parts.append(f"### `{scenario.name}`: {scenario.title[:1].lower()}{scenario.title[1:]}")
        parts += [table(results, scenario, network) for network in results.networks]
    parts += ["### Runs that did not pass", failures(results)]
    return "\n\n".join(part for part in parts if part) + "\n"


def introduction(results: Results) -> str:
    context = results.context
    machine = context["machine"]
    where = ", ".join(
        [
            f"{machine['cpus']} x {machine['cpu_model']}{' (virtual machine)' if machine['virtualised'] else ''}",
            f"{machine['memory_bytes'] / 2**30:.1f} GiB",
            f"Linux {machine['kernel']}",
        ]
    )
    rounds = context["rounds"]
    lines = [
        (
            f"Measured on {context['date']} at commit `{context['commit']}` by"
            f" `{context['command']}`: {where};"
            f" load average {context['load_average']:.1f} at the start."
        ),
        (
            f"{rounds} round{'s' if rounds != 1 else ''}. A round runs every server in turn, in an order that is"
            " shuffled for each scenario, with a fresh server process for each run. All threads of the server are on"
            f" core {context['server_core']}, all of the load tool on core {context['load_core']}. Figures are medians"
            " of the rounds that passed, with the lowest and the highest in brackets. CPU is user and system time of"
            " all threads of the server. Memory is the growth per connection of a server that has already served and"
            " closed 100 connections; what it takes at start counts only in its total RSS."
            " [bench/peers](../../bench/peers/README.md)"
            " says what each server runs with, and why."
        ),
    ]
    if "rps" in results.networks:
        lines.append(
            "On plain loopback, the sender's core also runs the receiver's TCP, so a server is charged for its"
            " clients' work. With RPS (receive packet steering), in a network namespace, that work moves to the load"
            " tool's core, as if it were on another machine."
        )
    return "\n\n".join(lines)


def versions(results: Results) -> str:
    rows = [(server.title, server.version) for server in results.servers]
    return grid(("server", "version"), rows)


def budgets(results: Results, scenarios: Sequence[Scenario]) -> str:
    rows = [
        (
            *(f"`{scenario.name}`: {goal(scenario, budget)}", server.title, NETWORKS[network]),
            *verdict_cells(verdict, scenario.measure(budget.measure)),
        )
        for scenario in scenarios
        for budget in scenario.budgets
        for network in results.networks
        for server in results.servers
        if server.ours
        for verdict in [results.verdict(network, scenario, budget, server.name)]
    ]
    return grid(("budget", "server", "network", "measured", "best epoll peer", "reached"), rows)


def goal(scenario: Scenario, budget: Budget) -> str:
    measure = scenario.measure(budget.measure)
    if budget.at_most is not None:
        return f"{measure.title} <= {number(budget.at_most, measure.unit)} {measure.unit}"
    if budget.at_least is not None:
        return f"{measure.title} >= {number(budget.at_least, measure.unit)} {measure.unit}"
    if budget.above is not None:
        above = budget.above
        return f"{measure.title} <= that of `{above.scenario}` + {number(above.more, measure.unit)} {measure.unit}"
    if budget.times is not None:
        return f"{measure.title} <= {budget.times.times:.2f} x that of `{budget.times.scenario}`"
    sign = ">=" if measure.higher_is_better else "<="
    return f"{measure.title} {sign} {budget.times_best_peer:.2f} x the best epoll peer"


def verdict_cells(verdict: Verdict | None, measure: Measure) -> tuple[str, str, str]:
    if verdict is None:
        return ("not measured", "", "")
    if verdict.best_peer is not None or verdict.budget.times is not None:
        measured = f"{factor(verdict.value)} x"
    else:
        plus = "+ " if verdict.budget.above else ""
        measured = f"{plus}{with_spread(verdict.value, measure.unit)} {measure.unit}"
    best = verdict.best_peer.title if verdict.best_peer else ""
    return (measured, best, "yes" if verdict.reached else "**no**")


def heading(measure: Measure) -> str:
    """The title with its unit, unless that says the same again."""
    return measure.title if measure.unit == "/s" else f"{measure.title} ({measure.unit})"


def table(results: Results, scenario: Scenario, network: str) -> str:
    """One row for each server: the figures, the first one also against the best peer."""
    head = ["server", *map(heading, scenario.measures)]
    if scenario.compares:
        head.append(f"{scenario.measures[0].title}, against the best epoll peer")
    head.append("rounds passed")
    rows = [row(results, scenario, network, server) for server in results.servers]
    name = NETWORKS[network]
    return f"{name[:1].upper()}{name[1:]}:\n\n" + grid(head, [cells for cells in rows if cells])


def row(results: Results, scenario: Scenario, network: str, server: Named) -> list[str]:
    runs = results.of(network, scenario.name, server.name)
    if not runs:
        return []
    cells = [server.title, *(cell(results, scenario, network, server, measure) for measure in scenario.measures)]
    if scenario.compares:
        ratio = results.ratio(network, scenario.name, scenario.measures[0], server.name)
        cells.append(factor(ratio) if ratio else "")
    passed = sum(run.passed for run in runs)
    limited = sum(run.client_limited is not None for run in runs)
    cells.append(f"{passed} of {len(runs)}" + (f"; client or machine busy in {limited}" if limited else ""))
    return cells


def cell(results: Results, scenario: Scenario, network: str, server: Named, measure: Measure) -> str:
    found = results.spread(network, scenario.name, server.name, measure.key)
    return with_spread(found, measure.unit) if found else "no run passed"


def failures(results: Results) -> str:
    failed = [run for run in results.runs if not run.passed]
    if not failed:
        return f"None of {len(results.runs)}."
    lines = [
        f"- round {run.round}, `{run.scenario}`, {run.server}, {NETWORKS[run.network]}: {'; '.join(run.failures)}"
        for run in failed
    ]
    return f"{len(failed)} of {len(results.runs)}:\n\n" + "\n".join(lines)


def grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    def lines() -> Iterator[str]:
        yield line(head)
        yield "|" + "---|" * len(head)
        yield from map(line, rows)

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(one.replace("|", "\\|").replace("\n", " ") for one in cells) + " |"

    return "\n".join(lines())


def replaced(page: str, section: str, begin: str = BEGIN, end: str = END) -> str:
    """The page with the generated part in place of the one before, or at its end."""
    generated = f"{begin}\n\n{section}\n{end}"
    before, begun, rest = page.partition(begin)
    _, ended, after = rest.partition(end)
    if not begun:
        return f"{page.rstrip()}\n\n{generated}\n"
    if not ended:
        raise ValueError(f"the page has a line {begin!r} without {end!r} after it")
    return before + generated + after
