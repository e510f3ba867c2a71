"""What is kept: bounded by count, by bytes, by age, and for a whole shard; what goes is counted."""

import json
import time

import pytest

from support.polling import Poller
from support.positions import missed
from support.v1 import V1
from support.waiting import wait_until
from support.ways import IntervalPollWay, JsonPollWay

BOUNDS = """
[namespace.count]
history_publications = 5
[namespace.bytes]
history_bytes = 10_000
[namespace.age]
history_ttl_ms = 3_000
"""
# Histories of bytes must hold the largest publication.
LARGEST = 5_000


@pytest.fixture(scope="module")
def server(start_shared, plane, shards, namespaces):
    sizes = {"publish_bytes_max": LARGEST, "message_bytes_max": LARGEST}
    return start_shared(plane, shards, config=namespaces(BOUNDS), **sizes)


def kept(server, name):
    """All that a newcomer can have."""
    with Poller(server, name, "poll=1&since=earliest", ["Accept: application/json"]) as poller:
        answer = poller.poll()
        return [] if answer.status == 304 else [item["data"] for item in json.loads(answer.body)]


def info(server, name):
    status, _, body = server.request("GET", f"/pub/{name}", headers={"Accept": "application/json"})
    assert status == 200, (status, body)
    return json.loads(body)


def test_count(server, channel):
    name = f"count:{channel}"
    for n in range(5):
        server.publish(name, str(n))
        assert kept(server, name) == [str(m) for m in range(n + 1)]
    server.publish_all(name, [str(n) for n in range(5, 50)])
    assert kept(server, name) == ["45", "46", "47", "48", "49"]


def test_bytes(server, channel):
    """Payload bytes count, and the newest is always kept."""
    name = f"bytes:{channel}"
    texts = [f"{n} " + "x" * 900 for n in range(30)]
    server.publish_all(name, texts)
    found = kept(server, name)
    assert found == texts[-len(found) :] and 5 <= len(found) <= 11, len(found)
    server.publish(name, "y" * LARGEST)
    assert kept(server, name)[-1] == "y" * LARGEST and len(kept(server, name)) <= 6


def test_age(server, channel):
    """To the moment, not to the next sweep; and the position outlives what it names."""
    name = f"age:{channel}"
    first = server.publish(name, "old")["position"]
    time.sleep(1.5)
    last = server.publish(name, "young")["position"]
    assert kept(server, name) == ["old", "young"]
    wait_until("the old one goes", lambda: kept(server, name) == ["young"], 4)
    wait_until("the young one goes", lambda: kept(server, name) == [], 4)
    with V1(server, f"/sub/{name}?since={last}") as line:
        assert line.begin() == [], "an idle channel is no gap"
    with V1(server, f"/sub/{name}?since={first}") as line:
        assert line.begin() == [(name, "evicted", missed(first, last))]
        new = server.publish(name, "new")["position"]
        assert line.read().position == new


def test_age_gives_memory_back(start, plane, shards, namespaces):
    """Silent channels too: nobody asks, and the bytes go."""
    # Time enough for all of it to be there when the gauge is brought up to date, once a second.
    brief = namespaces("[namespace.age]\nhistory_ttl_ms = 4_000\n")
    server = start(plane, shards, config=brief)
    lines = [json.dumps({"channel": f"age:{n}", "data": "x" * 50_000}) for n in range(50)]
    headers = {"Content-Type": "application/x-ndjson"}
    assert server.request("POST", "/pub", "\n".join(lines).encode(), headers)[0] == 200
    wait_until("the log is filled", lambda: server.counter("log_bytes") > 2_000_000, 5)
    wait_until("it is empty again", lambda: server.counter("log_bytes") < 50_000)


def test_messages_in_info(server, channel):
    name = f"count:{channel}"
    *_, last = server.publish_all(name, [str(n) for n in range(12)])
    assert info(server, name)["position"] == last
    assert info(server, name)["messages"] >= 5


def test_budget_of_a_shard(start, plane, shards, channel):
    """The largest history goes first, oldest first, and it is counted; small ones stay.

    How many of the large ones share a shard is up to the hash of their names: one to six.
    """
    server = start(plane, shards, shard_log_bytes_max=4 << 20, log_bytes_max=4 << 20)
    for n in range(20):
        server.publish(f"{channel}-small-{n}", f"small {n}")
    big = [f"{channel}-big-{n}" for n in range(6)]
    for n in range(60):
        for name in big:
            server.publish(name, str(n).ljust(100_000))
    assert server.counter("log_bytes") <= (4 << 20) * shards
    for n in range(20):
        assert kept(server, f"{channel}-small-{n}") == [f"small {n}"]
    for name in big:
        with IntervalPollWay(server, name, "earliest") as line:
            texts = iter(lambda: line.take(1)[0].strip(), "59")  # noqa: PLW0108, each is another one
            found = [int(text) for text in texts]
            assert found == list(range(found[0], 59))
            assert (4 << 20) // 6 - 2 * 100_000 < 100_000 * (len(found) + 1) <= 4 << 20
    # Brought up to date once a second.
    wait_until("it is counted", lambda: server.counter("history_evicted") > 50, 5)


def test_meta_outlives_the_history(start, plane, namespaces, channel):
    """And then it is forgotten: the stream has a new epoch, and old positions get a gap."""
    brief = namespaces("[namespace.default]\nhistory_ttl_ms = 500\n")
    server = start(plane, config=brief, meta_ttl_ms=3_000)
    position = server.publish(channel, "x")["position"]
    time.sleep(1)
    with JsonPollWay(server, channel, position) as line:
        assert line.step() == [] and line.gaps == []
    time.sleep(0.2)

    def is_forgotten():
        # Asking would renew it, so look from outside.
        return server.request("GET", f"/pub/{channel}")[0] == 404

    wait_until("the channel is forgotten", is_forgotten, 20)
    with JsonPollWay(server, channel, position) as line:
        assert line.step() == [] and line.gaps == [(channel, "epoch", None)]


def test_history_survives_silence_of_its_subscribers(server, channel):
    """Nobody listens, and then a client resumes."""
    with V1(server, f"/sub/{channel}") as line:
        line.begin()
        server.publish(channel, "1")
        line.expect_news("1")
        position = line.position
    server.wait_for_subscribers(channel, 0)
    server.publish_all(channel, ["2", "3"])
    time.sleep(1.2)
    with V1(server, f"/sub/{channel}?since={position}") as line:
        assert line.begin() == []
        line.expect_news("2", "3")
