"""`scripts/strangers.sh` for a few seconds, so that it stays what it says. An hour of it is run by hand."""

import os
import subprocess

import pytest

from support.server import BINARY, ROOT, clean_environment


@pytest.mark.timeout(240)
def test_strangers_leave_nothing_behind(plane):
    run = subprocess.run(
        [ROOT / "scripts/strangers.sh", "--plane", plane, "--seconds", "8", "--share", "30"],
        env={**clean_environment(), "SWITCHBOARD_BIN": os.fspath(BINARY)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "lost nothing, all is back to base" in run.stdout, run.stdout
