"""The range of loads of bench/sweep: what it makes of runs, and one small run."""

import pytest

from compare.scenarios import at, in_flight
from support.load import LOAD
from support.server import BINARY
from sweep.__main__ import Measured, execute, table
from sweep.cases import PARTS, Case

NOTIFY = next(part for part in PARTS if part.name == "notify")


def test_every_case_differs_in_what_it_is_called_by():
    for part in PARTS:
        called = [(case.varied, case.plane) for case in part.cases()]
        assert len(called) == len(set(called))
        assert {len(case.varied) for case in part.cases()} == {len(part.varied)}
        assert {case.part for case in part.cases()} == {part.name}


def test_a_second_shard_is_compared_with_one_of_the_same_load_and_plane():
    measured = {case: Measured() for case in NOTIFY.cases()}
    first = NOTIFY.columns[0].title
    for case, of in measured.items():
        if "100 a second" not in case.varied:
            us = 40.0 if case.plane == "epoll" else 20.0
            of.values[first] = [us + 1, us * case.shards, us * case.shards - 1]
    rows = [line for line in table(NOTIFY, measured).splitlines() if line.startswith("| 32 in flight")]
    cells = [row.rstrip("| ").rsplit("| ", 1)[-1] for row in rows]
    assert cells[2:] == ["1.95 x", "1.98 x"] and not any(" x" in cell for cell in cells[:2]), rows
    nothing = [line for line in table(NOTIFY, measured).splitlines() if line.startswith("| 100 a second")]
    assert len(nothing) == 4 and not any(" x " in row for row in nothing), nothing


@pytest.mark.parametrize("loop", [in_flight(4), at(200)], ids=["closed", "open"])
def test_notifications_have_all_their_figures(plane, shards, loop, monkeypatch):
    """As `sweep.sh notify` runs them, for a moment."""
    monkeypatch.setenv("SWITCHBOARD_BIN", str(BINARY))
    monkeypatch.setenv("SWITCHBOARD_LOAD_BIN", str(LOAD))
    load = ("fanout", "--connections", "40", "--channels", "40", *loop, "--duration", "500ms")
    case = Case("notify", ("", ""), plane, load, shards, publishes_by_http=True, shares_cores=True)
    seen = execute(case)
    figures = {column.title: column.read(seen) for column in NOTIFY.columns}
    assert all(value is not None for value in figures.values()), figures
    crossed = seen.counters["wakeups_sent"]
    assert (crossed > 0) == (shards == 2), crossed
