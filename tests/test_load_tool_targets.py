"""The load tool with several servers as its targets, whose fan-out it verifies as one."""

import csv
import re
import shlex
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.documents import blocks_of
from support.fan_out import FanOut
from support.load import record_of, run_load
from support.server import run_to_end
from support.waiting import wait_until

CONNECTIONS, PUBLICATIONS = 10, 20
EACH = CONNECTIONS // 2
NEWS = ["--publications", PUBLICATIONS, "--rate", 200, "--duration", "10s"]
SOME = ["--connections", CONNECTIONS, *NEWS]
FEW = ["--drain", "1s", "--json", "--quiet"]
PUBLISH = "/pub/{channel}"


@pytest.fixture
def nodes(start, plane):
    """Two servers that know nothing of each other."""
    return [start(plane) for _ in range(2)]


def targets(nodes, path="/sub/{channel}"):
    return [node.ws(path) for node in nodes]


def publishing(urls):
    return [argument for url in urls for argument in ("--publish-url", url)]


def fanout(nodes, urls, *more):
    return run_load("fanout", *targets(nodes), *publishing(urls), *SOME, *FEW, *more)


def column(record, name, rows="targets"):
    """A figure of each target."""
    found = [{figure["name"]: figure["value"] for figure in row["figures"]} for row in record[rows]]
    return [figures[name] for figures in found]


def reasons(record):
    return " ".join(record["verdict"]["failed"])


def test_servers_that_share_their_channels_pass(nodes, plane):
    before = [node.counter("connections_accepted") for node in nodes]
    with FanOut(nodes) as fan_out:
        done = fanout(nodes, fan_out.urls(PUBLISH))
        hosts = [fan_out.host(nth) for nth in range(2)]
    record = record_of(done)
    assert done.returncode == 0, done
    assert [row["name"] for row in record["targets"]] == [node.host for node in nodes]
    assert column(record, "connected") == [EACH, EACH]
    assert column(record, "delivered") == [EACH * PUBLICATIONS] * 2
    for kind in ("failed", "dropped", "lost", "duplicated", "reordered", "foreign"):
        assert column(record, kind) == [0, 0], kind
    for p50, p99 in zip(column(record, "delivery p50"), column(record, "delivery p99"), strict=True):
        assert 0 < p50 <= p99, record["targets"]
    # One was published at each address in turn, and both servers have all of them.
    assert fan_out.received == [PUBLICATIONS / 2] * 2
    assert column(record, "acknowledged", "publish_targets") == [PUBLICATIONS / 2] * 2
    assert [node.counter("published_by_backends") for node in nodes] == [PUBLICATIONS] * 2
    assert [node.counter("connections_accepted") for node in nodes] == [one + EACH for one in before]
    version = run_to_end("--version").stdout.split()[1]
    described = f"Switchboard {version} on {plane}"
    assert [row["server"] for row in record["publish_targets"]] == [described] * 2
    assert record["server"] == f"{described} ({', '.join(hosts)})", record["server"]
    assert record["target"] == " ".join(targets(nodes)), record["target"]


@pytest.mark.parametrize("channels", [2, 4, 5])
def test_the_subscribers_of_each_channel_are_at_both(nodes, channels):
    with FanOut(nodes) as fan_out:
        urls = fan_out.urls(PUBLISH)
        some = ["--channels", channels, "--connections", 4 * channels, *NEWS]
        done = run_load("fanout", *targets(nodes), *publishing(urls), *some, *FEW)
        assert min(fan_out.received) > 0
    record = record_of(done)
    assert done.returncode == 0, done
    # Two subscribers of each channel at each server: every publication reaches both of both.
    assert column(record, "delivered") == [2 * PUBLICATIONS] * 2


def test_servers_that_do_not_share_lack_what_was_published_at_the_other(nodes):
    done = fanout(nodes, [node.internal(PUBLISH) for node in nodes])
    record = record_of(done)
    assert done.returncode == 1, done
    half = EACH * PUBLICATIONS / 2
    assert column(record, "delivered") == column(record, "lost") == [half, half]
    assert f"{2 * half:.0f} deliveries lost, for example: {nodes[0].host}: connection " in reasons(record)


def test_what_a_server_lacks_is_its_own_loss(nodes):
    done = fanout(nodes, [nodes[0].internal(PUBLISH)])
    record = record_of(done)
    assert done.returncode == 1, done
    assert column(record, "delivered") == [EACH * PUBLICATIONS, 0]
    assert column(record, "lost") == [0, EACH * PUBLICATIONS]
    assert f"{nodes[1].host}: connection 1, channel 0: publications 1 to {PUBLICATIONS} never" in reasons(record)
    assert nodes[0].host not in reasons(record)
    assert "publish_targets" not in record


@pytest.mark.parametrize(("fault", "kind"), [("lose", "lost"), ("repeat", "duplicated"), ("swap", "reordered")])
def test_what_goes_wrong_at_one_server(nodes, fault, kind):
    with FanOut(nodes, (1, fault)) as fan_out:
        done = fanout(nodes, fan_out.urls(PUBLISH))
    record = record_of(done)
    assert done.returncode == 1, done
    for other in ("lost", "duplicated", "reordered", "foreign"):
        assert column(record, other) == [0, EACH if other == kind else 0], (other, reasons(record))
    assert f"{EACH} deliveries {kind}, for example: {nodes[1].host}: connection " in reasons(record)


def test_a_target_that_refuses(start, plane):
    origin = "http://a.example"
    nodes = [start(plane, allowed_origins=origin), start(plane)]
    with FanOut(nodes) as fan_out:
        done = fanout(nodes, fan_out.urls(PUBLISH), "--header", f"Origin: {origin}")
    record = record_of(done)
    assert done.returncode == 1, done
    assert column(record, "connected") == column(record, "failed")[::-1] == [EACH, 0]
    assert column(record, "delivered") == [EACH * PUBLICATIONS, 0]
    assert column(record, "lost") == [0, 0]
    sentence = "subscriber: the server answered with 403: the origin is neither this host nor listed in allowed_origins"
    assert f"{EACH} connections failed ({nodes[1].host}: {sentence}" in reasons(record), reasons(record)


def test_a_server_that_stops(nodes):
    """Its clients are dropped; those of the other have everything."""
    publications = 60
    some = ["--connections", CONNECTIONS, "--publications", publications, "--rate", 30, "--duration", "20s"]
    with FanOut(nodes) as fan_out, ThreadPoolExecutor() as pool:
        publish = publishing(fan_out.urls(PUBLISH))
        run = pool.submit(run_load, "fanout", *targets(nodes), *publish, *some, *FEW)
        wait_until("some are published", lambda: nodes[1].counter("published_by_backends") > 5)
        nodes[1].terminate()
        done = run.result()
    record = record_of(done)
    assert done.returncode == 1, done
    assert column(record, "dropped") == [0, EACH]
    assert column(record, "lost") == [0, 0]
    first, second = column(record, "delivered")
    assert first == EACH * publications and 0 < second < first, record["targets"]
    assert f"({nodes[1].host}: subscriber: closed by the server with 1001" in reasons(record), reasons(record)


def test_a_server_that_refuses_publications(start, plane):
    """The next one of the channel goes to the other."""
    nodes = [start(plane), start(plane, publish_bytes_max=65_536)]
    urls = [node.internal(PUBLISH) for node in nodes]
    done = run_load("fanout", nodes[0].ws("/sub/{channel}"), *publishing(urls), *SOME, *FEW, "--size", 100_000)
    record = record_of(done)
    assert done.returncode == 1, done
    assert "targets" not in record
    assert column(record, "acknowledged", "publish_targets") == [PUBLICATIONS / 2, 0]
    assert column(record, "refused or unanswered", "publish_targets") == [0, PUBLICATIONS / 2]
    host = nodes[1].internal("").removeprefix("http://")
    assert f"({host}: publish: the server answered with 413: " in reasons(record), reasons(record)
    assert "lost" not in reasons(record), reasons(record)


@pytest.mark.parametrize("way", ["--publish-stream", "--publish-ws"])
def test_other_ways_to_publish(nodes, way):
    """By WebSocket, all of a channel's go to one server: what is published there has no answer to wait for."""
    urls = {
        "--publish-stream": [f"ws://127.0.0.1:{node.internal_port}/publish" for node in nodes],
        "--publish-ws": [node.ws("/sub/{channel}") for node in nodes],
    }[way]
    publish = [argument for url in urls for argument in (way, url)]
    done = run_load(
        "fanout", *targets(nodes), *publish, *SOME, *FEW, "--channels", 2, "--channel", "demo:{run}-{k}",
    )  # fmt: skip
    record = record_of(done)
    assert column(record, "sent", "publish_targets") == [PUBLICATIONS / 2] * 2, done
    # Each server's subscribers have what was published there, and no more.
    half = EACH * PUBLICATIONS / 4
    assert column(record, "delivered") == pytest.approx([half, half], abs=half / 5)
    assert sum(column(record, "delivered") + column(record, "lost")) == CONNECTIONS * PUBLICATIONS / 2


def test_the_ways_to_listen_at_two_servers(nodes):
    with FanOut(nodes) as fan_out:
        done = run_load(
            "compare-transports", *targets(nodes), *publishing(fan_out.urls(PUBLISH)), *FEW,
            "--transports", "interval-poll,long-poll,event-stream,websocket,centrifuge", "--connections", CONNECTIONS,
            "--rate", 20, "--duration", "500ms", "--poll-interval", "200ms",
        )  # fmt: skip
    record = record_of(done)
    assert done.returncode == 0, done
    assert [row["name"] for row in record["targets"][:2]] == [f"interval poll, {node.host}" for node in nodes]
    assert column(record, "clients") == [EACH] * 10
    assert column(record, "delivered") == [EACH * 10] * 10


@pytest.mark.parametrize("dialect", ["v1", "centrifuge"])
def test_dialects_at_two_servers(nodes, dialect):
    path = "/connection/websocket" if dialect == "centrifuge" else "/sub/{channel}"
    with FanOut(nodes) as fan_out:
        publish = publishing(fan_out.urls(PUBLISH))
        done = run_load("fanout", *targets(nodes, path), *publish, "--dialect", dialect, *SOME, *FEW)
    assert done.returncode == 0, done
    assert column(record_of(done), "delivered") == [EACH * PUBLICATIONS] * 2


@pytest.mark.parametrize(
    ("mode", "more"),
    [("idle", ["--hold", "100ms"]), ("churn", ["--duration", "300ms", "--rate", 100]), ("storm", ["--survivors", 4])],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_other_modes_at_two_servers(nodes, mode, more):
    with FanOut(nodes) as fan_out:
        if mode == "storm":
            more = [*more, *publishing(fan_out.urls(PUBLISH)), "--hold", "300ms", "--drain", "1s"]
        done = run_load(mode, *targets(nodes), *more, "--connections", CONNECTIONS, "--json", "--quiet")
    record = record_of(done)
    assert done.returncode == 0, done
    first, second = column(record, "connected")
    assert first > 0 and abs(first - second) <= 2, record["targets"]
    assert column(record, "failed") == column(record, "dropped") == [0, 0]


def test_each_server_has_its_share_of_slow_subscribers(nodes):
    """Two of five, whose deliveries are not counted."""
    with FanOut(nodes) as fan_out:
        done = run_load(
            "slow", *targets(nodes), *publishing(fan_out.urls(PUBLISH)), *FEW, "--connections", CONNECTIONS,
            "--slow-percent", 50, "--rate", 50, "--duration", "400ms",
        )  # fmt: skip
    assert done.returncode == 0, done
    assert column(record_of(done), "delivered") == [3 * PUBLICATIONS] * 2


def test_the_tables_of_several_targets(nodes, tmp_path):
    """In the terminal, on the page and as CSV, and only where there are several."""
    with FanOut(nodes) as fan_out:
        urls = fan_out.urls(PUBLISH)
        done = run_load("fanout", *targets(nodes), *publishing(urls), *SOME, "--quiet", "--report", tmp_path / "two")
        one = run_load("fanout", *targets(nodes[:1]), *publishing(urls[:1]), *SOME, "--report", tmp_path / "one")
    assert done.returncode == one.returncode == 0, (done, one)
    lines = done.stdout.splitlines()
    begin = next(nth for nth, line in enumerate(lines) if line.startswith("Targets "))
    assert lines[begin].split()[1:4] == ["connected", "failed", "dropped"], done.stdout
    assert [line.split()[:2] for line in lines[begin + 1 : begin + 3]] == [[node.host, str(EACH)] for node in nodes]
    assert f"deliveries to {CONNECTIONS} subscribers at 2 targets, none lost" in done.stdout, done.stdout
    page = (tmp_path / "two/index.html").read_text()
    assert "<h2>Targets</h2>" in page and "<h2>Published to</h2>" in page
    with open(tmp_path / "two/targets.csv", newline="") as file:
        delivered = {row["target"]: row["value"] for row in csv.DictReader(file) if row["name"] == "delivered"}
    assert delivered == {node.host: str(EACH * PUBLICATIONS) for node in nodes}
    assert "Targets" not in one.stdout and "<h2>Targets</h2>" not in (tmp_path / "one/index.html").read_text()
    assert not (tmp_path / "one/targets.csv").exists()


def test_the_documented_command(nodes):
    (command,) = [text for _, text in blocks_of("docs/load-testing.md", "") if "--allow-remote" in text]
    command = " ".join(command.replace("\\\n", " ").split()).removeprefix("switchboard-load ")
    command = re.sub(r"(--(?:connections|rate|duration)) \S+", "", command)
    with FanOut(nodes) as fan_out:
        for nth, name in enumerate(("node-a", "node-b")):
            command = command.replace(f"{name}:8000", nodes[nth].host).replace(f"{name}:8001", fan_out.host(nth))
        assert "node-" not in command
        done = run_load(*shlex.split(command), *SOME, "--quiet")
    assert done.returncode == 0 and "at 2 targets, none lost" in done.stdout, done
