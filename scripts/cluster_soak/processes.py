"""NATS servers and nodes on this machine: started, killed, frozen, started again."""

from __future__ import annotations

import asyncio
import os
import pathlib
import signal
import socket
import subprocess

READY_WITHIN_S = 60


def free_ports(count: int) -> list[int]:
    """Ports that nobody uses now, each another."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Process:
    """A program that may be killed and started again. Only this one is ever signalled."""

    def __init__(self, name: str, command: list[str], folder: pathlib.Path):
        self.name = name
        self.command = command
        self.log = folder / f"{name}.log"
        self.running: subprocess.Popen | None = None

    def start(self) -> None:
        # Variables such as SWITCHBOARD_BIN are for scripts, and a server refuses them.
        env = {name: value for name, value in os.environ.items() if not name.startswith("SWITCHBOARD_")}
        with open(self.log, "ab") as log:
            self.running = subprocess.Popen(
                self.command, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def freeze(self) -> None:
        self.running.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.running.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        if self.running and self.running.poll() is None:
            self.running.kill()
            self.running.wait()

    def check(self) -> None:
        """It runs; a node that ends by itself is a fault."""
        code = self.running.poll()
        if code is not None:
            raise AssertionError(f"{self.name} ended with {code}: {self.log.read_text()[-2000:]}")


class Nats(Process):
    """One of the NATS servers."""

    def __init__(self, number: int, program: str, port: int, routes: list[int], folder: pathlib.Path):
        self.port = port
        config = folder / f"nats-{number}.conf"
        others = ", ".join(f'"nats://127.0.0.1:{route}"' for route in routes)
        config.write_text(
            f'server_name: nats-{number}\nlisten: "127.0.0.1:{port}"\n'
            f'jetstream {{ store_dir: "{folder}/nats-{number}" }}\n'
            f'cluster {{ name: soak, listen: "127.0.0.1:{routes[number]}", routes: [{others}] }}\n'
        )
        super().__init__(f"nats-{number}", [program, "-c", str(config)], folder)


class Node(Process):
    """One of the nodes."""

    def __init__(self, number: int, program: str, options: list[str], nats: list[int], folder: pathlib.Path):
        self.port, self.internal_port = free_ports(2)
        servers = ",".join(f"nats://127.0.0.1:{port}" for port in nats)
        command = [
            program,
            f"--listen=127.0.0.1:{self.port}",
            f"--internal-listen=127.0.0.1:{self.internal_port}",
            "--engine=nats",
            f"--engine-servers={servers}",
            f"--engine-node-name=node-{number}",
            "--engine-partitions=4",
            *options,
        ]
        super().__init__(f"node-{number}", command, folder)

    def resident_kib(self) -> int:
        """Physical memory of the process."""
        for line in pathlib.Path(f"/proc/{self.running.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        raise AssertionError(f"{self.name} is gone")

    async def is_ready(self) -> bool:
        """Whether a load balancer would send clients here."""
        try:
            async with asyncio.timeout(2):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.internal_port)
                writer.write(b"GET /ready HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
                line = await reader.readline()
                writer.close()
                return b" 200 " in line
        except (OSError, TimeoutError):
            return False

    async def wait_until_ready(self) -> None:
        for _ in range(READY_WITHIN_S * 5):
            if await self.is_ready():
                return
            self.check()
            await asyncio.sleep(0.2)
        raise AssertionError(f"{self.name} is not ready: {self.log.read_text()[-2000:]}")


COUNT = 3


def start_cluster(
    switchboard: str, nats: str, options: list[str], folder: pathlib.Path
) -> tuple[list[Nats], list[Node]]:
    """Three NATS servers and three nodes."""
    ports = free_ports(2 * COUNT)
    servers = [Nats(number, nats, ports[number], ports[COUNT:], folder) for number in range(COUNT)]
    clients = [server.port for server in servers]
    nodes = [Node(number, switchboard, options, clients, folder) for number in range(COUNT)]
    for process in [*servers, *nodes]:
        process.start()
    return servers, nodes
