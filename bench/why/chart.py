"""The chart of docs/why.md: three panels below each other, so that it can be read on a narrow page."""

import pathlib
from collections.abc import Sequence

import matplotlib
from matplotlib.figure import SubFigure

from compare.charts import INK, OURS, PEERS, STYLE, pyplot, save

from .measure import Measured, Plan
from .page import duration, title

SIZE = (5.6, 7.2)


def write(plan: Plan, every: Sequence[Measured], path: pathlib.Path) -> None:
    names = [title(plan, one) for one in every]
    with matplotlib.rc_context({**STYLE, "font.size": 12}):
        figure = pyplot.figure(figsize=SIZE, layout="constrained")
        requests, processor, delay = figure.subfigures(3, 1)
        bars(
            requests,
            f"Requests to the backend in {plan.seconds} s",
            names,
            [(one.requests, 0) for one in every],
            [f"{one.requests:,}" for one in every],
        )
        bars(
            processor,
            "Processor time: backend (grey), Switchboard (orange)",
            names,
            [(one.backend_cpu_s, one.switchboard_cpu_s) for one in every],
            [f"{one.backend_cpu_s + one.switchboard_cpu_s:.2f} s" for one in every],
        )
        bars(
            delay,
            "From the editor to a client: half, 99 of 100 (line)",
            names,
            [(0, one.p50_ms) if one.switchboard_cpu_s else (one.p50_ms, 0) for one in every],
            [f"{duration(one.p50_ms)}, {duration(one.p99_ms)}" for one in every],
            [one.p99_ms for one in every],
        )
        save(figure, path)


def bars(
    panel: SubFigure,
    heading: str,
    names: Sequence[str],
    values: Sequence[tuple[float, float]],
    texts: Sequence[str],
    ends: Sequence[float] | None = None,
) -> None:
    """A bar for each way, of the others' part and of ours, its text, and a line on to where `ends` says."""
    panel.suptitle(heading, x=0.01, ha="left", fontsize=12, fontweight="bold")
    axes = panel.subplots()
    reach = ends or [sum(value) for value in values]
    for place, ((theirs, ours), end, text) in enumerate(zip(values, reach, texts, strict=True)):
        axes.barh(place, theirs, color=PEERS, height=0.62)
        axes.barh(place, ours, left=theirs, color=OURS[0], height=0.62)
        if ends:
            axes.plot([theirs + ours, end], [place, place], color=INK, linewidth=1.4)
        axes.annotate(text, (end, place), xytext=(5, 0), textcoords="offset points", va="center")
    # Room for the text at the end of the longest bar.
    axes.set_xlim(0, max(reach) * 1.42)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_visible(False)
    axes.spines["bottom"].set_visible(False)
