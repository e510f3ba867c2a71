"""Waiting for what a server does in its own time."""

import time


def wait_until(what, condition, within_s=20):
    """Waits until the condition holds, and fails with `what` when it does not in time."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not in {within_s} s: {what}"
        time.sleep(0.02)
