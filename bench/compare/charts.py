"""The charts, as SVG that is readable on light and dark pages alike."""

import pathlib
from collections.abc import Sequence

import matplotlib

matplotlib.use("svg")

from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from .markdown import NETWORKS, heading
from .results import Named, Results, Spread
from .scenarios import Measure, Scenario
from .units import number

OURS = ("#c2410c", "#f59e0b")
PEERS = "#7c8da5"
INK = "#1f2937"

STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "switchboard",
    "font.family": ["DejaVu Sans", "sans-serif"],
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#9ca3af",
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    # A page may be dark; the picture brings its own paper.
    "figure.facecolor": "#ffffff",
    "axes.facecolor": "#ffffff",
}

# Scenario, measure, whether the axis is logarithmic.
BARS = (
    ("fanout", "cpu_us", False),
    ("burst", "per_s", False),
    ("burst", "cpu_us", False),
    ("echo", "cpu_us", False),
    ("notify-1", "cpu_us", False),
    ("notify-32", "cpu_us", False),
    ("notify-rate", "cpu_us", False),
    ("rooms-32", "cpu_us", False),
    ("connect", "cpu_us", False),
    ("connect", "dirty_b", True),
)
PERCENTILES = ("p50_ms", "p99_ms", "p999_ms")
MARKERS = (("o", 46), ("D", 30), ("|", 140))


def write(results: Results, scenarios: Sequence[Scenario], folder: pathlib.Path) -> list[tuple[str, str]]:
    """Writes every chart for which there are figures. Returns titles and file names."""
    folder.mkdir(parents=True, exist_ok=True)
    by_name = {scenario.name: scenario for scenario in scenarios}
    written = []
    with matplotlib.rc_context(STYLE):
        for name, key, logarithmic in BARS:
            scenario = by_name[name]
            measure = scenario.measure(key)
            if bars(results, scenario, measure, logarithmic, folder / f"{name}-{key}.svg"):
                written.append((f"{scenario.title}: {measure.title}", f"{name}-{key}.svg"))
        rates = [scenario for scenario in scenarios if scenario.share_of_fanout is not None]
        for network in results.networks:
            if latencies(results, rates, network, folder / f"rate-{network}.svg"):
                written.append((f"Latency under an even load, {NETWORKS[network]}", f"rate-{network}.svg"))
    return written


def bars(results: Results, scenario: Scenario, measure: Measure, logarithmic: bool, path: pathlib.Path) -> bool:
    """A bar for each server with its spread, one panel for each network."""
    networks = [one for one in results.networks if measured(results, scenario, measure, one)]
    if not networks:
        return False
    height = 1.3 + 0.36 * len(results.servers)
    figure, panels = pyplot.subplots(1, len(networks), figsize=(8.5, height), squeeze=False, layout="constrained")
    for axes, network in zip(panels[0], networks, strict=True):
        panel(axes, results, scenario, measure, network, logarithmic)
        if len(networks) > 1:
            axes.set_title(NETWORKS[network], fontsize=10)
        if network != networks[0]:
            axes.set_yticklabels([])
    better = "more is better" if measure.higher_is_better else "less is better"
    if any(budget.measure == measure.key for budget in scenario.budgets):
        better += "; dashed: Switchboard's budget"
    figure.suptitle(scenario.title, fontsize=11, fontweight="bold")
    figure.supxlabel(f"{heading(measure)}, {better}", fontsize=10)
    save(figure, path)
    return True


def panel(
    axes: Axes, results: Results, scenario: Scenario, measure: Measure, network: str, logarithmic: bool
) -> None:
    found = measured(results, scenario, measure, network)
    least = 1.0 if logarithmic else 0.0
    for place, (server, spread) in enumerate(found):
        # A logarithmic axis has no place for what is nothing.
        median, low, high = (max(value, least) for value in (spread.median, spread.low, spread.high))
        axes.barh(place, median, color=color(server, found), height=0.66)
        if spread.count > 1:
            axes.plot([low, high], [place, place], color=INK, linewidth=1.2)
        axes.annotate(
            number(spread.median, measure.unit),
            (high, place),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            bbox={"facecolor": "#ffffff", "edgecolor": "none", "pad": 1},
            zorder=3,
        )
    goal = budget_line(axes, results, scenario, measure, network)
    most = max([goal, *(spread.high for _, spread in found)])
    if logarithmic:
        axes.set_xscale("log")
    else:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
    # Room for the figure at the end of the longest bar.
    axes.set_xlim(least, most ** 1.2 if logarithmic else most * 1.25)
    name_axes(axes, found)


def name_axes(axes: Axes, found: Sequence[tuple[Named, Spread]]) -> None:
    axes.set_yticks(range(len(found)), [server.title for server, _ in found])
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_formatter(FuncFormatter(tick))
    axes.xaxis.set_minor_formatter(NullFormatter())


def tick(value: float, _: int) -> str:
    return f"{value / 1e6:g} M" if value >= 1e5 else f"{value:,.6g}"


def budget_line(axes: Axes, results: Results, scenario: Scenario, measure: Measure, network: str) -> float:
    """Draws the budget, if the measure has one. Returns where it stands, or nothing."""
    for budget in scenario.budgets:
        goal = results.goal(network, scenario, budget) if budget.measure == measure.key else None
        if goal is not None:
            axes.axvline(goal, color="#15803d", linestyle="--", linewidth=1.2)
            return goal
    return 0.0


def latencies(results: Results, rates: Sequence[Scenario], network: str, path: pathlib.Path) -> bool:
    """p50, p99 and p99.9 of each server, one panel for each rate."""
    rates = [rate for rate in rates if measured(results, rate, rate.measures[0], network)]
    if not rates:
        return False
    height = 1.5 + 0.36 * len(results.servers)
    figure, panels = pyplot.subplots(
        1, len(rates), figsize=(9.5, height), squeeze=False, layout="constrained", sharex=True
    )
    for axes, rate in zip(panels[0], rates, strict=True):
        found = measured(results, rate, rate.measures[0], network)
        for place, (server, _) in enumerate(found):
            spreads = [results.spread(network, rate.name, server.name, key) for key in PERCENTILES]
            values = [spread.median for spread in spreads if spread]
            tint = color(server, found)
            axes.plot(values, [place] * len(values), color=tint, linewidth=2, zorder=1)
            for value, (marker, size) in zip(values, MARKERS, strict=False):
                axes.scatter(value, place, marker=marker, s=size, color=tint, zorder=2)
        share = rate.share_of_fanout or 0.0
        axes.set_title(f"{share * 100:.0f} % of its own rate", fontsize=10)
        axes.set_xscale("log")
        name_axes(axes, found)
        axes.grid(axis="x", color="#e5e7eb", linewidth=0.8)
        axes.set_axisbelow(True)
        if rate is not rates[0]:
            axes.set_yticklabels([])
    figure.suptitle(f"Latency of a delivery, open loop, {NETWORKS[network]}", fontsize=11, fontweight="bold")
    figure.supxlabel("ms, logarithmic: dot p50, diamond p99, stroke p99.9", fontsize=10)
    save(figure, path)
    return True


def measured(results: Results, scenario: Scenario, measure: Measure, network: str) -> list[tuple[Named, Spread]]:
    pairs = ((server, results.spread(network, scenario.name, server.name, measure.key)) for server in results.servers)
    return [(server, spread) for server, spread in pairs if spread]


def color(server: Named, found: Sequence[tuple[Named, Spread]]) -> str:
    ours = [one for one, _ in found if one.ours]
    return OURS[ours.index(server) % len(OURS)] if server.ours else PEERS


def save(figure: pyplot.Figure, path: pathlib.Path) -> None:
    figure.savefig(path, format="svg", metadata={"Date": None})
    pyplot.close(figure)
