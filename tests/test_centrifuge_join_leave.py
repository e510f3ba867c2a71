"""Joins and leaves, as clients of the Centrifuge SDKs hear of them in their channels."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.centrifuge import NodeSdk, PythonSdk, RawCentrifuge
from support.raw_websocket import RawWebSocket
from support.tokens import SECRET, token
from support.waiting import wait_until

ROOMS = """
[namespace.room]
join_leave = true
join_leave_per_second = 0
presence_list = true
publish = "anyone"
[namespace.quiet]
[namespace.known]
presence = "authenticated"
join_leave = true
[namespace.granted]
subscribe = "authenticated"
presence = "granted"
join_leave = true
"""


@pytest.fixture(scope="module")
def rooms(start_shared, plane, shards, namespaces):
    """One server for the tests that leave it as it was."""
    return start_shared(plane, shards, config=namespaces(ROOMS), token_secret=SECRET)


def test_the_npm_sdk_hears_who_comes_and_goes(rooms, room):
    with NodeSdk(rooms, token=token("7", info={"name": "Ann"})) as client:
        own = client.wait_for("connected")["client"]
        client.subscribe(room, joinLeave=True)
        client.wait_for("subscribed")
        expected = {"user": "7", "client": own, "connInfo": {"name": "Ann"}}
        client.wait_for("join", channel=room, info=expected)
        for _ in range(2):
            with RawCentrifuge(rooms, token=token("8")) as other:
                other.ask("subscribe", channel=room)
                about = {"user": "8", "client": other.connected["client"]}
                client.wait_for("join", channel=room, info=about)
                rooms.publish(room, "1")
                client.wait_for("publication", data=1)
            client.wait_for("leave", channel=room, info=about)
        client.do("unsubscribe", channel=room)
        client.wait_for("unsubscribed")


def test_the_python_sdk_hears_who_comes_and_goes(rooms, room):
    with PythonSdk(rooms) as client:
        own = client.wait_for("connected").client
        client.subscribe(room, join_leave=True)
        client.wait_for("subscribed")
        assert client.wait_for("join").info.client == own
        with RawWebSocket(rooms, f"/sub/{room}?token={token('8', info=[1])}"):
            joined = client.wait_for("join").info
            assert (joined.user, joined.conn_info) == ("8", [1])
        assert client.wait_for("leave").info.client == joined.client


def join(client, channel, **fields):
    """Subscribes with joins and leaves, and takes the client's own join."""
    reply = client.ask("subscribe", channel=channel, join_leave=True, **fields)["subscribe"]
    assert not client.waiting, "nothing comes before the reply"
    ((kind, what),) = told(client, channel, 1)
    if kind == "leave":
        # Of its subscription before this one, by the home of the joins and leaves on another shard.
        assert what == client.connected["client"]
        ((kind, what),) = told(client, channel, 1)
    assert (kind, what) == ("join", client.connected["client"])
    return reply


def told(client, channel, count):
    """The next pushes in a channel: what kind each is, and about whom or with which data."""
    found = []
    for _ in range(count):
        push = client.next()["push"]
        assert push.pop("channel") == channel
        ((kind, what),) = push.items()
        found.append((kind, what["data"] if kind == "pub" else what["info"]["client"]))
    return found


def wait_for(client, channel, kind, about):
    """A join or a leave of somebody, whatever else comes before it."""
    while told(client, channel, 1) != [(kind, about.connected["client"])]:
        pass


def test_many_hear_of_each_other(rooms, room):
    """Each of those who come after it, and of nobody before, whatever its shard."""
    clients = [RawCentrifuge(rooms) for _ in range(20)]
    names = [client.connected["client"] for client in clients]
    for client in clients:
        join(client, room)
    rooms.publish(room, "1")
    for at, client in enumerate(clients):
        later = names[at + 1 :]
        found = told(client, room, len(later) + 1)
        # Joins and publications are streams of their own.
        found.remove(("pub", 1))
        assert found == [("join", name) for name in later]
    for at, client in enumerate(clients[:10]):
        if at % 2:
            client.ask("unsubscribe", channel=room)
        client.close()
    for client in clients[10:]:
        assert sorted(told(client, room, 10)) == sorted(("leave", name) for name in names[:10])
    for client in clients[10:]:
        client.close()
    wait_until("nobody listens", lambda: rooms.subscribers(f"presence:{room}") == 0)


def test_no_join_comes_before_the_reply(rooms, room):
    """While others come and go all the time, and in channels that its shard does not know."""
    with RawCentrifuge(rooms) as other, RawCentrifuge(rooms) as client:
        for n in range(60):
            name = f"{room}-{n % 7}"
            for method in ("subscribe", "unsubscribe") * 3:
                other.write(other.command(method, channel=name))
            reply = client.ask("subscribe", channel=name, join_leave=True)
            assert "subscribe" in reply and not client.waiting
            wait_for(client, name, "join", client)
            client.ask("unsubscribe", channel=name)
            client.waiting.clear()
        assert client.ask("ping")["ping"] == {}


def test_nobody_hears_of_them_without_asking_for_it(rooms, room, channel):
    with RawCentrifuge(rooms) as client, RawCentrifuge(rooms) as other:
        client.ask("subscribe", channel=room)
        client.ask("subscribe", channel=f"quiet:{channel}", join_leave=True)
        client.ask("subscribe", channel=f"known:{channel}", join_leave=True)
        for name in (room, f"quiet:{channel}", f"known:{channel}"):
            other.ask("subscribe", channel=name)
            rooms.publish(name, "1")
            assert client.publication(name)["data"] == 1
        assert client.ask("ping")["ping"] == {} and not client.waiting
        assert rooms.subscribers(f"presence:known:{channel}") == 0
    with RawCentrifuge(rooms, token=token("7")) as client:
        join(client, f"known:{channel}")


def test_what_was_before_is_not_told(rooms, room):
    with RawCentrifuge(rooms) as client:
        epoch = client.ask("subscribe", channel=room)["subscribe"]["epoch"]
        client.ask("unsubscribe", channel=room)
        for n in range(5):
            rooms.publish(room, str(n))
            RawWebSocket(rooms, f"/sub/{room}").close()
        wait_until("they have left", lambda: rooms.subscribers(room) == 0)
        reply = client.ask("subscribe", channel=room, join_leave=True, recover=True, epoch=epoch)["subscribe"]
        assert [pub["data"] for pub in reply["publications"]] == [0, 1, 2, 3, 4]
        assert client.push(room, "join")["info"]["client"] == client.connected["client"]
        assert client.ask("ping")["ping"] == {} and not client.waiting


def test_they_end_with_the_subscription(rooms, room):
    with RawCentrifuge(rooms) as client, RawCentrifuge(rooms) as other:
        join(client, room)
        assert rooms.subscribers(f"presence:{room}") == 1
        client.ask("unsubscribe", channel=room)
        other.ask("subscribe", channel=room)
        assert rooms.subscribers(f"presence:{room}") == 0
        assert client.ask("ping")["ping"] == {} and not client.waiting
        client.ask("subscribe", channel=room)
        other.ask("unsubscribe", channel=room)
        client.ask("unsubscribe", channel=room)
        client.ask("subscribe", channel=room, join_leave=True)
        # What was announced before may still be on its way.
        wait_for(client, room, "join", client)
        other.ask("subscribe", channel=room)
        wait_for(client, room, "join", other)


def test_the_channel_of_joins_is_none_of_the_client(rooms, room):
    presence = f"presence:{room}"
    with RawCentrifuge(rooms) as client, RawCentrifuge(rooms) as other:
        join(client, room)
        assert client.ask("presence_stats", channel=room)["presence_stats"] == {"num_clients": 1, "num_users": 1}
        # It may be asked for, and then the joins and leaves are there and nowhere else.
        assert "subscribe" in client.ask("subscribe", channel=presence)
        other.ask("subscribe", channel=room)
        publication = client.publication(presence)
        about = {"user": "", "client": other.connected["client"]}
        assert publication["info"] == about and publication["data"]["event"] == "join"
        client.ask("unsubscribe", channel=presence)
        other.ask("unsubscribe", channel=room)
        assert client.ask("ping")["ping"] == {} and not client.waiting
        # And the other way round.
        client.ask("unsubscribe", channel=room)
        client.ask("subscribe", channel=presence)
        assert "subscribe" in client.ask("subscribe", channel=room, join_leave=True)
        while client.publication(presence)["info"]["client"] != client.connected["client"]:
            pass
        assert client.ask("ping")["ping"] == {} and not client.waiting


def test_what_else_is_published_there_is_no_event(rooms, room):
    with RawCentrifuge(rooms) as client:
        join(client, room)
        rooms.publish(f"presence:{room}", "{}", event="join")
        assert client.publication(f"presence:{room}")["data"] == {}
    with NodeSdk(rooms) as client:
        client.wait_for("connected")
        client.subscribe(room, joinLeave=True)
        client.wait_for("subscribed")
        client.wait_for("join")
        rooms.publish(f"presence:{room}", "{}", event="leave")
        rooms.publish(room, "1")
        client.wait_for("publication", channel=room, data=1)


def test_they_count_as_a_channel(start, plane, namespaces):
    server = start(plane, config=namespaces(ROOMS), token_secret=SECRET, channels_per_connection_max=4)
    with RawCentrifuge(server) as client:
        join(client, "room:a")
        assert "subscribe" in client.ask("subscribe", channel="room:b")
        assert client.ask("subscribe", channel="room:c", join_leave=True)["error"]["code"] == 106
        assert "subscribe" in client.ask("subscribe", channel="room:c")
        assert client.ask("subscribe", channel="room:d")["error"]["code"] == 106
        client.ask("unsubscribe", channel="room:a")
        join(client, "room:d")


def test_a_new_token_takes_them_away(rooms, channel):
    name = f"granted:{channel}"
    with RawCentrifuge(rooms, token=token("7", channels=["granted:*"])) as client:
        join(client, name)
        client.ask("refresh", token=token("7"))
        assert rooms.subscribers(f"presence:{name}") == 0
        with RawCentrifuge(rooms, token=token("8")) as other:
            other.ask("subscribe", channel=name)
            rooms.publish(name, "1")
            assert client.publication(name)["data"] == 1


def test_where_they_are_lost_the_client_asks_anew(rooms, room):
    with RawCentrifuge(rooms) as client:
        join(client, room)
        rooms.delete(f"presence:{room}")
        assert client.push(room, "unsubscribe")["code"] == 2500
        join(client, room)
        rooms.delete(room)
        assert client.push(room, "unsubscribe")["code"] == 2500
        assert client.ask("ping")["ping"] == {} and not client.waiting
        assert rooms.subscribers(f"presence:{room}") == 0


def test_one_that_does_not_read_gets_all_of_them_later(rooms, room):
    """What its socket does not take is cut anywhere, and goes on there."""
    client = RawCentrifuge(rooms, receive_buffer=4_096)
    join(client, room)
    text = json.dumps("x" * 60_000)
    joined = []
    for n in range(120):
        rooms.publish(room, text)
        if n % 5 == 0:
            with RawCentrifuge(rooms) as other:
                other.ask("subscribe", channel=room)
                joined.append(other.connected["client"])
    wait_until("its socket is full", lambda: rooms.counter("connections_blocked") > 0)
    rooms.publish(room, '"end"')
    found = [(kind, what) for kind, what in told(client, room, 121 + 48) if kind != "pub"]
    assert found == [(event, name) for name in joined for event in ("join", "leave")]
    client.close()


def test_backends_hear_only_of_what_clients_asked_for(start, plane, shards, namespaces, backend):
    hooks = backend(events={})
    server = start(plane, shards, config=namespaces(ROOMS + hooks.config("events")), token_secret=SECRET)
    with RawCentrifuge(server) as client:
        join(client, "room:a")
        client.ask("unsubscribe", channel="room:a")
    told = hooks.wait_for_events(lambda told: "disconnected" in [event["type"] for event in told])
    found = [(event["type"], event["channel"]) for event in told if "subscribed" in event["type"]]
    assert found == [("subscribed", "room:a"), ("unsubscribed", "room:a")]


def test_every_subscription_is_answered_while_channels_are_deleted(rooms, room):
    """Also one that waits for the home of a channel which is deleted meanwhile."""
    names = [f"{room}-{n}" for n in range(5)]
    with RawCentrifuge(rooms) as client, ThreadPoolExecutor(1) as pool:
        for n in range(40):
            # Those that nobody knows any more are 404.
            paths = [f"/pub/{kind}{name}" for name in names for kind in ("presence:", "")]
            deletions = pool.submit(lambda paths=paths: [rooms.request("DELETE", path) for path in paths])
            first = client.number + 1
            client.write(*(client.command("subscribe", channel=name, join_leave=n % 2 == 0) for name in names))
            replies = [client.reply(first + at) for at in range(len(names))]
            assert all("subscribe" in reply or reply["error"]["code"] == 100 for reply in replies)
            deletions.result()
            client.write(*(client.command("unsubscribe", channel=name) for name in names))
            assert client.reply(client.number)["unsubscribe"] == {}
            client.waiting.clear()
