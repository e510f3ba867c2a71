"""What `scripts/reconnect.sh` makes of its runs: the table of both planes, of records and of one small run."""

import pytest

from compare.record import Record
from reconnect import __main__ as reconnect
from support.load import run_load
from support.tokens import KEYS, token, write_public_key


def record(back_s=12.3, quiet_us=10_000, meanwhile_us=19_000, failed=None):
    """What the load tool's `storm` reports."""
    latencies = [
        {"name": name, "p50_us": us / 2, "p99_us": us}
        for name, us in [(reconnect.QUIET, quiet_us), (reconnect.MEANWHILE, meanwhile_us), (reconnect.AFTER, 5_000)]
        if us
    ]
    figures = [("dropped", 1000.0), ("connects that failed meanwhile", 3.0)]
    if back_s:
        figures += [("95 % back after", back_s)]
    return Record(
        {
            "verdict": {"failed": [failed]} if failed else "passed",
            "interrupted": False,
            "client_limited": "the machine was a limit" if failed else None,
            "parameters": [["survivors", "20"], ["rate", "5"], ["backoff", "none"]],
            "summary": [{"group": "Storm", "name": name, "value": value} for name, value in figures],
            "latencies": latencies,
        }
    )


def cells(records):
    rows = [line.strip("| ").split(" | ") for line in reconnect.table(records).splitlines()]
    return {row[0]: row[1:] for row in rows}


def test_goals_are_reached_and_missed():
    rows = cells({"io_uring": record(30.0, 10_000, 19_900), "epoll": record(30.1, 10_000, 20_000)})
    assert rows["goal: 95 % in 30 s"] == ["reached", "**missed**"]
    assert rows["p99 meanwhile, of that before"] == ["1.99 x", "2.00 x"]
    assert rows["goal: below 2 x"] == ["reached", "**missed**"]
    assert rows["clients that are cut off at once"] == ["1,000", "1,000"]
    assert rows["what went wrong"] == ["nothing", "nothing"]


@pytest.mark.parametrize("one", [record(back_s=None), record(meanwhile_us=None), record(failed="2 lost")])
def test_what_was_not_measured_is_not_reached(one):
    rows = cells({"io_uring": None, "epoll": one})
    assert all(row[0] == "-" for row in rows.values() if len(row) == 2 and row[0] != "io_uring")
    assert ("**missed**" in [row[1] for row in rows.values() if len(row) == 2]) != bool(one.reasons)
    assert rows["what went wrong"][1] == ("2 lost" if one.reasons else "nothing")
    assert ("the machine was a limit" in reconnect.notes({"io_uring": None, "epoll": one})) == bool(one.reasons)


def test_a_small_storm_with_tokens_has_all_figures(start, plane, namespaces, tmp_path):
    """As the script runs it, for a moment."""
    config = namespaces('[namespace.default]\nsubscribe = "authenticated"\n')
    server = start(plane, token_key=write_public_key("ES256", tmp_path / "key.pem"), config=config)
    tokens = tmp_path / "tokens.txt"
    tokens.write_text("".join(token(str(user), key=KEYS["ES256"], algorithm="ES256") + "\n" for user in range(60)))
    done = run_load(
        "storm", server.ws("/sub/{channel}"), "--publish-url", server.internal("/pub/{channel}"), "--connections", 50,
        "--survivors", 10, "--rate", 100, "--hold", "300ms", "--pid", server.pid, "--tokens", tokens,
        "--returning-max", 7, "--report", tmp_path / plane, "--quiet",
    )  # fmt: skip
    assert done.returncode == 0, done
    (record,) = reconnect.read(tmp_path, [plane]).values()
    # Survivors do not wait for the connects of the others.
    assert record.figure("CPU", "client load-survivors") is not None, record.raw["summary"]
    rows = cells({plane: record})
    assert rows["clients that are cut off at once"] == ["50"] and rows["clients that stay"] == ["10"]
    assert rows["handshakes at a time"] == ["7"]
    meanwhile = {"survivors meanwhile, p50", "survivors meanwhile, p99", "p99 meanwhile, of that before"}
    missing = {label for label, row in rows.items() if row == ["-"]}
    # It may be over before a publication is due.
    assert missing <= meanwhile, rows
