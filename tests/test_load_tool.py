"""The load tool against the real server: what it says when something is wrong, and what its report says."""

import json
import os
import re
import shlex
import subprocess

import pytest

from support.documents import blocks_of
from support.load import record_of, run_load
from support.ports import free_port
from support.server import ROOT, run_to_end

FEW = ["--connections", 5, "--connect-timeout", "2s", "--json", "--quiet"]
SHORT = ["--publications", 5, "--rate", 50, "--duration", "2s", "--drain", "500ms"]


def target(server, channel="{channel}"):
    return server.ws(f"/sub/{channel}")


def publishing(server, channel="{channel}"):
    return ["--publish-url", server.internal(f"/pub/{channel}")]


def fanout(server, *more):
    return run_load("fanout", target(server), *publishing(server), *FEW, *SHORT, *more)


def reasons(done):
    return " ".join(record_of(done)["verdict"]["failed"])


def test_a_server_that_is_not_there():
    port = free_port()
    done = run_load("idle", f"ws://127.0.0.1:{port}/", *FEW)
    assert done.returncode == 69 and "Connection refused" in done.stderr, done
    assert "is the server running?" in done.stderr, done


def test_a_publisher_that_is_not_there(server):
    url = f"http://127.0.0.1:{free_port()}/pub/{{channel}}"
    done = run_load("fanout", target(server), "--publish-url", url, *FEW, *SHORT)
    assert done.returncode == 69, done
    assert "the publisher" in done.stderr and "is the server running?" in done.stderr, done


def test_the_sentence_of_a_refused_handshake(server):
    done = run_load("idle", target(server), "--header", "Origin: http://evil.example", *FEW)
    assert done.returncode == 69, done
    assert "403: the origin is neither this host nor listed in allowed_origins" in done.stderr, done


def test_the_sentence_of_a_refused_publication(start, plane):
    server = start(plane, publish_bytes_max=65_536)
    done = fanout(server, "--size", 100_000)
    assert done.returncode == 1, done
    assert "publish: the server answered with 413: " in reasons(done), reasons(done)
    assert "publish_bytes_max" in reasons(done), reasons(done)


@pytest.mark.parametrize("shards", [1, 2])
def test_batches(start, plane, shards):
    server = start(plane, shards=shards)
    done = run_load(
        "fanout", target(server), "--publish-url", server.internal("/pub"), "--json", "--quiet",
        "--connections", 60, "--channels", 20, "--publish-batch", 10, "--in-flight", 20, "--publications", 205,
    )  # fmt: skip
    figures = {(one["group"], one["name"]): one["value"] for one in record_of(done)["summary"]}
    assert done.returncode == 0, done
    assert figures["Publications", "acknowledged"] == 205
    assert figures["Deliveries", "delivered"] == 205 * 3


def test_the_sentence_of_a_refused_line(start, plane):
    """The batch itself is answered with 200."""
    server = start(plane, publish_bytes_max=65_536)
    done = run_load(
        "fanout", target(server), "--publish-url", server.internal("/pub"), *FEW, *SHORT, "--channels", 1,
        "--publish-batch", 5, "--size", 100_000,
    )  # fmt: skip
    assert done.returncode == 1, done
    figures = {figure["name"]: figure["value"] for figure in record_of(done)["summary"]}
    assert (figures["acknowledged"], figures["refused or unanswered"]) == (0, 5), figures
    assert "publish: the server answered with 413: " in reasons(done), reasons(done)


KEY = "secret-of-32-characters-at-least"


def streaming(server):
    return ["--publish-stream", f"ws://127.0.0.1:{server.internal_port}/publish"]


@pytest.mark.parametrize("load", [["--in-flight", 20], ["--rate", 500]], ids=lambda load: load[0])
@pytest.mark.parametrize("shards", [1, 2])
def test_streams(start, plane, shards, load):
    server = start(plane, shards=shards, api_key=KEY)
    # The second size has a length of two bytes in the binary form.
    done = run_load(
        "fanout", target(server), *streaming(server), "--publish-header", f"X-API-Key: {KEY}", "--json", "--quiet",
        "--connections", 60, "--channels", 20, "--publishers", 2, "--publications", 205, *load,
        "--size", "64:50%,999:50%",
    )  # fmt: skip
    record = record_of(done)
    figures = {(one["group"], one["name"]): one["value"] for one in record["summary"]}
    assert done.returncode == 0, done
    assert figures["Publications", "acknowledged"] == 205
    assert figures["Deliveries", "delivered"] == 205 * 3
    counters = json.loads(server.request("GET", "/counters", headers={"X-API-Key": KEY})[2])
    assert counters["total"]["published_by_backends"] == 205
    assert record["server"].endswith(f" on {plane}"), record["server"]
    assert KEY not in done.stdout


def test_the_sentence_of_a_publication_that_a_stream_refuses(start, plane):
    server = start(plane, publish_bytes_max=65_536)
    done = run_load("fanout", target(server), *streaming(server), *FEW, *SHORT, "--size", 100_000)
    assert done.returncode == 1, done
    figures = {figure["name"]: figure["value"] for figure in record_of(done)["summary"]}
    assert (figures["acknowledged"], figures["refused or unanswered"]) == (0, 5), figures
    assert "publish: the server answered with 413: " in reasons(done), reasons(done)


def test_the_sentence_of_a_refused_stream(start, plane):
    server = start(plane, api_key=KEY)
    done = run_load("fanout", target(server), *streaming(server), *FEW, *SHORT)
    assert done.returncode == 69 and "the publisher: " in done.stderr and "401: " in done.stderr, done


def test_a_stream_that_the_server_closes(start, plane):
    """Its message has no room: the close code is said, and what was under way counts as unanswered."""
    server = start(plane, batch_bytes_max=65_536, publish_bytes_max=65_536)
    done = run_load("fanout", target(server), *streaming(server), *FEW, *SHORT, "--size", 100_000)
    assert done.returncode == 1 and "publisher: closed by the server with 1009" in reasons(done), reasons(done)
    figures = {figure["name"]: figure["value"] for figure in record_of(done)["summary"]}
    assert figures["acknowledged"] == 0 and figures["refused or unanswered"] > 0, figures


def test_the_sentence_of_a_refused_poll(server):
    done = run_load(
        "compare-transports", target(server), *publishing(server), *FEW, "--duration", "300ms",
        "--drain", "300ms", "--header", "Origin: http://evil.example",
    )  # fmt: skip
    rows = record_of(done)["comparison"]
    assert len(rows) == 4 and all("HTTP 403: the origin" in row["unavailable"] for row in rows), rows


def test_publications_that_nobody_listens_to(server):
    """To another channel of the same server, as by a slip of the hand."""
    done = run_load("fanout", target(server), *publishing(server, "other-{channel}"), *FEW, *SHORT)
    assert done.returncode == 1 and "202: nobody listens there" in reasons(done), done
    figures = {figure["name"]: figure["value"] for figure in record_of(done)["summary"]}
    assert figures["answered with 202, nobody listens"] == 5


def test_polls_whose_answers_have_all_messages(server):
    """A client of the interval poll then asks at its interval and not again and again until there is none."""
    done = run_load(
        "compare-transports", target(server), *publishing(server), *FEW, "--transports", "interval-poll,long-poll",
        "--header", "Accept: application/json", "--poll-answers", "all", "--poll-interval", "400ms", "--rate", 50,
        "--duration", "1s",
    )  # fmt: skip
    assert done.returncode == 0, done
    for row in record_of(done)["comparison"]:
        figures = {figure["name"]: figure["value"] for figure in row["figures"]}
        assert figures["delivered"] == 250 and figures["lost"] == 0, row
        assert row["name"] != "interval poll" or figures["requests"] < 100, row


def test_a_report_that_cannot_be_written(server, tmp_path):
    """It is noticed before the run."""
    file = tmp_path / "file"
    file.touch()
    before = server.counter("connections_accepted")
    done = run_load("idle", target(server), *FEW, "--report", file / "report")
    assert done.returncode == 64 and "--report" in done.stderr and not done.stdout, done
    assert server.counter("connections_accepted") == before


def test_several_processes(start, plane):
    servers = [start(plane) for _ in range(2)]
    pids = [server.pid for server in servers]
    done = fanout(servers[0], "--pid", pids[0], "--pid", pids[1])
    record = record_of(done)
    assert done.returncode == 0, done
    assert ["pid", f"{pids[0]},{pids[1]}"] in record["parameters"], record["parameters"]
    (memory,) = [series for series in record["series"] if series["name"] == "server resident memory"]
    resident = sum(server.resident_kib() for server in servers) * 1024
    assert abs(memory["points"][-1][1] - resident) < resident / 4, (memory["points"], resident)


@pytest.fixture
def named(start, plane):
    """A server with an API key, which the load tool has to give to learn its version."""
    return start(plane, api_key=KEY)


def test_the_report_says_what_was_measured(named, plane, tmp_path):
    key = ["--publish-header", f"X-API-Key: {KEY}"]
    done = fanout(named, *key, "--pid", named.pid, "--report", tmp_path)
    record = record_of(done)
    version = run_to_end("--version").stdout.split()[1]
    assert record["server"] == f"Switchboard {version} on {plane}", record["server"]
    # The command can be typed again, and shown to others.
    assert "X-API-Key: ***" in record["command"] and "secret-of" not in json.dumps(record)
    assert "--pid $(pgrep -d, -x switchboard)" in record["command"], record["command"]
    assert record["server"] in (tmp_path / "index.html").read_text()
    # A label of one's own, and the script that can be run again.
    more = ["--label", "Another 2.0 <beta>", "--command", "scripts/c10k.sh --plane epoll"]
    done = fanout(named, *key, *more, "--report", tmp_path)
    record = record_of(done)
    assert (record["server"], record["command"]) == (more[1], more[3])
    assert "Another 2.0 &lt;beta&gt;" in (tmp_path / "index.html").read_text()


def test_a_recorded_command_can_be_run(server):
    """As a shell reads it, with the process found by its name."""
    done = run_load("idle", target(server), "-c", "5", "--hold", "100ms", "--label", "it's", "--json", "-q")
    command = record_of(done)["command"]
    again = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=30, check=False)
    assert again.returncode == 0, again
    assert json.loads(again.stdout)["command"] == command


@pytest.mark.parametrize("closed", ["reader", "device"])
def test_a_standard_error_that_takes_nothing(server, closed):
    """The measurement and its exit code still count."""
    if closed == "device":
        writer = os.open("/dev/full", os.O_WRONLY)
    else:
        reader, writer = os.pipe()
        os.close(reader)
    try:
        done = run_load("idle", target(server), "-c", 5, "--hold", "100ms", "--json", stderr=writer)
        assert done.returncode == 0 and record_of(done)["verdict"] == "passed", done
        refused = run_load("idle", f"ws://127.0.0.1:{free_port()}/", *FEW, stderr=writer)
        assert refused.returncode == 69, refused
    finally:
        os.close(writer)


def test_the_table_of_both_planes(server, tmp_path):
    """What `scripts/c10k.sh` ends with, of two small runs on one plane and none on the other."""
    for mode, more in (("idle", ["--hold", "100ms"]), ("fanout", [*publishing(server), *SHORT])):
        folder = tmp_path / "epoll" / mode
        done = run_load(mode, target(server), *more, *FEW, "--pid", server.pid, "--report", folder)
        assert done.returncode == 0, done
    done = subprocess.run(
        [ROOT / "scripts/c10k_table.py", tmp_path, "io_uring", "epoll"],
        capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    rows = {line[:44].strip(): line[44:].split() for line in done.stdout.splitlines()}
    assert rows[""] == ["io_uring", "epoll"], done.stdout
    assert rows["idle"] == rows["fanout"] == ["-", "passed"], done.stdout
    assert rows["deliveries"] == ["-", "25"] and rows["lost"] == ["-", "0"], done.stdout
    assert rows["delivery, p99"][0] == "-" and rows["delivery, p99"][2] == "ms", done.stdout


# The commands in the documents, and how they are made small.
COMMANDS = [
    " ".join(text.replace("\\\n", " ").split())
    for page, language in (("README.md", "sh"), ("docs/load-testing.md", ""))
    for _, text in blocks_of(page, language)
    if "switchboard-load " in text and not any(word in text for word in ("...", "127.0.0.1:8080", "--allow-remote"))
]
SMALLER = {
    "connections": 20, "channels": 20, "in-flight": 8, "publish-batch": 4, "survivors": 5,
    "duration": "400ms", "hold": "100ms", "rate": 20, "backoff": "none",
}  # fmt: skip


def command_for(command, server, folder):
    """A documented command as arguments, for the server under test and for a moment."""
    command = command.rpartition("switchboard-load ")[2].replace("$(pgrep -d, -x switchboard)", str(server.pid))
    if "ws://" not in command:
        # What it is without a target.
        command = command.replace(" ", " ws://127.0.0.1:8000/sub/{channel} ", 1)
    command = command.replace("127.0.0.1:8000", server.host).replace("--report report", f"--report {folder}")
    command = command.replace("127.0.0.1:8001", f"127.0.0.1:{server.internal_port}")
    for flag, value in SMALLER.items():
        command = re.sub(rf"(--{flag}) \S+", rf"\1 {value}", command)
    short = ["--duration", "400ms"] if command.startswith("compare") else []
    return [*shlex.split(command), *short, "--quiet"]


def test_every_mode_is_documented():
    modes = [command.rpartition("switchboard-load ")[2].split()[0] for command in COMMANDS]
    assert sorted(modes) == sorted(
        ["fanout", "idle", *["fanout"] * 5, "echo", "storm", "slow", "churn", "compare-transports"]
    )


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[:50])
def test_documented_commands(start, tmp_path, command):
    server = start("epoll", echo=True)
    done = run_load(*command_for(command, server, tmp_path / "report"))
    assert done.returncode == 0 and "PASSED" in done.stdout, done
    assert ("--report" in command) == (tmp_path / "report/index.html").exists()
