"""Clients of the Centrifuge protocol: one that sends exactly what a test says, and the SDKs."""

import asyncio
import json
import os
import pathlib
import queue
import subprocess
import threading
import time

from centrifuge import Client, ClientEventHandler, SubscriptionEventHandler

from .raw_websocket import BINARY, CLOSE, PING, TEXT, RawWebSocket, frame

PATH = "/connection/websocket"
NODE = pathlib.Path(__file__).resolve().parents[1] / "node"
WAIT_S = 20


class RawCentrifuge(RawWebSocket):
    """A connection to which commands are written by hand."""

    def __init__(self, server, headers=(), path=PATH, connect=True, receive_buffer=None, **fields):
        super().__init__(server, path, receive_buffer, headers)
        self.number = 0
        self.waiting = []
        if connect:
            self.connected = self.ask("connect", **fields)["connect"]

    def command(self, method, /, **fields):
        self.number += 1
        return {"id": self.number, method: fields}

    def write(self, *commands):
        """Sends commands in one message."""
        texts = [each if isinstance(each, str) else json.dumps(each) for each in commands]
        self.send(frame(TEXT, "\n".join(texts).encode()))

    def ask(self, method, /, **fields):
        """Sends a command and gives its reply. What comes before is kept."""
        command = self.command(method, **fields)
        self.write(command)
        return self.reply(command["id"])

    def reply(self, number):
        for at, message in enumerate(self.waiting):
            if message.get("id") == number:
                return self.waiting.pop(at)
        while (message := self._read()).get("id") != number:
            self.waiting.append(message)
        return message

    def next(self):
        """The next message, whatever it is."""
        return self.waiting.pop(0) if self.waiting else self._read()

    def _read(self):
        fin, opcode, payload = self.read_frame()
        assert fin and opcode == TEXT and b"\n" not in payload, (opcode, payload)
        return json.loads(payload)

    def push(self, channel, kind):
        """The next message, which is a push of this kind in a channel."""
        message = self.next()
        assert list(message) == ["push"] and message["push"]["channel"] == channel, message
        return message["push"][kind]

    def publication(self, channel):
        return self.push(channel, "pub")

    def close_of(self):
        """The code and the reason of the Close frame; what comes before does not matter."""
        while True:
            _, opcode, payload = self.read_frame()
            if opcode == CLOSE:
                return int.from_bytes(payload[:2], "big"), payload[2:].decode()
            assert opcode in (TEXT, BINARY, PING)


class NodeSdk:
    """The npm SDK in a process of its own. `transport` is `websocket`, `http_stream` or `sse`."""

    def __init__(self, server, transport="websocket", authority=None, **options):
        is_secure = authority is not None
        base = f"{'https' if is_secure else 'http'}://{server.host}"
        if transport == "websocket":
            options.setdefault("url", f"{'wss' if is_secure else 'ws'}://{server.host}{PATH}")
        else:
            endpoint = f"{base}/connection/{transport}"
            options |= {"url": [{"transport": transport, "endpoint": endpoint}]}
            options |= {"emulationEndpoint": f"{base}/emulation"}
        environment = {"NODE_EXTRA_CA_CERTS": str(authority)} if is_secure else {}
        self.process = subprocess.Popen(
            ["node", "centrifuge.mjs", json.dumps(options)],
            cwd=NODE,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.events = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.do("connect")

    def _read(self):
        for line in self.process.stdout:
            self.events.put(json.loads(line))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def do(self, what, **arguments):
        self.process.stdin.write(json.dumps({"do": what, **arguments}).encode() + b"\n")
        self.process.stdin.flush()

    def wait_for(self, event, skip=("connecting", "subscribing"), **fields):
        """The next event but those that are of no interest, which must be this one."""
        deadline = time.monotonic() + WAIT_S
        while (found := self.events.get(timeout=deadline - time.monotonic()))["event"] in skip:
            pass
        assert found["event"] == event, found
        for name, value in fields.items():
            assert found.get(name) == value, found
        return found

    def subscribe(self, channel, **options):
        self.do("subscribe", channel=channel, options=options)

    def data(self, count):
        """The data of the next publications, whatever else happens between them."""
        deadline, found = time.monotonic() + WAIT_S, []
        while len(found) < count:
            event = self.events.get(timeout=deadline - time.monotonic())
            if event["event"] in ("publication", "server publication"):
                found.append(event["data"])
        return found


class PythonSdk:
    """The PyPI SDK, in a loop of its own: call its coroutines with `run`."""

    def __init__(self, server, **options):
        self.events = queue.Queue()
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        sdk = self

        class Events(ClientEventHandler):
            async def on_connected(self, ctx):
                sdk.events.put(("connected", ctx))

            async def on_disconnected(self, ctx):
                sdk.events.put(("disconnected", ctx))

            async def on_subscribed(self, ctx):
                sdk.events.put(("server subscribed", ctx))

            async def on_unsubscribed(self, ctx):
                sdk.events.put(("server unsubscribed", ctx))

            async def on_publication(self, ctx):
                sdk.events.put(("server publication", ctx))

        async def make():
            return Client(f"ws://{server.host}{PATH}", events=Events(), min_reconnect_delay=0.02, **options)

        self.client = self.run(make())
        self.run(self.client.connect())

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(WAIT_S)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.run(self.client.disconnect())
        self.loop.call_soon_threadsafe(self.loop.stop)

    def wait_for(self, event):
        """What comes with the next event, which must be this one."""
        found, context = self.events.get(timeout=WAIT_S)
        assert found == event, (found, context)
        return context

    def subscribe(self, channel, **options):
        sdk = self

        class Events(SubscriptionEventHandler):
            async def on_subscribed(self, ctx):
                sdk.events.put(("subscribed", ctx))

            async def on_unsubscribed(self, ctx):
                sdk.events.put(("unsubscribed", ctx))

            async def on_publication(self, ctx):
                sdk.events.put(("publication", ctx))

            async def on_join(self, ctx):
                sdk.events.put(("join", ctx))

            async def on_leave(self, ctx):
                sdk.events.put(("leave", ctx))

        async def make():
            subscription = self.client.new_subscription(channel, events=Events(), **options)
            await subscription.subscribe()
            return subscription

        return self.run(make())
