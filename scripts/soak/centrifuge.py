"""Clients that speak the protocol of Centrifuge, as its SDKs do."""

from __future__ import annotations

import base64
import json

from .account import Broken
from .listeners import HANDSHAKE, WebSocketListener
from .wire import TEXT, Wire

PATH = "/connection/websocket"
UPGRADE = {name: value for name, value in HANDSHAKE.items() if name != "Sec-WebSocket-Protocol"}


class CentrifugeListener(WebSocketListener):
    """A WebSocket on which the client connects and subscribes by commands, and goes on by offset and epoch."""

    name = "Centrifuge"

    async def visit(self, wire: Wire) -> None:
        wire.request(PATH, UPGRADE)
        self.expect(await wire.head(), 101)
        self.command(wire, {"id": 1, "connect": {"name": "soak"}})
        (connected, *_), _ = await self.replies(wire, {1})
        if not connected["connect"].get("pong"):
            raise Broken(f"pings that want no answer: {connected}")
        commands = self.subscribes()
        self.command(wire, *commands)
        replies, pushes = await self.replies(wire, {command["id"] for command in commands})
        # From here to the end nothing waits, so what came with the replies is taken in whole or not at all.
        self.begin([reply["subscribe"] for reply in replies])
        for push in pushes:
            self.take_push(push)
        while True:
            for one in await self.objects(wire):
                self.take_push(one)

    def command(self, wire: Wire, *commands: dict) -> None:
        """Sends commands in one message."""
        wire.send_frame(TEXT, "\n".join(json.dumps(command) for command in commands).encode())

    def subscribes(self) -> list[dict]:
        commands = [
            {"id": number, "subscribe": {"channel": name}} for number, name in enumerate(self.account.channels, 2)
        ]
        if self.account.epochs:
            for command, epoch, following in zip(commands, self.account.epochs, self.account.next, strict=True):
                command["subscribe"] |= {"recover": True, "offset": following - 1, "epoch": epoch}
        return commands

    async def objects(self, wire: Wire) -> list[dict]:
        """What the next frame has, but for pings, which are answered."""
        opcode, payload = await wire.frame()
        if opcode != TEXT:
            raise Broken(f"a frame of opcode {opcode}: {payload[:100]!r}")
        found = [json.loads(line) for line in payload.split(b"\n") if line]
        for _ in range(found.count({})):
            self.command(wire, {})
        return [one for one in found if one != {}]

    async def replies(self, wire: Wire, numbers: set[int]) -> tuple[list[dict], list[dict]]:
        """The replies with these numbers in their order, and what was pushed meanwhile."""
        replies: list[dict] = []
        pushes: list[dict] = []
        while len(replies) < len(numbers):
            for one in await self.objects(wire):
                (pushes if "push" in one else replies).append(one)
        if {reply.get("id") for reply in replies} != numbers or any("error" in reply for reply in replies):
            raise Broken(f"replies to {numbers}: {replies}")
        return sorted(replies, key=lambda reply: reply["id"]), pushes

    def begin(self, subscribed: list[dict]) -> None:
        goes_on = bool(self.account.epochs)
        for name, one in zip(self.account.channels, subscribed, strict=True):
            if not one.get("recoverable") or bool(one.get("was_recovering")) != goes_on:
                raise Broken(f"it listens to {name} like this: {one}")
            if goes_on and not one.get("recovered"):
                self.account.gap(f"{name} was not recovered: {one}")
        self.account.begin(",".join(f"{one['epoch']}-{one.get('offset', 0)}" for one in subscribed))
        for name, one in zip(self.account.channels, subscribed, strict=True):
            for publication in one.get("publications", []):
                self.take_publication(name, publication)

    def take_push(self, one: dict) -> None:
        push = one.get("push", {})
        if "pub" not in push:
            raise Broken(f"neither a publication nor a ping: {one}")
        self.take_publication(push["channel"], push["pub"])

    def take_publication(self, name: str, publication: dict) -> None:
        if name not in self.account.channels:
            raise Broken(f"a publication of {name}: {publication}")
        at, data = self.account.channels.index(name), publication["data"]
        # The protocol has text alone: what is binary comes in base64.
        payload = data.encode() if data.startswith(f"{name} ") else base64.b64decode(data, validate=True)
        parts = self.account.position().split(",")
        parts[at] = f"{self.account.epochs[at]}-{publication['offset']}"
        self.account.got(payload, ",".join(parts), name)
