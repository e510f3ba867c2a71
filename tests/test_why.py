"""What `scripts/why.sh` makes of its runs: the table, what is no result, and one small run of all three ways."""

import os
import pathlib
import subprocess
import sys

import pytest

from compare import markdown, network
from compare.process import Failure
from compare.record import Record
from compare.run import Cores
from support.load import LOAD
from support.server import BINARY, ROOT
from why import page
from why.measure import WAYS, Measured, Plan, measure, measured

PLAN = Plan(clients=1_000, seconds=60, every_s=10, interval_s=2.5, plane="epoll", tokens=pathlib.Path("tokens"))
POLL, LONG_POLL, PUSH = WAYS
EVERY = [
    Measured(POLL, 13_012, 24.118, 0, 6_000, 2_510.4, 4_950.0),
    Measured(LONG_POLL, 7_006, 13.4, 0, 6_000, 640.4, 1_610.0),
    Measured(PUSH, 6, 0.15, 0.41, 6_000, 31.4, 52.0),
]


def test_the_table_has_a_column_for_each_way():
    rows = [line.strip("| ").split(" | ") for line in page.table(PLAN, EVERY).splitlines()]
    cells = {row[0]: row[1:] for row in rows}
    assert cells["clients ..."][0] == "poll the backend every 2.5 s"
    assert cells["requests to the backend"] == ["13,012", "7,006", "6"]
    assert cells["processor time of the backend"] == ["24.12 s", "13.40 s", "0.15 s"]
    assert cells["processor time of Switchboard"] == ["-", "-", "0.41 s"]
    assert cells["from the editor to a client, half of them"] == ["2.5 s", "640 ms", "31 ms"]
    assert cells["from the editor to a client, 99 of 100"] == ["5.0 s", "1.6 s", "52 ms"]


def test_the_page_has_the_table_in_place_of_the_one_before():
    text = (ROOT / "docs/why.md").read_text()
    section = page.section(PLAN, page.context(PLAN), EVERY)
    replaced = markdown.replaced(text, section, page.BEGIN, page.END)
    assert replaced.count(page.BEGIN) == replaced.count(page.END) == 1 and "13,012" in replaced
    assert replaced.split(page.END)[1] == text.split(page.END)[1]
    kept = page.kept(page.context(PLAN), EVERY)
    assert [way["way"] for way in kept["ways"]] == ["interval-poll", "long-poll", "websocket"]
    assert "tokens" not in kept["plan"]


def record(failed=None, unavailable=None):
    figures = {"delivered": 60.0, "age p50": 1_500.0, "age p99": 2_500.0}
    row = {
        "name": "WebSocket",
        "unavailable": unavailable,
        "figures": [{"name": name, "value": value} for name, value in figures.items()],
    }
    return Record(
        {"verdict": {"failed": [failed]} if failed else "passed", "interrupted": False, "comparison": [row]}
    )


def test_a_run_that_lost_something_is_no_result():
    assert measured(PUSH, record(), 6, [0.5, 0.25]) == Measured(PUSH, 6, 0.5, 0.25, 60, 1.5, 2.5)
    for one in (record(failed="2 lost"), record(unavailable="HTTP 401")):
        with pytest.raises(Failure, match=r"websocket: (2 lost|HTTP 401)"):
            measured(PUSH, one, 6, [0.5, 0.25])


@pytest.fixture(scope="module")
def tokens(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokens")
    subprocess.run([sys.executable, ROOT / "scripts/make_tokens.py", "20", folder], timeout=60, check=True)
    return folder


@pytest.mark.parametrize("way", WAYS, ids=[way.transport for way in WAYS])
def test_clients_get_all_news_in_each_way(plane, tokens, way, tmp_path, monkeypatch):
    """As the script runs it, with the real backend, for a moment."""
    monkeypatch.setenv("SWITCHBOARD_BIN", str(BINARY))
    monkeypatch.setenv("SWITCHBOARD_LOAD_BIN", str(LOAD))
    plan = Plan(clients=20, seconds=2, every_s=0.5, interval_s=1, plane=plane, tokens=tokens)
    cores = sorted(os.sched_getaffinity(0))
    with network.plain() as here:
        found = measure(way, plan, here, Cores(cores[0], cores[-1]), tmp_path)
    assert found.delivered == 20 * 4 and found.p99_ms >= found.p50_ms > 0, found
    assert found.backend_cpu_s > 0 and (found.switchboard_cpu_s > 0) == (way is PUSH), found
    if way is PUSH:
        # One for each piece of news, and none for clients.
        assert found.requests == 4
    else:
        assert found.requests > 20 * 3, found
