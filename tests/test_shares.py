"""What strangers do costs other namespaces no history: many small publications in `demo`, joins of random
names, and joins again and again."""

import json
import time

import pytest

from support.event_stream import EventStream
from support.raw_websocket import RawWebSocket, frame
from support.waiting import wait_until

OPCODE_TEXT = 1
ROOMS = """
[namespace.room]
join_leave = true
join_leave_per_second = 20
presence_list = true
"""


def messages(server, channel):
    """How many a channel keeps; none if the server does not know it."""
    status, _, body = server.request("GET", f"/pub/{channel}", headers={"Accept": "application/json"})
    return json.loads(body)["messages"] if status == 200 else 0


def publish_histories(server, channel, channels=5, count=20, size=2_000):
    names = [f"{channel}-{n}" for n in range(channels)]
    for name in names:
        for _ in range(count):
            server.publish(name, "x" * size)
    return names


def test_many_small_publications_of_strangers(start, plane, shards, channel):
    bounds = {"shard_log_bytes_max": 1_100_000, "log_bytes_max": 1_100_000}
    server = start(plane, shards, demo_publish_per_second=0, **bounds)
    names = publish_histories(server, channel)
    flood = 300 * shards
    for n in range(flood):
        with RawWebSocket(server, f"/sub/demo:{channel}-{n}") as client:
            client.send(frame(OPCODE_TEXT, b"x" * 5_000))
            client.expect(OPCODE_TEXT, b"x" * 5_000)
    assert [messages(server, name) for name in names] == [20] * len(names)
    wait_until("all are counted", lambda: server.counter("publications") == flood + 100, 5)
    assert server.counter("log_bytes") < 200_000 + shards * 1_100_000 / 4 + 50_000


def test_listeners_on_every_shard_take_no_history(start, plane, channel):
    """A publication counts on one shard, though both keep it."""
    bounds = {"shard_log_bytes_max": 1_100_000, "log_bytes_max": 1_100_000}
    server = start(plane, 2, **bounds)
    names = [f"{channel}-{n}" for n in range(64)]
    # The kernel chooses the shard of each connection.
    clients = [RawWebSocket(server, f"/sub/{','.join(names)}") for _ in range(10)]
    server.wait_for_subscribers(names[-1], 10)
    publish_histories(server, channel, channels=64, count=2, size=11_000)
    assert [messages(server, name) for name in names] == [2] * len(names)
    for client in clients:
        client.close()


def test_joins_of_random_names(start, plane, shards, namespaces, channel):
    server = start(plane, shards, config=namespaces(ROOMS), channels_idle_max=100)
    names = publish_histories(server, channel, channels=20, count=1, size=10)
    for n in range(20 * shards):
        random = ",".join(f"room:{channel}-{n}-{k}" for k in range(20))
        RawWebSocket(server, f"/sub/{random}").close()
    published = 20 + 2 * 400 * shards
    wait_until(
        "all have come and gone", lambda: server.counter("publications") == published, 10
    )
    assert [messages(server, name) for name in names] == [1] * len(names)


@pytest.mark.alone
def test_joins_again_and_again(start, plane, shards, namespaces, channel):
    """Each of them goes to all who watch, so there is a rate."""
    server = start(plane, shards, config=namespaces(ROOMS))
    name = f"room:{channel}"
    with EventStream(server, f"/sub/presence:{name}") as watcher:
        watcher.begin()
        started = time.monotonic()
        for _ in range(200):
            RawWebSocket(server, f"/sub/{name}").close()
        server.wait_for_subscribers(name, 0)
        allowed = 20 + 20 * (time.monotonic() - started + 2)
        wait_until(
            "all were announced or dropped",
            lambda: server.counter("join_leave_dropped") + server.counter("publications") == 400,
            5,
        )
        assert 20 <= server.counter("publications") <= allowed
        assert json.loads(watcher.event().text)["event"] == "join"
        with RawWebSocket(server, f"/sub/{name}"):
            _, _, body = server.request("GET", f"/subscribers/{name}")
            assert json.loads(body)["listed"] == 1, "the list still knows"
