"""Many clients of the npm SDK side by side, each with one channel, in one process."""

import json
import subprocess

from .centrifuge import NODE, PATH
from .waiting import wait_until

# What the SDK calls its transports, and where the server has them.
ENDPOINTS = {
    "websocket": ("ws", PATH),
    "http_stream": ("http", "/connection/http_stream"),
    "sse": ("http", "/connection/sse"),
}


class Crowd:
    """`count` clients, spread over the channels, by one transport."""

    def __init__(self, server, transport, channels, count):
        self.count = count
        scheme, path = ENDPOINTS[transport]
        endpoint = {"transport": transport, "endpoint": f"{scheme}://{server.host}{path}"}
        options = {"transports": [endpoint], "channels": channels, "count": count}
        options["emulationEndpoint"] = f"http://{server.host}/emulation"
        self.process = subprocess.Popen(
            ["node", "centrifuge_crowd.mjs", json.dumps(options)],
            cwd=NODE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def ask(self, what):
        self.process.stdin.write(f"{what}\n".encode())
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def counts(self):
        """How many listen, and how often they recovered and did not; none may have ended for good."""
        counts = self.ask("counts")
        assert counts["ended"] == [], counts
        return counts

    def seen(self):
        """For each client its channel, and the numbers that it got."""
        return [(one["channel"], one["numbers"]) for one in self.ask("seen")]

    def wait_until_all(self, what, reached):
        wait_until(f"all {self.count} {what}", lambda: reached(self.counts()), within_s=60)
