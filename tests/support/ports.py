"""Free ports for servers under test."""

import random
import socket

# Below the range that the kernel gives to outgoing connections: a port found free here is not taken
# by some client before the server binds it.
FIRST, LAST = 18_000, 31_999


def free_port(host="127.0.0.1"):
    """A port nobody listens on. Another process may still take it: callers try again then."""
    for _ in range(200):
        port = random.randint(FIRST, LAST)
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            try:
                probe.bind((host, port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port found")
