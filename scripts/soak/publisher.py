"""Publishes through the internal API, one request after the other, to channels in random order."""

from __future__ import annotations

import asyncio
import json
import random
import time

from .account import Broken, make_payload
from .wire import Wire


class Publisher:
    """Knows the number of the last publication of each channel."""

    def __init__(
        self, host: str, port: int, channels: list[str], per_second: float, key: str | None = None
    ):
        self.host = host
        self.port = port
        self.key_header = f"X-API-Key: {key}\r\n" if key else ""
        self.stopping = False
        self.per_second = per_second
        self.last = dict.fromkeys(channels, 0)
        self.published = 0
        self.late_s_max = 0.0

    async def run(self, seconds: float) -> None:
        wire = await Wire.open(self.host, self.port)
        began = time.monotonic()
        names = list(self.last)
        while not self.stopping and (due := self.published / self.per_second) < seconds:
            wait = began + due - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            else:
                self.late_s_max = max(self.late_s_max, -wait)
            await self._publish(wire, random.choice(names))
        await wire.close()

    async def _publish(self, wire: Wire, channel: str) -> None:
        number = self.last[channel] + 1
        payload, content_type = make_payload(channel, number)
        head = (
            f"POST /pub/{channel} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\n"
            f"{self.key_header}Accept: application/json\r\nContent-Type: {content_type}\r\n"
            f"Content-Length: {len(payload)}\r\n\r\n"
        )
        wire.send(head.encode() + payload)
        # Clients may have it before the receipt is read.
        self.last[channel] = number
        self.published += 1
        answer = await wire.head()
        body = await wire.body(answer)
        if answer.status not in (201, 202):
            raise Broken(f"publishing was answered with {answer.status}: {body[:200]!r}")
        position = json.loads(body)["position"]
        if position.split("-")[1] != str(number):
            raise Broken(f"publication {number} of {channel} got the position {position}")
