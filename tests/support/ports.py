"""Free ports for servers under test."""

import os
import random
import socket

# Below the range that the kernel gives to outgoing connections: a port found free here is not taken
# by some client before the server binds it.
FIRST, LAST = 18_000, 31_999


def range_of_this_process():
    """Tests that run side by side have ports of their own: a server may come back to the one it had."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    ports = (LAST + 1 - FIRST) // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    return range(FIRST + worker * ports, FIRST + (worker + 1) * ports)


def free_port(host="127.0.0.1"):
    """A port nobody listens on. Another process may still take it: callers try again then."""
    for _ in range(200):
        port = random.choice(range_of_this_process())
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port found")
