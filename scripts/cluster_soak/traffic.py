"""Publishers that go on until each message is acknowledged, and readers that must get each of them once."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import time
from collections import Counter
from collections.abc import Callable

from soak.listeners import HANDSHAKE, PONG
from soak.wire import PING, TEXT, Wire

from .processes import Node

ANSWER_WITHIN_S = 15
PAUSE_S = 0.2


class Publisher:
    """Publishes the numbers 1, 2, 3 ... to one channel, each under a key of its own and until a node says that it is
    stored: the same key again publishes nothing twice."""

    def __init__(self, channel: str, nodes: list[Node], per_second: float):
        self.channel = channel
        self.nodes = nodes
        self.per_second = per_second
        self.acknowledged = 0
        self.retries = 0
        self.stall_s_max = 0.0
        self.is_done = False

    async def run(self, seconds: float) -> None:
        began = time.monotonic()
        while (due := self.acknowledged / self.per_second) < seconds:
            await asyncio.sleep(max(0.0, began + due - time.monotonic()))
            sent = time.monotonic()
            while not await self.publish(self.acknowledged + 1):
                self.retries += 1
                await asyncio.sleep(PAUSE_S)
            self.stall_s_max = max(self.stall_s_max, time.monotonic() - sent)
            self.acknowledged += 1
        self.is_done = True

    async def publish(self, number: int) -> bool:
        """One try, at any node."""
        node = random.choice(self.nodes)
        command = {"channel": self.channel, "data": number, "idempotency_key": f"{self.channel}-{number}"}
        body = json.dumps(command)
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                wire = await Wire.open("127.0.0.1", node.internal_port)
                try:
                    wire.send(
                        f"POST /api/publish HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n"
                        f"Connection: close\r\n\r\n{body}".encode()
                    )
                    head = await wire.head()
                    return head.status == 200 and b'"result"' in await wire.body(head)
                finally:
                    wire.cut(with_reset=False)
        except (OSError, EOFError, TimeoutError):
            return False


class Reader:
    """A client of `switchboard.v1` that goes on at any node when its own is gone, or when it feels like it."""

    def __init__(self, channel: str, nodes: list[Node]):
        self.channel = channel
        self.nodes = nodes
        self.last = 0
        self.position: str | None = None
        self.positions: dict[int, str] = {}
        self.visits = 0
        self.faults: Counter[str] = Counter()
        self.examples: list[str] = []

    def fault(self, what: str, words: str) -> None:
        self.faults[what] += 1
        if len(self.examples) < 3:
            self.examples.append(f"{self.channel}: {what}: {words}")

    async def run(self, is_over: Callable[[], bool]) -> None:
        while not is_over():
            stay_s = random.expovariate(1 / 20)
            with contextlib.suppress(OSError, EOFError, TimeoutError):
                async with asyncio.timeout(stay_s):
                    await self.visit(random.choice(self.nodes))
            await asyncio.sleep(random.random() * PAUSE_S)

    async def visit(self, node: Node) -> None:
        wire = await Wire.open("127.0.0.1", node.port)
        try:
            since = self.position or "earliest"
            wire.request(f"/sub/{self.channel}?since={since}", HANDSHAKE)
            head = await wire.head()
            if head.status != 101:
                raise OSError(f"status {head.status}")
            self.visits += 1
            while True:
                opcode, payload = await wire.frame()
                if opcode == PING:
                    wire.send_frame(PONG, payload)
                elif opcode == TEXT:
                    self.take(payload)
                else:
                    raise EOFError("the server ends it")
        finally:
            wire.cut(with_reset=False)

    def take(self, message: bytes) -> None:
        header, _, payload = message.partition(b"\n\n")
        kind, position = header.decode().split("\n")[0].split(": ")
        if kind == "gap":
            self.fault("gaps", header.decode())
        elif kind == "position":
            number = int(payload)
            if number <= self.last:
                self.fault("doubled", f"{number} after {self.last}")
            elif number > self.last + 1:
                self.fault("lost", f"{self.last + 1} to {number - 1}")
            self.last = number
            self.positions[number] = position
        self.position = position
