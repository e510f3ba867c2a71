"""Who is there: exact counts, lists where they are allowed, and events of coming and going."""

import json

import pytest

from support.event_stream import EventStream
from support.polling import Poller
from support.raw_http import ask, get, upgrade
from support.raw_websocket import RawWebSocket
from support.v1 import V1

OPEN = """
[namespace.room]
presence_list = true
join_leave = true
[namespace.quiet]
presence_list = true
"""


@pytest.fixture(scope="module")
def server(start_shared, plane, shards, namespaces):
    return start_shared(plane, shards, config=namespaces(OPEN))


def subscribers(server, channel, query=""):
    status, headers, body = server.request("GET", f"/subscribers/{channel}{query}")
    assert status == 200 and "json" in headers["Content-Type"], (status, body)
    found = json.loads(body)
    assert set(found) == {"subscribers", "listed", "list"}, found
    assert found["listed"] == len(found["list"])
    return found


def address_of(connection):
    host, port = connection.socket.getsockname()
    return f"{host}:{port}"


def test_list_of_all_ways(server, channel):
    """Connection, address and transport of each, over all shards."""
    name = f"quiet:{channel}"
    server.publish(name, "x")
    lines = [RawWebSocket(server, f"/sub/{name}") for _ in range(4)]
    lines += [V1(server, f"/sub/{name}") for _ in range(3)]
    streams = [EventStream(server, f"/sub/{name}") for _ in range(5)]
    polls = [Poller(server, name).begin() for _ in range(6)]
    server.wait_for_subscribers(name, 18)
    found = subscribers(server, name)
    assert found["subscribers"] == 18
    expected = {address_of(c): "websocket" for c in lines}
    expected |= {address_of(c): "event_stream" for c in streams}
    expected |= {address_of(c): "long_poll" for c in polls}
    assert {entry["address"]: entry["transport"] for entry in found["list"]} == expected
    identities = [entry["connection"] for entry in found["list"]]
    assert len(set(identities)) == 18 and all(identities)
    for connection in lines + streams + polls:
        connection.close()
    server.wait_for_subscribers(name, 0)
    assert subscribers(server, name)["list"] == []


def test_limit(server, channel):
    """The count stays exact, however few are listed."""
    name = f"quiet:{channel}"
    lines = [RawWebSocket(server, f"/sub/{name}") for _ in range(20)]
    for limit in (1, 7, 20, 1_000, 10_000):
        found = subscribers(server, name, f"?limit={limit}")
        assert (found["subscribers"], found["listed"]) == (20, min(limit, 20)), limit
    for wrong in ("0", "-1", "x", "", "10001", "99999999999999999999"):
        status, _, body = server.request("GET", f"/subscribers/{name}?limit={wrong}")
        assert status == 400 and json.loads(body)["error"]["code"], (wrong, status, body)
    for line in lines:
        line.close()


def test_only_where_it_is_allowed(server, channel):
    status, _, body = server.request("GET", f"/subscribers/{channel}")
    assert status == 403 and json.loads(body)["error"]["code"] == "presence_off"
    assert server.request("POST", f"/subscribers/quiet:{channel}", b"")[0] == 405


def test_one_connection_with_several_channels(server, channel):
    names = [f"quiet:{channel}-{n}" for n in range(3)]
    with RawWebSocket(server, f"/sub/{','.join(names)}") as line:
        lists = [subscribers(server, name)["list"] for name in names]
        assert [len(found) for found in lists] == [1, 1, 1]
        assert len({found[0]["connection"] for found in lists}) == 1
        assert lists[0][0]["address"] == address_of(line)


def test_counts_while_they_come_and_go(server, channel):
    """A connection is counted once, also while its line is full or its poll is answered again."""
    name = f"quiet:{channel}"
    with Poller(server, name) as poller:
        for n in range(10):
            poller.begin()
            server.wait_for_subscribers(name, 1)
            server.publish(name, str(n))
            assert poller.finish().body == str(n).encode()
            server.wait_for_subscribers(name, 0)


def events(stream, count):
    return [(json.loads(event.text), event.event) for event in (stream.event() for _ in range(count))]


def test_join_and_leave(server, channel):
    """WebSockets and event streams, in the channel `presence:NAME`."""
    name = f"room:{channel}"
    with EventStream(server, f"/sub/presence:{name}") as watcher:
        watcher.begin()
        line = V1(server, f"/sub/{name}")
        line.begin()
        ((joined, kind),) = events(watcher, 1)
        assert kind == joined["event"] == "join" and joined["channel"] == name
        (listed,) = subscribers(server, name)["list"]
        assert joined["connection"] == listed["connection"]
        stream = EventStream(server, f"/sub/{name}")
        ((second, _),) = events(watcher, 1)
        assert second["event"] == "join" and second["connection"] != joined["connection"]
        line.close()
        ((left, kind),) = events(watcher, 1)
        assert (kind, left["connection"]) == ("leave", joined["connection"])
        stream.close()
        ((left, kind),) = events(watcher, 1)
        assert (kind, left["connection"]) == ("leave", second["connection"])


def test_joins_are_balanced_by_leaves(server, channel):
    name = f"room:{channel}"
    with EventStream(server, f"/sub/presence:{name}") as watcher:
        watcher.begin()
        for _ in range(30):
            RawWebSocket(server, f"/sub/{name}").close()
        found = [event for event, _ in events(watcher, 60)]
        joined = [event["connection"] for event in found if event["event"] == "join"]
        left = [event["connection"] for event in found if event["event"] == "leave"]
        assert len(joined) == len(left) == len(set(joined)) == 30 and set(joined) == set(left)


def test_polls_make_no_events(server, channel):
    """They come and go with every answer."""
    name = f"room:{channel}"
    with EventStream(server, f"/sub/presence:{name}") as watcher, Poller(server, name) as poller:
        watcher.begin()
        poller.begin()
        server.wait_for_subscribers(name, 1)
        server.publish(name, "x")
        poller.finish()
        with RawWebSocket(server, f"/sub/{name}"):
            ((event, _),) = events(watcher, 1)
            assert event["event"] == "join"


def test_quiet_namespaces_make_no_events(server, channel):
    with EventStream(server, f"/sub/presence:quiet:{channel}") as watcher:
        watcher.begin()
        RawWebSocket(server, f"/sub/quiet:{channel}").close()
        server.wait_for_subscribers(f"quiet:{channel}", 0)
        server.publish(f"presence:quiet:{channel}", "only this")
        watcher.expect("only this")


def test_long_names(server):
    """With `presence:` before it, the name must still be one."""
    longest = "room:" + "x" * 241
    assert len(longest) == 246
    assert ask(server, upgrade(server, f"/sub/{longest}")).status == 101
    assert ask(server, upgrade(server, f"/sub/{longest}x")).status == 400
    assert ask(server, get(server, f"/sub/{longest}x?poll=1")).status == 400
    assert ask(server, upgrade(server, f"/sub/quiet:{'x' * 249}")).status == 101


def test_no_presence_of_presence(start, plane, namespaces):
    with pytest.raises(AssertionError, match="join_leave"):
        start(plane, config=namespaces("[namespace.presence]\njoin_leave = true\n"))
