"""All ways to listen on one channel at the same time: each gets its own form, whole and in order."""

import base64
import functools
import itertools

import pytest

from support.centrifuge import RawCentrifuge
from support.centrifuge_streams import opened
from support.event_stream import EventStream
from support.polling import Poller, items_of
from support.raw_websocket import BINARY, TEXT, RawWebSocket
from support.v1 import V1


@pytest.fixture
def server(everywhere):
    return everywhere


class Raw(RawWebSocket):
    """A plain WebSocket."""

    def __init__(self, server, channel):
        super().__init__(server, f"/sub/{channel}")

    def expect_news(self, payload):
        self.expect(BINARY if isinstance(payload, bytes) else TEXT, as_bytes(payload))


class Resuming(V1):
    """One with `switchboard.v1`."""

    def __init__(self, server, channel):
        super().__init__(server, f"/sub/{channel}")
        self.begin()


class Events(EventStream):
    """An event stream."""

    def __init__(self, server, channel):
        super().__init__(server, f"/sub/{channel}")
        self.begin()

    def expect_news(self, payload):
        self.expect(payload)


class Waiting(Poller):
    """A long poll that is always asked again at once."""

    more: list[str] = []

    def __init__(self, server, channel):
        super().__init__(server, channel, headers=self.more)
        self.begin()

    def expect_news(self, payload):
        answer = self.finish()
        self.begin()
        assert (answer.status, answer.body) == (200, as_bytes(payload)), answer


class WaitingForJson(Waiting):
    """A long poll for arrays."""

    more = ["Accept: application/json"]

    def expect_news(self, payload):
        (item,) = items_of(self.finish())
        self.begin()
        found = base64.b64decode(item["b64"]) if "b64" in item else item["data"]
        assert found == payload


class Sdk:
    """A Centrifuge SDK."""

    def __init__(self, connect, server, channel):
        self.client, self.channel = connect(server), channel
        assert "subscribe" in self.client.ask("subscribe", channel=channel)

    def expect_news(self, payload):
        found = self.client.publication(self.channel)["data"]
        assert found == (base64.b64encode(payload).decode() if isinstance(payload, bytes) else payload)

    def close(self):
        self.client.close()


FORMS = [Raw, Resuming, Events, Waiting, WaitingForJson]
# One in each framing.
CONNECTS = [RawCentrifuge] + [
    functools.partial(opened, way=way, version=version)
    for way in ("http_stream", "sse")
    for version in ("HTTP/1.1", "HTTP/1.0")
]
SDKS = [functools.partial(Sdk, connect) for connect in CONNECTS]
MESSAGES = ["one", "two\nlines", b"\x00\xff", "", "grüße", b"", "x" * 70_000]


def as_bytes(payload):
    return payload if isinstance(payload, bytes) else payload.encode()


def publish(server, channel, payload):
    kind = "application/octet-stream" if isinstance(payload, bytes) else "text/plain"
    server.publish(channel, payload, kind)


@pytest.mark.parametrize(
    "forms",
    list(itertools.permutations(FORMS, 2)),
    ids=lambda forms: "-".join(form.__name__ for form in forms),
)
def test_two_ways(server, channel, forms):
    """Either may come first; several of each, so that with two shards they meet on both."""
    clients = [form(server, channel) for form in forms for _ in range(4)]
    for payload in MESSAGES:
        server.wait_for_subscribers(channel, len(clients))
        publish(server, channel, payload)
        for client in clients:
            client.expect_news(payload)
    for client in clients:
        client.close()


def test_all_ways(server, channel):
    clients = [form(server, channel) for _ in range(10) for form in [*FORMS, *SDKS]]
    for payload in MESSAGES * 3:
        server.wait_for_subscribers(channel, len(clients))
        publish(server, channel, payload)
        for client in clients:
            client.expect_news(payload)
    for client in clients:
        client.close()
    server.wait_for_subscribers(channel, 0)
