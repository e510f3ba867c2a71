"""The load tool's clients that speak Centrifuge, in every mode, and `switchboard.v1`, against the real server."""

import subprocess
import sys

import pytest

from support.load import record_of, run_load
from support.server import ROOT

PLAIN = ["--connections", 20, "--connect-timeout", "5s", "--json", "--quiet"]
FEW = [*PLAIN, "--dialect", "centrifuge"]
SHORT = ["--publications", 20, "--rate", 100, "--duration", "5s"]

NAMED = """
[namespace.named]
subscribe = "authenticated"
"""


def at(server):
    return server.ws("/connection/websocket")


def publishing(server):
    return ["--publish-url", server.internal("/pub/{channel}")]


def figures_of(done):
    assert done.returncode == 0, done
    return {(one["group"], one["name"]): one["value"] for one in record_of(done)["summary"]}


@pytest.mark.parametrize("size", ["64", "64-5000"])
def test_everything_comes(everywhere, size):
    """Also where a publication is longer than a piece that the kernel hands over."""
    done = run_load(
        "fanout", at(everywhere), *publishing(everywhere), *FEW, *SHORT, "--channels", 4, "--size", size
    )  # fmt: skip
    assert figures_of(done)["Deliveries", "delivered"] == 20 * 5


@pytest.mark.parametrize("dialect", ["centrifuge", "v1"])
def test_many_are_in_flight(everywhere, dialect):
    """Frames come together, and are cut anywhere."""
    to = at(everywhere) if dialect == "centrifuge" else everywhere.ws("/sub/{channel}")
    done = run_load(
        "fanout", to, *publishing(everywhere), *PLAIN, "--dialect", dialect, "--window", 32, "--publications", 2_000,
        "--duration", "30s",
    )  # fmt: skip
    assert figures_of(done)["Deliveries", "delivered"] == 2_000 * 20


def test_pings_are_answered(start, plane):
    server = start(plane, ping_interval_ms=1_000, pong_timeout_ms=1_000)
    done = run_load("idle", at(server), *FEW, "--hold", "3s")
    assert figures_of(done)["Connections", "pings answered"] >= 20


def test_clients_of_a_storm_go_on_where_they_were(everywhere):
    done = run_load(
        "storm", at(everywhere), *publishing(everywhere), *FEW, "--survivors", 2, "--hold", "300ms"
    )  # fmt: skip
    figures = figures_of(done)
    assert figures["Storm", "back"] == figures["Storm", "went on where they were"] == 20
    assert figures["Storm", "could not"] == 0


def test_clients_come_and_go(everywhere):
    done = run_load("churn", at(everywhere), *FEW, "--rate", 200, "--duration", "500ms")
    assert figures_of(done)["Churn", "left"] > 0


def test_it_is_compared_with_other_ways(everywhere):
    done = run_load(
        "compare-transports", everywhere.ws("/sub/{channel}"), *publishing(everywhere), *PLAIN,
        "--transports", "websocket,centrifuge", "--rate", 20, "--duration", "1s",
    )  # fmt: skip
    assert done.returncode == 0, done
    rows = record_of(done)["comparison"]
    assert [row["name"] for row in rows] == ["WebSocket", "Centrifuge"]
    for row in rows:
        figures = {figure["name"]: figure["value"] for figure in row["figures"]}
        assert figures["delivered"] == 400 and figures["lost"] == 0, row


def test_tokens_are_shown_in_connect(start, plane, namespaces, tmp_path):
    make = [sys.executable, ROOT / "scripts/make_tokens.py", "22", tmp_path]
    subprocess.run(make, timeout=60, check=True)
    server = start(plane, token_key=tmp_path / "token_key.pem", config=namespaces(NAMED))
    load = ["storm", at(server), *publishing(server), *FEW, "--channel", "named:{run}-{k}", "--survivors", 2,
            "--hold", "100ms"]  # fmt: skip
    done = run_load(*load, "--tokens", tmp_path / "tokens.txt")
    assert figures_of(done)["Storm", "went on where they were"] == 20
    assert "eyJ" not in done.stdout
    done = run_load(*load)
    assert done.returncode == 69 and "subscribe: the server answered with error 103" in done.stderr, done
    file = tmp_path / "wrong.txt"
    file.write_text("a.b.c\n" * 22)
    done = run_load(*load, "--tokens", file)
    assert done.returncode == 69 and "closed by the server with 3500: invalid token" in done.stderr, done
