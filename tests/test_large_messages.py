"""A mebibyte, text and binary, over every way; and to many at once without a copy for each."""

import base64
import os

import pytest

from support.centrifuge_streams import RawStream
from support.event_stream import EventStream
from support.raw_websocket import BINARY, RawWebSocket
from support.v1 import V1
from support.ways import SDK_WAYS, WAYS

MIB = 1 << 20


@pytest.fixture
def server(everywhere):
    return everywhere


def text_of(size):
    """No two parts alike, and letters of two bytes, so that a misplaced piece shows."""
    return "".join(f"{n:06x}ü" for n in range(size // 8))


@pytest.mark.parametrize("way", [*WAYS, *SDK_WAYS])
@pytest.mark.parametrize("is_live", [True, False], ids=["live", "later"])
def test_text_and_binary(server, channel, way, is_live):
    text, binary = text_of(MIB), os.urandom(MIB)
    first = server.publish(channel, "small")["position"]

    def publish():
        server.publish(channel, text)
        server.publish(channel, binary, "application/octet-stream")
        server.publish(channel, "small again")

    if not is_live:
        publish()
    with {**WAYS, **SDK_WAYS}[way](server, channel, first) as line:
        if is_live:
            publish()
        if way == "json_poll":
            found = [payload for _ in range(3) for payload in line.step()]
        else:
            found = line.take(3)
        if way in SDK_WAYS:
            found[1] = base64.b64decode(found[1])
        assert [len(payload) for payload in found] == [len(text), MIB, 11]
        assert found == [text, binary, "small again"] and line.gaps == []


def test_lines_of_a_large_text(server, channel):
    """A text of nothing but line breaks is the worst case of an event stream."""
    text = "\n" * 200_000
    with EventStream(server, f"/sub/{channel}") as stream:
        stream.begin()
        server.publish(channel, text)
        server.publish(channel, "next")
        stream.expect(text, "next")


@pytest.mark.parametrize("way", ["raw", "v1", "event_stream", "http_stream", "sse"])
def test_no_copy_for_each_who_does_not_read(start, plane, shards, channel, way):
    """Twenty that do not read two mebibytes: they wait in one copy."""
    server = start(plane, shards, stall_timeout_ms=100_000)
    path = f"/sub/{channel}"
    before = server.resident_kib()
    if way in ("http_stream", "sse"):
        first = f'{{"id":1,"connect":{{}}}}\n{{"id":2,"subscribe":{{"channel":"{channel}"}}}}'
        lines = [RawStream(server, way, first=first, receive_buffer=4_096) for _ in range(20)]
        server.wait_for_subscribers(channel, 20)
    else:
        client = {"raw": RawWebSocket, "v1": V1, "event_stream": EventStream}[way]
        lines = [client(server, path, receive_buffer=4_096) for _ in range(20)]
    payload = os.urandom(MIB)
    server.publish(channel, payload, "application/octet-stream")
    server.publish(channel, payload, "application/octet-stream")
    grown = server.resident_kib() - before
    # Frames of two publications, lines of them for event streams, and room to breathe; a copy for
    # each would be 40 MiB and more.
    assert grown < 16 * 1_024, f"{grown} KiB"
    for line in lines:
        if way == "raw":
            line.expect(BINARY, payload)
            line.expect(BINARY, payload)
        elif way == "v1":
            assert line.begin() == [] and line.payload() == line.payload() == payload
        elif way in ("http_stream", "sse"):
            assert line.begin() and "subscribe" in line.reply(2)
            assert [base64.b64decode(line.publication(channel)["data"]) for _ in range(2)] == [payload] * 2
        else:
            line.begin()
            line.expect(payload, payload)
        line.close()
