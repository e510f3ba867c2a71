"""`scripts/publish_fairness.sh`: that all of it runs, and what its table makes of runs. How fair the server is
takes longer to measure."""

import json
import subprocess

import pytest

from support.load import LOAD
from support.server import BINARY, ROOT, clean_environment


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def tables(text):
    """The rows of both tables: deliveries, and what was done."""
    first, second = text[text.index("| delivery") :].split("\n\n")
    return [[cells(line) for line in table.splitlines()[2:]] for table in (first, second.strip())]


# Those that misbehave are nice: beside other tests they would hardly run.
@pytest.mark.alone
def test_every_kind_runs_and_does_what_it_should(plane):
    done = subprocess.run(
        [ROOT / "scripts/publish_fairness.sh", "--plane", plane, "--rounds", "1", "--seconds", "2",
         "--connections", "50"],
        env={**clean_environment(), "SWITCHBOARD_BIN": str(BINARY), "SWITCHBOARD_LOAD_BIN": str(LOAD)},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    assert done.returncode == 0 and not done.stderr, done
    deliveries, did = tables(done.stdout)
    assert [len(deliveries), len(did)] == [5, 5], done.stdout
    assert all(float(row[3]) > 0 for row in deliveries), done.stdout
    assert all(" (" in row[6] and row[7] in ("yes", "**no**") for row in deliveries[1:]), done.stdout
    alone, stuck, batch, null, flood = (row[2] for row in did)
    assert alone == "", done.stdout
    assert all(word in stuck for word in ("half heads", "half bodies", "without reading")), stuck
    assert "batches answered with 200" in batch and "without an answer" not in batch, batch
    assert "batches answered with 200" in null and "without an answer" not in null, null
    assert int(flood.split(" ", 1)[0].replace(",", "")) > 10, flood


@pytest.mark.parametrize("arguments", [["--rounds", "0"], ["--plane", "select"], ["--nothing", "1"]])
def test_what_makes_no_sense_is_refused(arguments):
    done = subprocess.run(
        [ROOT / "scripts/publish_fairness.sh", *arguments], capture_output=True, text=True, timeout=10, check=False
    )
    assert done.returncode != 0 and done.stderr, done


def record(p99_ms, verdict="passed"):
    latency = {f"{name}_us": p99_ms * 1e3 for name in ("p50", "p90", "p99", "p999")}
    summary = [{"name": "server, all threads", "value": 0.5}]
    return {
        "verdict": verdict, "summary": summary, "latencies": [{"name": "delivery to each subscriber", **latency}],
    }  # fmt: skip


def test_the_table_compares_the_rounds_that_passed(tmp_path):
    p99s_ms = {"alone": [10, 20, 30], "stuck": [11, 22, 33], "batch": [12, 22, 40], "flood": [10, 20, 60]}
    for kind, rounds in p99s_ms.items():
        for number, p99_ms in enumerate(rounds, 1):
            failed = {"failed": ["1 lost"]} if (kind, number) == ("flood", 3) else "passed"
            (tmp_path / f"{kind}.{number}.json").write_text(json.dumps(record(p99_ms, failed)))
    (tmp_path / "stuck.2.did").write_text('attacking\n{"half heads": 1200}\n')
    (tmp_path / "batch.1.did").write_text("")
    done = subprocess.run(
        ["python3", ROOT / "scripts/fairness_table.py", tmp_path, *(f"{kind}={kind}" for kind in p99s_ms)],
        capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    deliveries, did = tables(done.stdout)
    assert [row[3] for row in deliveries] == ["20.00", "22.00", "22.00", "15.00"]
    assert [row[6] for row in deliveries] == [
        "", "1.10 (1.10 to 1.10)", "1.20 (1.10 to 1.33)", "1.00 (1.00 to 1.00)"
    ]  # fmt: skip
    assert [row[7] for row in deliveries] == ["", "yes", "**no**", "yes 2 of 3 runs passed"]
    assert [row[2] for row in did] == ["", "1,200 half heads", "", ""]
