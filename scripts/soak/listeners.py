"""The four ways to listen at `/sub/`. Each visits the server once: goes on where its account stands, and listens.

A visit is ended from outside, by cancelling it at any place, and the account must hold all the same:
what was not taken in whole is asked for again.
"""

from __future__ import annotations

import asyncio
import base64
import json
import random
import struct
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from .account import Account, Broken
from .wire import BINARY, CLOSE, PING, TEXT, Head, Wire

PROTOCOL = "switchboard.v1"
HANDSHAKE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol": PROTOCOL,
}
PONG = 10
GOING_AWAY = struct.pack(">H", 1001)
CLOSE_WITHIN_S = 5


class Listener:
    """What all ways have in common. `visit` runs until it is cancelled or the server ends it."""

    name = ""

    def __init__(self, account: Account, interval_s: float):
        self.account = account
        self.interval_s = interval_s
        # Every client is a little different, so that both forms of whatever there is are used.
        self.variant = random.randrange(2)
        self.path = "/sub/" + ",".join(quote(name, safe=":") for name in account.channels)

    async def visit(self, wire: Wire) -> None:
        raise NotImplementedError

    async def leave(self, wire: Wire) -> None:
        """Goes in order."""
        await wire.close()

    def expect(self, head: Head, *statuses: int) -> Head:
        if head.status not in statuses:
            raise Broken(f"answered with {head.status}: {head.headers}")
        return head


class WebSocketListener(Listener):
    """A WebSocket with the subprotocol `switchboard.v1`."""

    name = "WebSocket"

    async def visit(self, wire: Wire) -> None:
        since = f"?since={self.account.position()}" if self.account.epochs else ""
        wire.request(self.path + since, HANDSHAKE)
        head = self.expect(await wire.head(), 101)
        if head.header("sec-websocket-protocol") != PROTOCOL:
            raise Broken(f"no {PROTOCOL}: {head.headers}")
        while True:
            opcode, payload = await wire.frame()
            if opcode in (TEXT, BINARY):
                self.take(payload)
            elif opcode == PING:
                wire.send_frame(PONG, payload)
            else:
                raise Broken(f"a frame of opcode {opcode}: {payload[:100]!r}")

    def take(self, message: bytes) -> None:
        header, empty_line, payload = message.partition(b"\n\n")
        if not empty_line:
            raise Broken(f"a message without a header: {message[:100]!r}")
        (kind, position), *rest = [line.split(": ", 1) for line in header.decode("ascii").split("\n")]
        fields = dict(rest)
        if kind == "start":
            self.account.begin(position)
        elif kind == "gap":
            self.account.gap(header.decode())
        elif kind == "position":
            several = len(self.account.channels) > 1
            if several != ("channel" in fields):
                raise Broken(f"channel in {header!r}")
            self.account.got(payload, position, fields.get("channel"))
        else:
            raise Broken(f"a message of kind {kind!r}")

    async def leave(self, wire: Wire) -> None:
        """A Close handshake. What comes before the answer is not taken any more."""
        wire.send_frame(CLOSE, GOING_AWAY)
        async with asyncio.timeout(CLOSE_WITHIN_S):
            while await wire.reader.read(65_536):
                pass
        await wire.close()


class EventStreamListener(Listener):
    """An event stream, resumed by the header or by the query."""

    name = "event stream"

    async def visit(self, wire: Wire) -> None:
        headers, query = {"Accept": "text/event-stream"}, ""
        if self.account.epochs and self.variant:
            headers["Last-Event-ID"] = self.account.position()
        elif self.account.epochs:
            query = f"?last_event_id={self.account.position()}"
        wire.request(self.path + query, headers)
        self.expect(await wire.head(), 200)
        while True:
            self.take(await wire.block())

    def take(self, fields: list[tuple[str, str]]) -> None:
        single = {name: value for name, value in fields if name not in ("data", "")}
        data = [value for name, value in fields if name == "data"]
        if not data:
            if "id" in single:
                self.account.begin(single["id"])
            return
        if single.get("event") == "gap":
            self.account.gap("\n".join(data))
            return
        text = "\n".join(data)
        is_binary = single.get("event") == "binary"
        payload = base64.b64decode(text, validate=True) if is_binary else text.encode()
        self.account.got(payload, single["id"])


class PollListener(Listener):
    """What both ways of polling do: GET, take the validators, repeat with them."""

    query = ""
    modified = ""

    async def ask(self, wire: Wire, query: str) -> bool:
        """One request and its answer; whether there was news."""
        headers = {}
        if self.account.epochs:
            headers["If-None-Match"] = f'"{self.account.position()}"'
        if self.modified:
            headers["If-Modified-Since"] = self.modified
        if self.variant:
            headers["Accept"] = "application/json"
        wire.request(self.path + query, headers)
        head = self.expect(await wire.head(), 200, 304)
        body = await wire.body(head) if head.status == 200 else b""
        # From here to the end nothing waits, so an answer is taken in whole or not at all.
        self.account.tally.add("requests")
        if "switchboard-gap" in head.headers:
            self.account.gap(head.headers["switchboard-gap"])
        position = head.header("etag").strip('"')
        self.modified = head.header("last-modified")
        if head.status == 304:
            self.account.tally.add("empty")
            self.account.begin(position)
            return False
        if not self.account.epochs:
            # Published after the question came and before the channels' homes had told where it begins.
            self.account.begin(position)
            return True
        if self.variant:
            self.take_items(json.loads(body))
        else:
            self.account.got(body, position, head.headers.get("switchboard-channel"))
        if position != self.account.position():
            raise Broken(f"an answer with {position} instead of {self.account.position()}")
        return True

    def take_items(self, items: list[dict]) -> None:
        for item in items:
            if "gap" in item:
                self.account.gap(json.dumps(item))
                continue
            text = item.get("data")
            payload = base64.b64decode(item["b64"]) if text is None else text.encode()
            self.account.got(payload, item["position"], item["channel"])


class LongPollListener(PollListener):
    """Long polls. The first question is where the channels stand, so that all is owed from there."""

    name = "long poll"

    async def visit(self, wire: Wire) -> None:
        if not self.account.epochs:
            await self.ask(wire, "?poll=1")
        while True:
            await self.ask(wire, "")


class IntervalPollListener(PollListener):
    """Polls at an interval; when there is news it asks again at once."""

    name = "interval poll"

    async def visit(self, wire: Wire) -> None:
        while True:
            while await self.ask(wire, "?poll=1"):
                pass
            await asyncio.sleep(self.interval_s * random.uniform(0.8, 1.2))


@dataclass
class Habits:
    """How clients come and go."""

    host: str
    port: int
    visit_s: float
    away_s: float
    connect_within_s: float = 30


class Client:
    """One client: visits, breaks off at random, and comes back."""

    def __init__(self, listener: Listener, habits: Habits, is_on_the_line: Callable[[int], None]):
        self.listener = listener
        self.habits = habits
        self.is_on_the_line = is_on_the_line

    async def live(self, first_after_s: float) -> None:
        await asyncio.sleep(first_after_s)
        tally = self.listener.account.tally
        while True:
            try:
                await self.visit(random.expovariate(1 / self.habits.visit_s))
            except (Broken, OSError, EOFError, ValueError, KeyError, TimeoutError) as error:
                # The server must not end a line in this run, nor send what cannot be read.
                tally.fault("errors", f"{self.listener.account.who}: {type(error).__name__} {error}")
            tally.add("reconnects")
            await asyncio.sleep(random.expovariate(1 / self.habits.away_s))

    async def visit(self, for_s: float) -> None:
        async with asyncio.timeout(self.habits.connect_within_s):
            wire = await Wire.open(self.habits.host, self.habits.port)
        self.is_on_the_line(+1)
        try:
            try:
                async with asyncio.timeout(for_s) as lifetime:
                    await self.listener.visit(wire)
            except TimeoutError:
                if not lifetime.expired():
                    raise
            if random.random() < 0.5:
                await self.listener.leave(wire)
        finally:
            self.is_on_the_line(-1)
            wire.cut(with_reset=random.random() < 0.5)
