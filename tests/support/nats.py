"""NATS servers with JetStream, on free ports, each ended by its process."""

import os
import pathlib
import signal
import socket
import subprocess
import time

from .ports import free_port
from .server import ROOT

NATS = pathlib.Path(os.environ.get("SWITCHBOARD_NATS_BIN", ROOT / ".venv/nats/nats-server"))
READY_WITHIN_S = 30


class NatsServer:
    """One server, alone or in a cluster. What it stores outlives its process."""

    def __init__(self, folder, name, port, routes=None):
        self.port = port
        self.folder = folder / name
        self.folder.mkdir()
        self.process = None
        cluster = ""
        if routes:
            own, others = routes
            urls = ", ".join(f'"nats://127.0.0.1:{other}"' for other in others)
            cluster = f'cluster {{ name: test, listen: "127.0.0.1:{own}", routes: [{urls}] }}\n'
        self.config = self.folder / "nats.conf"
        self.config.write_text(
            f'server_name: {name}\nlisten: "127.0.0.1:{port}"\n'
            f'jetstream {{ store_dir: "{self.folder}" }}\n{cluster}'
        )
        self.start()

    @property
    def url(self):
        return f"nats://127.0.0.1:{self.port}"

    def start(self):
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(
                [str(NATS), "-c", str(self.config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + READY_WITHIN_S
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1) as line:
                    if line.recv(4).startswith(b"INFO"):
                        return
            except OSError:
                pass
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline, "nats-server does not listen"
            time.sleep(0.02)

    def kill(self):
        """Ends it without a word."""
        self.process.send_signal(signal.SIGCONT)
        self.process.kill()
        self.process.wait()

    def freeze(self):
        """It keeps its connections and does nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)


class Nats:
    """One server, or several that are a cluster."""

    def __init__(self, folder, count=1):
        assert NATS.exists(), f"{NATS} is missing: scripts/test.sh integration installs it"
        ports = []
        while len(ports) < 2 * count:
            port = free_port()
            if port not in ports:
                ports.append(port)
        own, routes = ports[:count], ports[count:]
        self.servers = []
        for number, port in enumerate(own):
            others = routes[:number] + routes[number + 1 :]
            clustered = (routes[number], others) if count > 1 else None
            self.servers.append(NatsServer(folder, f"n{number}", port, clustered))

    @property
    def urls(self):
        return ",".join(server.url for server in self.servers)

    def stop(self):
        for server in self.servers:
            server.kill()
