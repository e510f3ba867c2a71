"""The generated part of docs/why.md."""

import dataclasses
import datetime
import os
from collections.abc import Sequence
from typing import Any

from compare import context as compare_context
from compare import markdown

from .measure import Measured, Plan

BEGIN = "<!-- why:begin, written by scripts/why.sh --update-docs -->"
END = "<!-- why:end -->"


def context(plan: Plan) -> dict[str, Any]:
    """What a reader must know before the figures; taken before the first run."""
    return {
        "date": datetime.date.today().isoformat(),
        "commit": compare_context.commit(),
        "load_average": os.getloadavg()[0],
        "machine": compare_context.machine(),
        "plan": {key: value for key, value in dataclasses.asdict(plan).items() if key != "tokens"},
    }


def title(plan: Plan, one: Measured) -> str:
    return one.way.title.format(interval=plan.interval_s)


def table(plan: Plan, every: Sequence[Measured]) -> str:
    rows: list[list[str]] = [
        ["requests to the backend", *(f"{one.requests:,}" for one in every)],
        ["processor time of the backend", *(seconds(one.backend_cpu_s) for one in every)],
        ["processor time of Switchboard", *(seconds(one.switchboard_cpu_s) for one in every)],
        ["from the editor to a client, half of them", *(duration(one.p50_ms) for one in every)],
        ["from the editor to a client, 99 of 100", *(duration(one.p99_ms) for one in every)],
        ["news items that reached clients", *(f"{one.delivered:,}" for one in every)],
    ]
    return markdown.grid(["clients ...", *(title(plan, one) for one in every)], rows)


def seconds(value: float) -> str:
    return "-" if value == 0 else f"{value:.2f} s"


def duration(ms: float) -> str:
    return f"{ms / 1e3:.1f} s" if ms >= 1_000 else f"{ms:.0f} ms"


def section(plan: Plan, about: dict[str, Any], every: Sequence[Measured]) -> str:
    machine = about["machine"]
    return (
        f"{table(plan, every)}\n\n"
        f"![Three bar charts of the first five rows: requests, processor time, delay](why.svg)\n\n"
        f"{plan.clients:,} clients, each with a token of its own, for {plan.seconds} s with news every"
        f" {plan.every_s:g} s; from the first connect to the last delivery. Measured on {about['date']} at commit"
        f" `{about['commit']}` by `scripts/why.sh`: {machine['cpus']} x {machine['cpu_model']}, Linux"
        f" {machine['kernel']}; load average {about['load_average']:.1f} at the start; Switchboard on {plan.plane}."
        f" [All figures](why.json).\n"
    )


def kept(about: dict[str, Any], every: Sequence[Measured]) -> dict[str, Any]:
    """All figures, for a file."""
    return {**about, "ways": [{**dataclasses.asdict(one), "way": one.way.transport} for one in every]}
