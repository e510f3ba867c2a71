"""The comparison of bench/compare: what it makes of runs, and that runs of our own server bring figures."""

import argparse
import dataclasses
import itertools
import os

import pytest

from compare import markdown, network, process, units
from compare.__main__ import some_of
from compare.context import without_out
from compare.plan import plan
from compare.record import Record, cpu_until
from compare.results import Named, Results, Spread, spread
from compare.run import Cores, Run, execute, load_arguments
from compare.scenarios import Budget, Outcome, groups, scenarios
from compare.servers import SERVERS, Running, switchboard
from support.load import LOAD
from support.server import BINARY

BY_NAME = {scenario.name: scenario for scenario in scenarios()}
NAMED = [Named("ours", "Ours", True, "1"), Named("one", "One", False, "2"), Named("two", "Two", False, "3")]


def results(scenario: str, key: str, **figures: list[float | None]) -> Results:
    """A figure of each server in each round; nothing is a run that did not pass."""
    runs = [
        Run("plain", round_, scenario, server, {key: value or 99.0}, [] if value else ["2 lost"])
        for server, values in figures.items()
        for round_, value in enumerate(values, 1)
    ]
    return Results({}, NAMED, runs)


def test_a_spread_is_the_median_and_the_ends():
    assert spread([3.0, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0, 3)
    assert spread([1.0, 2.0]) == Spread(1.5, 1.0, 2.0, 2)
    assert spread([]) is None


def test_ratios_are_taken_round_by_round_against_the_best_peer():
    found = results("fanout", "cpu_us", ours=[4.0, 9.0, 5.0], one=[5.0, 10.0, 5.0], two=[8.0, 8.0, 8.0])
    measure = BY_NAME["fanout"].measure("cpu_us")
    assert found.best_peer("plain", "fanout", measure) == NAMED[1]
    assert found.ratio("plain", "fanout", measure, "ours") == Spread(0.9, 0.8, 1.0, 3)


def test_a_run_that_did_not_pass_counts_nowhere():
    found = results("fanout", "cpu_us", ours=[4.0, 1.0], one=[8.0, None], two=[None, None])
    measure = BY_NAME["fanout"].measure("cpu_us")
    assert found.best_peer("plain", "fanout", measure) == NAMED[1]
    assert found.ratio("plain", "fanout", measure, "ours") == Spread(0.5, 0.5, 0.5, 1)
    assert found.spread("plain", "fanout", "two", "cpu_us") is None
    assert "2 lost" in markdown.failures(found)
    assert "3 of 6" in markdown.failures(found)


@pytest.mark.parametrize(
    ("scenario", "key", "ours", "one", "reached"),
    [
        ("fanout", "cpu_us", 8.5, 10.0, True),
        ("fanout", "cpu_us", 8.6, 10.0, False),
        ("burst", "per_s", 1250.0, 1000.0, True),
        ("burst", "per_s", 1240.0, 1000.0, False),
        ("connect", "cpu_us", 10.0, 10.0, True),
        ("connect", "cpu_us", 10.1, 10.0, False),
    ],
)
def test_budgets_against_the_best_peer(scenario, key, ours, one, reached):
    worse = one / 2 if key == "per_s" else one * 2
    found = results(scenario, key, ours=[ours], one=[one], two=[worse])
    budget = next(budget for budget in BY_NAME[scenario].budgets if budget.measure == key)
    verdict = found.verdict("plain", BY_NAME[scenario], budget, "ours")
    assert verdict is not None
    assert (verdict.best_peer, verdict.reached) == (NAMED[1], reached)


@pytest.mark.parametrize(("bytes_", "reached"), [(128.0, True), (129.0, False)])
def test_a_budget_may_be_a_number(bytes_, reached):
    found = results("connect", "dirty_b", ours=[bytes_])
    verdict = found.verdict("plain", BY_NAME["connect"], Budget("dirty_b", at_most=128), "ours")
    assert verdict is not None
    assert (verdict.best_peer, verdict.reached) == (None, reached)


@pytest.mark.parametrize(("per_s", "reached"), [(60_000.0, True), (59_900.0, False)])
def test_a_budget_may_be_a_number_to_reach(per_s, reached):
    stream = BY_NAME["notify-stream"]
    budget = next(budget for budget in stream.budgets if budget.measure == "published_per_s")
    found = results(stream.name, budget.measure, ours=[per_s])
    verdict = found.verdict("plain", stream, budget, "ours")
    assert verdict is not None
    assert (verdict.best_peer, verdict.reached) == (None, reached)
    assert found.goal("plain", stream, budget) == 60_000.0
    assert "publications per second >= 60,000 /s" in markdown.budgets(found, [stream])


def test_a_budget_may_be_more_than_another_scenario_of_the_same_round():
    notify = BY_NAME["notify-1"]
    budget = next(budget for budget in notify.budgets if budget.above)
    found = results("notify-1", "cpu_us", ours=[40.0, 70.0, 45.0], one=[20.0, 20.0, 20.0])
    found.runs += results("echo-1", "cpu_us", ours=[30.0, 50.0, None], one=[9.0, 9.0, 9.0]).runs
    verdict = found.verdict("plain", notify, budget, "ours")
    assert verdict is not None
    assert (verdict.value, verdict.best_peer, verdict.reached) == (Spread(15.0, 10.0, 20.0, 2), None, False)
    assert "`echo-1` + 10.00 us | Ours | plain loopback | + 15.00 (10.00 to 20.00) us" in markdown.budgets(
        found, [notify]
    )
    found.runs = [run for run in found.runs if run.round == 1]
    assert found.verdict("plain", notify, budget, "ours").reached
    found.runs = [run for run in found.runs if run.scenario == "notify-1"]
    assert found.verdict("plain", notify, budget, "ours") is None


def test_a_budget_may_be_a_multiple_of_another_scenario_of_the_same_round():
    centrifuge = BY_NAME["fanout-centrifuge"]
    (budget,) = centrifuge.budgets
    found = results(centrifuge.name, "cpu_us", ours=[6.3, 8.8, 7.0])
    found.runs += results("fanout-v1", "cpu_us", ours=[6.0, 8.0, None]).runs
    verdict = found.verdict("plain", centrifuge, budget, "ours")
    assert verdict is not None
    assert (verdict.value.low, verdict.value.high, verdict.value.count) == pytest.approx((1.05, 1.1, 2))
    assert verdict.best_peer is None and verdict.reached
    row = "<= 1.10 x that of `fanout-v1` | Ours | plain loopback | 1.08 (1.05 to 1.10) x |  | yes |"
    assert row in markdown.budgets(found, [centrifuge])
    found.runs = [dataclasses.replace(run, figures={"cpu_us": 9.0}) for run in found.runs if run.round == 1]
    found.runs[0].figures["cpu_us"] = 10.0
    assert not found.verdict("plain", centrifuge, budget, "ours").reached
    found.runs = [run for run in found.runs if run.scenario == centrifuge.name]
    assert found.verdict("plain", centrifuge, budget, "ours") is None


def test_without_a_peer_there_is_no_verdict():
    found = results("fanout", "cpu_us", ours=[4.0], one=[None])
    budget = BY_NAME["fanout"].budgets[0]
    assert found.verdict("plain", BY_NAME["fanout"], budget, "ours") is None
    assert "not measured" in markdown.budgets(found, [BY_NAME["fanout"]])


def test_every_budget_is_of_a_measure_of_its_scenario():
    for scenario in scenarios():
        keys = [measure.key for measure in scenario.measures]
        assert len(keys) == len(set(keys))
        assert {budget.measure for budget in scenario.budgets} <= set(keys)
        others = [other for budget in scenario.budgets for other in (budget.above, budget.times) if other]
        assert all(BY_NAME[other.scenario].measure(other.measure) for other in others)


def test_results_survive_their_file(tmp_path):
    found = results("fanout", "cpu_us", ours=[4.0, None], one=[5.0, 6.0])
    found.save(tmp_path / "results.json")
    assert Results.load(tmp_path / "results.json") == found


RECORD = {
    "verdict": "passed",
    "interrupted": False,
    "client_limited": None,
    "started_unix_ms": 5_000,
    "summary": [
        {"group": "CPU", "name": "server, per message received by us", "value": 7.5, "unit": "us"},
        {"group": "Connections", "name": "connected", "value": 100.0, "unit": ""},
        {"group": "Connections", "name": "time to connect all", "value": 2.0, "unit": "s"},
    ],
    "latencies": [{"name": "delivery to the last subscriber", "p50_us": 1500, "p99_us": 2500}],
}


def test_figures_come_from_the_record_of_the_load_tool():
    record = Record(RECORD)
    fanout, connect = BY_NAME["fanout"], BY_NAME["connect"]
    assert (record.reasons, record.connected_at_s) == ([], 7.0)
    assert fanout.measure("cpu_us").read(Outcome(record)) == 7.5
    assert fanout.measure("last_p99_ms").read(Outcome(record)) == 2.5
    assert fanout.measure("per_s").read(Outcome(record)) is None
    assert connect.measure("cpu_us").read(Outcome(record, connect_cpu_s=0.003)) == pytest.approx(30.0)


def test_a_run_that_failed_or_was_interrupted_says_so():
    assert Record({**RECORD, "verdict": {"failed": ["1 lost"]}}).reasons == ["1 lost"]
    assert Record({**RECORD, "interrupted": True}).reasons == ["interrupted"]


def test_cpu_is_that_from_the_first_sample_to_a_moment():
    samples = [(1.0, 0.5), (2.0, 0.7), (3.0, 0.9), (4.0, 5.0)]
    assert cpu_until(samples, 2.5) == pytest.approx(0.4)
    assert cpu_until(samples, 4.5) is None


def test_a_listener_is_found_in_the_table_of_the_kernel():
    table = [
        "  sl  local_address rem_address   st tx_queue rx_queue",
        "   0: 0100007F:1F40 00000000:0000 0A 00000000:00000000",
        "   1: 0100007F:1F41 0100007F:0050 01 00000000:00000000",
        "   2: 0100007F:1F42 00000000:0000 0A 00000000:00000000",
    ]
    assert process.listens(table, 8000)
    assert not process.listens(table, 8001)
    # Listeners come first in this table.
    assert not process.listens(table, 8002)


def test_every_round_has_every_server_in_an_order_of_its_own():
    def ordered(seed: int) -> list[tuple[int, str, str]]:
        return [(round_, one.name, server.name) for round_, one, server in plan(scenarios(), SERVERS, 3, seed)]

    assert ordered(7) == ordered(7)
    assert ordered(7) != ordered(8)
    assert len(set(ordered(7))) == len(ordered(7))
    for one in scenarios():
        able = {server.name for server in SERVERS if server.can(one)}
        assert {server for _, scenario, server in ordered(7) if scenario == one.name} == able
        assert sum(scenario == one.name for _, scenario, _ in ordered(7)) == 3 * len(able)


def test_servers_do_only_what_they_can():
    able = {one.name: {server.name for server in SERVERS if server.can(one)} for one in scenarios()}
    assert "nchan" not in able["echo"] and "nchan" in able["notify-32"]
    peers = {server.name for server in SERVERS if not server.ours}
    assert able["notify-1"] & peers == able["rooms-rate"] & peers == {"nchan", "bun"}
    ours = {server.name for server in SERVERS if server.ours}
    assert able["notify-batch"] == able["notify-stream"] == able["fanout-v1"] == able["fanout-centrifuge"] == ours
    assert able["fanout"] == {server.name for server in SERVERS}


def test_a_group_is_its_scenarios():
    parse = some_of(list(BY_NAME), groups())
    notify = ["notify-1", "notify-32", "notify-rate", "notify-batch", "notify-stream"]
    assert parse("notify,fanout") == ["echo-1", *notify, "fanout"]
    assert parse("rooms-rate") == ["rooms-rate"]
    with pytest.raises(argparse.ArgumentTypeError, match="rooms-rat"):
        parse("rooms-rat")


def target(http_address):
    """What a run needs to know of a server that listens."""
    server = dataclasses.replace(SERVERS[0], http_address=http_address)
    url = http_address and "http://127.0.0.1:2/pub/{channel}"
    return Running(server, "ws://127.0.0.1:1", "127.0.0.1:2", url, 0, None)


def test_publications_go_out_as_the_scenario_says():
    by_http = load_arguments(BY_NAME["notify-32"], target(lambda place: place.internal), None)
    assert by_http[by_http.index("--publish-url") + 1] == "http://127.0.0.1:2/pub/{channel}"
    assert "--publish-ws" not in by_http
    batch = load_arguments(BY_NAME["notify-batch"], target(lambda place: place.internal), None)
    assert batch[batch.index("--publish-url") + 1] == "http://127.0.0.1:2/pub"
    stream = load_arguments(BY_NAME["notify-stream"], target(lambda place: place.internal), None)
    assert stream[stream.index("--publish-stream") + 1] == "ws://127.0.0.1:2/publish"
    assert not {"--publish-ws", "--publish-url", "--pipeline"} & set(stream)
    by_websocket = load_arguments(BY_NAME["fanout"], target(None), None)
    assert by_websocket[by_websocket.index("--publish-ws") + 1] == "ws://127.0.0.1:1/sub/{channel}"
    assert "--publish-url" not in by_websocket
    centrifuge = load_arguments(BY_NAME["fanout-centrifuge"], target(lambda place: place.internal), None)
    assert "ws://127.0.0.1:1/connection/websocket" in centrifuge and "--publish-url" in centrifuge
    echo = load_arguments(BY_NAME["echo-1"], target(None), None)
    assert "ws://127.0.0.1:1/echo" in echo and not {"--publish-ws", "--publish-url"} & set(echo)


@pytest.mark.parametrize(
    "name",
    [
        *("echo-1", "notify-32", "notify-rate", "notify-batch", "notify-stream", "rooms-32"),
        *("fanout-v1", "fanout-centrifuge"),
    ],
)
def test_a_scenario_finds_all_its_figures(plane, name, monkeypatch):
    """With our own server, for a moment and with few channels."""
    monkeypatch.setenv("SWITCHBOARD_BIN", str(BINARY))
    monkeypatch.setenv("SWITCHBOARD_LOAD_BIN", str(LOAD))
    scenario = BY_NAME[name]
    small = {"--connections": "20", "--channels": "20", "--in-flight": "4", "--publishers": "4",
             "--publish-batch": "1", "--duration": "300ms"}  # fmt: skip
    pairs = itertools.pairwise(("", *scenario.arguments))
    arguments = tuple(small.get(before, argument) for before, argument in pairs)
    cores = Cores(min(os.sched_getaffinity(0)), max(os.sched_getaffinity(0)))
    with network.plain() as here:
        run = execute(dataclasses.replace(scenario, arguments=arguments), switchboard(plane), here, cores, 1, None)
    assert run.passed, run.failures
    assert run.figures.keys() == {measure.key for measure in scenario.measures}
    assert all(value > 0 for value in run.figures.values()), run.figures


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (7.456, "us", "7.46"),
        (456.7, "ms", "457"),
        (1_254_321.0, "/s", "1,250,000"),
        (11.74, "/s", "11.7"),
        (999.6, "/s", "1,000"),
        (-3.4, "B", "-3"),
        (18_247.7, "B", "18,248"),
    ],
)
def test_figures_for_people(value, unit, text):
    assert units.number(value, unit) == text


def test_the_command_is_told_without_the_folder_of_the_results():
    for out in (["--out", "/x"], ["--out=/x"]):
        assert without_out(["--rps", *out, "--rounds", "2"]) == ["--rps", "--rounds", "2"]


def test_a_single_round_has_no_spread():
    assert units.with_spread(Spread(7.0, 7.0, 7.0, 1), "us") == "7.00"
    assert units.with_spread(Spread(7.0, 6.5, 8.0, 3), "us") == "7.00 (6.50 to 8.00)"
    assert units.factor(Spread(0.85, 0.8, 0.9, 3)) == "0.85 (0.80 to 0.90)"


def test_only_the_generated_part_of_the_page_is_replaced():
    page = "# Benchmarks\n\nby hand\n"
    first = markdown.replaced(page, "## One\n")
    assert first == f"# Benchmarks\n\nby hand\n\n{markdown.BEGIN}\n\n## One\n\n{markdown.END}\n"
    second = markdown.replaced(first + "\nmore by hand\n", "## Two\n")
    assert second == f"# Benchmarks\n\nby hand\n\n{markdown.BEGIN}\n\n## Two\n\n{markdown.END}\n\nmore by hand\n"
    with pytest.raises(ValueError, match="without"):
        markdown.replaced(f"{markdown.BEGIN}\n", "## Three\n")


def test_a_table_has_a_row_for_every_server_that_ran_also_without_a_figure():
    found = results("fanout", "cpu_us", ours=[4.0], one=[None])
    found.runs = [dataclasses.replace(run, client_limited="busy") for run in found.runs]
    lines = markdown.table(found, BY_NAME["fanout"], "plain").splitlines()
    cells = [line.split(" | ") for line in lines if line.startswith("| O")]
    assert [row[0] for row in cells] == ["| Ours", "| One"]
    assert cells[0][1] == "4.00"
    assert cells[1][1] == "no run passed"
    assert cells[1][-1] == "0 of 1; client or machine busy in 1 |"
