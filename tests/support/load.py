"""The load tool, run to its end."""

import json
import os
import pathlib
import subprocess

from .server import ROOT, clean_environment

LOAD = pathlib.Path(os.environ.get("SWITCHBOARD_LOAD_BIN", ROOT / "target/release/switchboard-load"))


def run_load(*arguments, timeout=60, **streams):
    """Runs it with a result in JSON. It stays on no core of its own: others work beside it."""
    assert LOAD.exists(), f"{LOAD} is missing: build it, or name it in SWITCHBOARD_LOAD_BIN"
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    return subprocess.run(
        [LOAD, *map(str, arguments), "--pin", "none"],
        env=clean_environment(), stdin=subprocess.DEVNULL, timeout=timeout, check=False, text=True, **streams,
    )  # fmt: skip


def record_of(done):
    """The record of a run with `--json`."""
    assert done.stdout, done
    return json.loads(done.stdout)
