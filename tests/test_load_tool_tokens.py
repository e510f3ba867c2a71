"""The load tool's tokens: every client shows one of its own, and a file that does not do is refused."""

import json
import subprocess
import sys

import pytest

from support.load import LOAD, record_of, run_load
from support.server import ROOT, clean_environment
from support.waiting import wait_until

FEW = ["--connections", 5, "--connect-timeout", "2s", "--json", "--quiet"]
SHORT = ["--publications", 5, "--rate", 50, "--duration", "2s", "--drain", "500ms"]

NAMED = """
[namespace.named]
subscribe = "authenticated"
publish = "authenticated"
"""
TO_NAMED = ["--channel", "named:{run}-{k}"]


@pytest.fixture(scope="module")
def tokens(tmp_path_factory):
    """The folder of `scripts/make_tokens.py`: six tokens, and the public key."""
    folder = tmp_path_factory.mktemp("tokens")
    subprocess.run([sys.executable, ROOT / "scripts/make_tokens.py", "6", folder], timeout=60, check=True)
    return folder


@pytest.fixture(scope="module")
def guarded(start_shared, plane, namespaces, tokens):
    """A server with a namespace that only users may listen to."""
    return start_shared(plane, token_key=tokens / "token_key.pem", config=namespaces(NAMED))


@pytest.mark.parametrize(
    "load",
    [
        ["fanout", *SHORT],
        ["fanout", *SHORT, "--publish-ws", "--channels", 2],
        ["storm", "--survivors", 1, "--hold", "100ms"],
        ["churn", "--rate", 100, "--duration", "300ms"],
        ["compare-transports", "--duration", "300ms", "--rate", 10, "--poll-interval", "100ms"],
    ],
    ids=["fanout", "publishers", "storm", "churn", "compare-transports"],
)
def test_clients_with_tokens(guarded, tokens, load):
    """Every client needs one, whatever it listens by; survivors are clients too."""
    publishes = load[0] != "churn" and "--publish-ws" not in load
    to = ["--publish-url", guarded.internal("/pub/{channel}")] if publishes else []
    mode, *more = [*load, *to, *TO_NAMED, *FEW]
    done = run_load(mode, guarded.ws("/sub/{channel}"), *more, "--tokens", tokens / "tokens.txt")
    assert done.returncode == 0, done
    rows = record_of(done)["comparison"]
    assert len(rows) == (4 if mode == "compare-transports" else 0) and not any(row["unavailable"] for row in rows)
    assert "eyJ" not in done.stdout
    without = run_load(mode, guarded.ws("/sub/{channel}"), *more)
    assert "401" in without.stdout + without.stderr, without


def test_each_connection_shows_a_token_of_its_own(guarded, tokens):
    command = [LOAD, "idle", guarded.ws("/sub/{channel}"), *TO_NAMED, *FEW, "--hold", "1m", "--pin", "none"]
    command += ["--tokens", tokens / "tokens.txt"]
    running = subprocess.Popen([*map(str, command)], env=clean_environment(), stdout=subprocess.DEVNULL)

    def connections_of(user):
        return json.loads(guarded.request("GET", f"/users/user-{user}")[2])["connections"]

    try:
        wait_until(
            "five users have a connection each",
            lambda: [connections_of(user) for user in range(6)] == [1, 1, 1, 1, 1, 0],
        )
    finally:
        running.terminate()
        running.wait(timeout=20)


@pytest.mark.parametrize(
    "text, reason",
    [
        ("a.b.c\n" * 4, "has 4 tokens for 5 connections"),
        ("a.b.c\n" * 5 + "\n", "line 6 is blank"),
        ("a.b.c\n" * 4 + "secret \n", "line 5 is no token"),
        ("", "has no tokens"),
        (None, "No such file"),
    ],
    ids=["few", "blank", "malformed", "empty", "missing"],
)
def test_a_file_of_tokens_that_does_not_do(server, tmp_path, text, reason):
    file = tmp_path / "tokens.txt"
    if text is not None:
        file.write_text(text)
    done = run_load("idle", server.ws("/sub/{channel}"), *FEW, "--tokens", file)
    assert done.returncode == 64 and f"--tokens: {file}" in done.stderr and reason in done.stderr, done
    assert "secret" not in done.stderr


def test_two_ways_to_say_who_a_client_is(server, tokens):
    header = ["--header", "authorization: Bearer x"]
    done = run_load("idle", server.ws("/sub/{channel}"), *FEW, "--tokens", tokens / "tokens.txt", *header)
    assert done.returncode == 64 and "--header Authorization" in done.stderr, done
