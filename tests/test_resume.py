"""Going on where one was: nothing lost, nothing twice, whichever way, and from one way to another."""

import asyncio
import random

import pytest
from websockets.asyncio.client import connect

from support.positions import at, offset, split
from support.raw_http import ask, upgrade
from support.raw_websocket import BINARY, TEXT, RawWebSocket
from support.v1 import PROTOCOL, V1, parse
from support.ways import WAYS


@pytest.fixture
def server(everywhere):
    return everywhere


@pytest.mark.parametrize("way", WAYS)
def test_from_every_position(server, channel, way):
    """From each position exactly what follows it."""
    sent = [f"message {n}" for n in range(6)]
    positions = server.publish_all(channel, sent)
    for n, position in enumerate([at(positions[0], 0), *positions[:-1]]):
        with WAYS[way](server, channel, position) as line:
            assert line.take(6 - n) == sent[n:]
            assert line.gaps == [] and line.position == positions[5]


@pytest.mark.parametrize("way", WAYS)
def test_from_offsets_that_nobody_was_given(server, channel, way):
    """Offsets need not be consecutive: a place between two messages is before the later one."""
    sent = [str(n) for n in range(8)]
    positions = server.publish_all(channel, sent)
    offsets = [offset(position) for position in positions]
    for number in range(offsets[-1]):
        expected = [text for text, given in zip(sent, offsets, strict=True) if given > number]
        with WAYS[way](server, channel, at(positions[0], number)) as line:
            assert line.take(len(expected)) == expected, (number, offsets)
            assert line.gaps == [] and line.position == positions[-1]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("since", "expected"), [("earliest", ["1", "2", "3"]), ("latest", ["3"])])
def test_words(server, channel, way, since, expected):
    positions = server.publish_all(channel, ["1", "2", "3"])
    with WAYS[way](server, channel, since) as line:
        assert line.take(len(expected)) == expected
        assert line.position == positions[-1] and line.gaps == []
        server.publish(channel, "4")
        assert line.take(1) == ["4"]


@pytest.mark.parametrize("way", ["v1", "event_stream", "interval_poll", "json_poll"])
@pytest.mark.parametrize("since", ["earliest", "latest"])
def test_words_before_anything_was_published(server, channel, way, since):
    with WAYS[way](server, channel, since) as line:
        if way.endswith("poll"):
            line.poll()
        assert offset(line.position) == 0
        server.publish(channel, "the first")
        assert line.take(1) == ["the first"]


def leave(line, way):
    """Cleanly or not: the server must not depend on it."""
    if random.random() < 0.5:
        line.socket.shutdown(1)
    line.close()


@pytest.mark.parametrize("seed", range(6))
def test_random_schedules_over_all_ways(server, channel, seed):
    """A client that comes and goes, each time another way, ends with exactly the sequence."""
    rng = random.Random(seed)
    published, received, position = 0, [], "earliest"
    for _ in range(40):
        count = rng.randrange(4)
        if count:
            server.publish_all(channel, [str(n) for n in range(published, published + count)])
        published += count
        if not published:
            continue
        way = rng.choice(list(WAYS))
        owed = published - len(received)
        taken = owed if way == "json_poll" else rng.randint(0, owed)
        with WAYS[way](server, channel, position) as line:
            received += line.take(taken)
            assert line.gaps == []
            if taken:
                position = line.position
            leave(line, way)
    with WAYS["v1"](server, channel, position) as line:
        received += line.take(published - len(received))
    assert received == [str(n) for n in range(published)]


@pytest.mark.parametrize("seed", range(3))
def test_publications_while_clients_come_and_go(server, channel, seed):
    """A publisher that does not wait for anybody, and clients that cut their lines all the time."""
    count = 600
    position = server.publish(channel, "0")["position"]

    async def publish():
        for n in range(1, count, 5):
            texts = [str(m) for m in range(n, min(n + 5, count))]
            await asyncio.to_thread(server.publish_all, channel, texts)

    async def listen(rng):
        received, since = [], at(position, 0)
        while len(received) < count:
            url = server.ws(f"/sub/{channel}?since={since}")
            # Without a bound of its own queue: a full one would keep it from hearing the Close frame.
            options = {"proxy": None, "subprotocols": [PROTOCOL], "max_queue": None}
            async with connect(url, **options) as line:
                for _ in range(rng.randint(1, 80)):
                    raw = await asyncio.wait_for(line.recv(), 20)
                    message = parse(raw.encode(), binary=False)
                    assert message.kind in ("start", "position"), message
                    since = message.position
                    if message.kind == "position":
                        received.append(message.payload)
                    if len(received) == count:
                        break
                if rng.random() < 0.5:
                    line.transport.abort()
        return received

    async def scenario():
        rngs = [random.Random(f"{seed} {n}") for n in range(8)]
        *found, _ = await asyncio.gather(*[listen(rng) for rng in rngs], publish())
        for received in found:
            assert received == [str(n) for n in range(count)]

    asyncio.run(asyncio.wait_for(scenario(), 100))


def test_v1_is_selected_only_where_it_is_offered(server, channel):
    offers = {"chat, switchboard.v1": PROTOCOL, "switchboard.v1": PROTOCOL, "Switchboard.V1": None}
    for offer, selected in offers.items():
        header = f"Sec-WebSocket-Protocol: {offer}"
        answer = ask(server, upgrade(server, f"/sub/{channel}", header))
        assert (answer.status, answer.header("Sec-WebSocket-Protocol")) == (101, selected)


def test_v1_labels(server, channel):
    """Text and binary, content type and event, and payloads that look like a header."""
    with V1(server, f"/sub/{channel}") as line:
        assert line.begin() == []
        assert offset(line.position) == 0
        receipt = server.publish(channel, "position: x\n\nno header", "text/plain", event="tick")
        server.publish(channel, b"\n\n\x00\xff", "application/octet-stream", event="grüße: alle")
        server.publish_all(channel, [""])
        first, second, third = line.read(), line.read(), line.read()
        assert first.position == receipt["position"]
        assert first.payload == "position: x\n\nno header"
        assert first.fields == {"content-type": "text/plain", "event": "tick"}
        assert second.payload == b"\n\n\x00\xff" and second.event == "grüße: alle"
        assert second.fields["content-type"] == "application/octet-stream"
        assert (third.payload, third.fields) == ("", {})
        assert offset(first.position) < offset(second.position) < offset(third.position)


def test_what_a_plain_client_publishes_reaches_all(server):
    """A bare payload is a publication; others get it with its position."""
    with V1(server, "/sub/demo:v1") as line, RawWebSocket(server, "/sub/demo:v1") as plain:
        line.begin()
        plain.send(b"\x81\x85\x00\x00\x00\x00hello")
        message = line.read()
        assert (message.kind, message.payload) == ("position", "hello")
        plain.expect(TEXT, b"hello")


def test_raw_with_since(server, channel):
    """A plain client may begin at a position too, and gets bare payloads."""
    first, *_ = server.publish_all(channel, ["1", "2", "3"])
    server.publish(channel, b"\x00", "application/octet-stream")
    for query in (f"since={first}", f"last_event_id={first}"):
        with RawWebSocket(server, f"/sub/{channel}?{query}") as line:
            assert line.protocol is None
            line.expect(TEXT, b"2")
            line.expect(TEXT, b"3")
            line.expect(BINARY, b"\x00")
            line.expect_alive()
    with RawWebSocket(server, f"/sub/{channel}?since=earliest") as line:
        line.expect(TEXT, b"1")



def test_raw_closes_when_the_position_is_lost(server, channel):
    position = server.publish(channel, "x")["position"]
    with RawWebSocket(server, f"/sub/{channel}?since={at(position, offset(position) + 5)}") as line:
        line.expect_close(4010, ends=False)


@pytest.mark.parametrize("way", WAYS)
def test_a_position_keeps_its_worth_across_deletion_of_others(server, channel, way):
    position, _ = server.publish_all(channel, ["1", "2"])
    server.publish(f"{channel}-other", "x")
    server.delete(f"{channel}-other")
    with WAYS[way](server, channel, position) as line:
        assert line.take(1) == ["2"] and line.gaps == []


def test_positions_of_one_channel_agree_over_all_ways(server, channel):
    position = server.publish(channel, "x")["position"]
    for way in WAYS.values():
        with way(server, channel, "earliest") as line:
            line.take(1)
            assert split(line.position) == split(position)
