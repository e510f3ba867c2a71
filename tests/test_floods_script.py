"""`scripts/floods.sh`: that each flood runs, and what its table makes of runs. What they cost takes longer to
measure, on a machine with nothing else to do."""

import json
import subprocess

import pytest

from support.load import LOAD
from support.server import BINARY, ROOT, clean_environment


def rows(text):
    lines = text[text.index("| flood") :].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


# The stranger is nice: beside other tests it would hardly run.
@pytest.mark.alone
@pytest.mark.timeout(240)
def test_every_flood_runs_beside_honest_clients(plane):
    done = subprocess.run(
        [ROOT / "scripts/floods.sh", "--plane", plane, "--seconds", "2", "--connections", "50"],
        env={**clean_environment(), "SWITCHBOARD_BIN": str(BINARY), "SWITCHBOARD_LOAD_BIN": str(LOAD)},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=220, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and not done.stderr, done
    assert "did not pass" not in done.stdout, done.stdout
    found = {row[0]: row for row in rows(done.stdout)}
    assert len(found) == 12, done.stdout
    for title, reason in [
        ("silent connections", "refused_silent"),
        ("messages where nobody may publish", "closed_policy"),
        ("publications as fast as it can", "closed_policy"),
        ("polls in pipelines, to names that nobody used", "refused_joins"),
    ]:
        assert reason in found[title][5], found[title]
    # The stranger's address has its share, and 64 connections that wait to be refused.
    assert all(int(row[1].replace(",", "")) <= 270 for row in found.values()), done.stdout


@pytest.mark.parametrize("arguments", [["--rounds", "0"], ["--plane", "select"], ["--only", "A"]])
def test_what_makes_no_sense_is_refused(arguments):
    done = subprocess.run(
        [ROOT / "scripts/floods.sh", *arguments], capture_output=True, text=True, timeout=10, check=False
    )
    assert done.returncode != 0 and done.stderr, done


def test_the_table_takes_away_what_the_honest_clients_take(tmp_path):
    def write(kind, p99_ms, cores, slots, mib, refused):
        latency = {f"{name}_us": p99_ms * 1e3 for name in ("p50", "p90", "p99", "p999")}
        summary = [{"name": "server, all threads", "value": cores}]
        latencies = [{"name": "delivery to each subscriber", **latency}]
        record = {"verdict": "passed", "summary": summary, "latencies": latencies}
        (tmp_path / f"{kind}.1.json").write_text(json.dumps(record))
        did = {"slots": slots, "memory MiB": mib, "sent": {}, "refused": refused}
        (tmp_path / f"{kind}.1.did").write_text(f"attacking\n{json.dumps(did)}\n")

    write("alone", 10, 0.2, 1_000, 5.0, {})
    write("silent", 11, 0.3, 2_200, 5.5, {"refused_address": 1_500, "closed_slow": 2})
    write("pings", 20, 0.9, 900, 4.0, {})
    done = subprocess.run(
        ["python3", ROOT / "scripts/floods_table.py", tmp_path, "1000"],
        capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    assert rows(done.stdout) == [
        ["silent connections", "1,200", "0.5", "0.10", "11.00 (1.10 x)",
         "`closed_slow` 2, `refused_address` 1,500"],
        ["pings, no answer read", "0", "0.0", "0.70", "20.00 (2.00 x)", "nothing"],
    ]  # fmt: skip
